"""A redis-server of the test's own, and as much of its protocol as a test needs."""

import signal
import socket
import subprocess

from eventually import eventually


class RedisServer:
    """Listens on a unix socket in `directory`, which keeps its log as well. Saves only when told to."""

    def __init__(self, directory, *options, config_file=None, password=None):
        """`password` is what run() needs, if it needs one."""
        self.log_file = directory / "redis.log"
        self._password = password
        self._socket = directory / "redis.sock"
        self._command = ["redis-server", *([str(config_file)] if config_file else []), "--port", "0",
                         "--unixsocket", str(self._socket), "--save", "",
                         "--dir", str(directory), "--logfile", str(self.log_file), *map(str, options)]
        self._process = None

    @property
    def url(self):
        return f"unix://{self._socket}"

    def start(self):
        """Returns once it answers, with what was SAVEd before."""
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        try:
            eventually(self._answers)
        except BaseException:
            self.kill()
            raise

    def kill(self):
        """As a crash would: at once, and the socket file stays."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def freeze(self):
        """Connections are still accepted, by the kernel, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def run(self, *arguments, database=0):
        """The reply to a command, which must succeed."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._socket))
            with connection.makefile("rwb") as stream:
                if self._password is not None:
                    _call(stream, "AUTH", self._password)
                if database != 0:  # Sentinels have none.
                    _call(stream, "SELECT", str(database))
                return _call(stream, *arguments)

    def _answers(self):
        if self._process.poll() is not None:  # Its port may have been taken meanwhile, for instance.
            raise RuntimeError(f"redis-server has ended: {self.log_file.read_text()}")
        try:
            return self.run("PING") == "PONG"
        except OSError:
            return False
        except ErrorReply as error:
            return str(error).startswith("NOAUTH")


class ErrorReply(Exception):
    """Redis has refused a command."""


def _call(stream, *arguments):
    stream.write(b"*%d\r\n" % len(arguments))
    for argument in arguments:
        stream.write(b"$%d\r\n%s\r\n" % (len(argument.encode()), argument.encode()))
    stream.flush()
    return _read_reply(stream)


def _read_reply(stream):
    line = stream.readline().decode().rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind == "-":
        raise ErrorReply(rest)
    if kind == ":":
        return int(rest)
    if kind == "$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return [_read_reply(stream) for _ in range(int(rest))]
    if kind == "+":
        return rest
    raise ConnectionError(f"Redis said {line!r}")
