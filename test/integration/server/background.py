"""Threads of a test that do something all the time, while the test does something else."""

import threading
import time
from contextlib import contextmanager


class Background:
    """Each of `works` has a thread from `with` to its end, and returns once `stopping` is set. What one of them raises fails
    the test in the end."""

    def __init__(self, works):
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run_work, args=(work,)) for work in works]
        self._errors = []

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run_work(self, work):
        try:
            work()
        except Exception as error:
            self._errors.append(error)


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
