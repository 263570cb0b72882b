"""Threads of a test that do something all the time, while the test does something else."""

import threading
import time
from contextlib import contextmanager


class Background:
    """Each of `works` has a thread from `with` to its end, and returns once `stopping` is set."""

    def __init__(self, works):
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=work) for work in works]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Witnesses(Background):
    """They remember when something was wrong on purpose."""

    def __init__(self, works):
        super().__init__(works)
        self._windows = []

    @contextmanager
    def fault(self):
        window = [time.monotonic(), float("inf")]
        self._windows.append(window)
        yield
        window[1] = time.monotonic()

    def forgives(self, end, grace):
        """Whether what came to its end then did so in a fault, or within `grace` seconds after it."""
        return any(since <= end <= until + grace for since, until in self._windows)
