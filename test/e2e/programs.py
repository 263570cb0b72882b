"""Programs the tests start and end, and waiting for what they do."""

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """However the tests end, nothing they started survives them."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A running program whose output goes to a file; it runs from construction to stop()."""

    def __init__(self, argv: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None):
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, preexec_fn=_die_with_parent
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check_running(self) -> None:
        code = self._process.poll()
        if code is not None:
            raise RuntimeError(f"{self._process.args[0]} ended with {code}; the end of {self.log}:\n{self.log.read_text()[-2000:]}")

    def freeze(self) -> None:
        """It keeps its connections, and does nothing any more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As the machine would, out of memory."""
        self._process.kill()
        self._process.wait()

    def stop(self, timeout: float = 30) -> int:
        """Asks the program to end and returns its exit code; one that does not end in time is killed, and that is an error."""
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


def wait_until(what: str, read: Callable[[], Value], satisfied: Callable[[Value], bool] = bool, timeout: float = 60) -> Value:
    """Reads until the value satisfies and returns it; fails with the last value read."""
    deadline = time.monotonic() + timeout
    while not satisfied(value := read()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: after {timeout} s still {value!r}")
        time.sleep(0.3)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
