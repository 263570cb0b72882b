"""The binary under test, run as its users run it and looked at from outside: HTTPS, signals, /proc."""

import os
import re
import resource
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from eventually import eventually
from https_client import Connection, client_context, connect

BINARY = os.environ["QMS_BINARY"]
# Sanitizers keep shadow memory and hold back what is freed, so there the numbers say nothing about the server.
SANITIZED = os.environ.get("QMS_SANITIZE", "") != ""
PROC_MOUNTED = Path("/proc/self").exists()  # Not in every chroot.

VALUES = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/redis_queue_length"
READ = VALUES + "?labelSelector=queue%3Djobs"

MIB = 1024 * 1024

# For all tests but those about it: the server's own default, 1 s, is less than a busy machine may let a process wait for its turn.
REDIS_TIMEOUT = "20s"


def command(flags):
    """`serve` with a flag for each item; the value None leaves the flag out."""
    given = ((name.replace("_", "-"), value) for name, value in flags.items() if value is not None)
    return [BINARY, "serve", *(f"--{name}={value}" for name, value in given)]


def environment(additions=None):
    """This process's, without what would tell the server of a Redis."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REDIS_")}
    return {**inherited, **(additions or {})}


@dataclass(frozen=True)
class Resources:
    descriptors: int
    threads: int
    resident: int  # Bytes.


def _bytes(text):
    """Of "12 kB"."""
    return int(text.split()[0]) * 1024


class ServerProcess:
    """A server that is up. Its outputs go to files in `directory`."""

    def __init__(self, directory, flags, additions=None, descriptor_limit=None):
        self.ca_file = directory / "server-ca.crt"
        self._output_file = directory / "server.out"
        self._log_file = directory / "server.log"
        self._ended = False

        def limit_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor_limit, descriptor_limit))

        flags = {"auth": "none", "bind_address": "127.0.0.1", "secure_port": 0, "tls_ca_out_file": self.ca_file,
                 "shutdown_delay_duration": "0s", **flags}
        with self._output_file.open("wb") as output, self._log_file.open("wb") as log:
            # Only where it is needed: what runs between fork and exec may hang while this process has other threads.
            prepare = None if descriptor_limit is None else limit_descriptors
            self._process = subprocess.Popen(command(flags), stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                                             env=environment(additions), preexec_fn=prepare)
        self.pid = self._process.pid
        try:
            eventually(lambda: "listening on" in self.output or self._process.poll() is not None)
            address = re.search(r"^listening on https://(.*):(\d+)$", self.output, re.MULTILINE)
            assert address, f"the server did not start: {self.output}{self.log}"
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self.address = (address[1].strip("[]"), int(address[2]))

    @property
    def output(self):
        return self._output_file.read_text()

    @property
    def log(self):
        return self._log_file.read_text()

    # Talking to it ------------------------------------------------------------------------------------------------

    def connect(self, context=None, receive_buffer=None, **options):
        raw = connect(self.address, receive_buffer)
        return Connection(raw, context or client_context(self.ca_file), **options)

    def request(self, target, method="GET", headers=None, context=None):
        """A request on a connection of its own."""
        with self.connect(context) as connection:
            return connection.request(target, method, headers)

    def value(self, queue="jobs"):
        """The length of a queue, as the server tells it."""
        response = self.request(f"{VALUES}?labelSelector=queue%3D{queue}")
        assert response.status == 200, response
        [item] = response.json()["items"]
        return item["value"]

    def telemetry(self, connection=None):
        """/metrics as a mapping from series, as they are written there, to numbers."""
        lines = (connection or self).request("/metrics").text.splitlines()
        return {series: float(number) for series, number in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}

    def wait_for_redis(self):
        """Returns once it is connected to each of its Redis."""
        eventually(lambda: "[+]redis ok" in self.request("/readyz?verbose").text)

    def wait_for_first_lines(self):
        """Returns once its log has what comes by itself, in either order."""
        eventually(lambda: "redis connection is up" in self.log and '"msg":"serving"' in self.log)

    # Looking at it ------------------------------------------------------------------------------------------------

    def resources(self):
        status = self._status()
        return Resources(len(list(self._proc().joinpath("fd").iterdir())), int(status["Threads"]), _bytes(status["VmRSS"]))

    def peak_resident(self):
        """Bytes."""
        return _bytes(self._status()["VmHWM"])

    def memory(self, kind):
        """KiB of VmSize, VmData and the like."""
        return int(self._status()[kind].split()[0])

    def processor_seconds(self):
        fields = self._proc().joinpath("stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def arguments(self):
        """As every user of the machine can read them."""
        return self._proc().joinpath("cmdline").read_text()

    def _status(self):
        return dict(line.split(":\t", 1) for line in self._proc().joinpath("status").read_text().splitlines())

    def _proc(self):
        if not PROC_MOUNTED:
            pytest.skip("/proc is not mounted here")
        return Path(f"/proc/{self.pid}")

    @contextmanager
    def unharmed(self, growth=8 * MIB, target=READ):
        """What is done inside leaves the server as it was: descriptors, threads, memory (but for `growth` bytes, which an
        allocator may keep), and it answers `target`. Without /proc, only that."""
        assert self.request(target).status == 200
        before = self.resources() if PROC_MOUNTED else None
        yield
        if before is not None:
            eventually(lambda: self.resources().descriptors <= before.descriptors)
            eventually(lambda: self.resources().threads == before.threads)
            assert SANITIZED or self.resources().resident <= before.resident + growth
        assert self.request(target).status == 200

    # Ending it ----------------------------------------------------------------------------------------------------

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self):
        """The exit code of a server that was told to end."""
        self._ended = True
        return self._process.wait(timeout=120)

    def running(self):
        return self._process.poll() is None

    def finish(self):
        """Every test ends here: the server must still be there, and end in order when it is told to."""
        try:
            if not self._ended:
                assert self.running(), f"the server ended by itself with {self._process.returncode}"
                self.signal(signal.SIGTERM)
                assert self.wait() == 0
            assert "Sanitizer" not in self.log and "runtime error" not in self.log
        finally:
            self._process.kill()
            self._process.wait()
            print(f"--- log of the server\n{self.log}")  # pytest shows it if the test failed.
