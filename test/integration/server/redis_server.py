"""A redis-server of the test's own."""

import signal
import subprocess

from eventually import eventually


class RedisServer:
    """Listens on a unix socket in `directory`, which keeps its log as well. Saves only when told to."""

    def __init__(self, directory, *options):
        self.log_file = directory / "redis.log"
        self._socket = directory / "redis.sock"
        self._command = ["redis-server", "--port", "0", "--unixsocket", str(self._socket), "--save", "",
                         "--dir", str(directory), "--logfile", str(self.log_file), *options]
        self._process = None

    @property
    def url(self):
        return f"unix://{self._socket}"

    def start(self):
        """Returns once it answers, with what was SAVEd before."""
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        eventually(lambda: self._cli("ping").stdout.startswith((b"PONG", b"NOAUTH")))

    def kill(self):
        """As a crash would: at once, and the socket file stays."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def freeze(self):
        """Connections are still accepted, by the kernel, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def run(self, *arguments):
        """One command, which must succeed."""
        result = self._cli(*arguments)
        assert result.returncode == 0, result
        return result.stdout.decode().rstrip("\n")

    def _cli(self, *arguments):
        command = ["redis-cli", "-e", "-s", str(self._socket), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
