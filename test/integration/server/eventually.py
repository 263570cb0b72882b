"""Waiting for what has no other sign than its effect."""

import time


def eventually(condition, within=120.0):
    """What `condition` returns as soon as that is true; fails when it is not within that many seconds.

    The limit is generous: it only decides how long a failure takes.
    """
    deadline = time.monotonic() + within
    while True:
        outcome = condition()
        if outcome:
            return outcome
        assert time.monotonic() < deadline, f"not within {within} s: {condition}"
        time.sleep(0.01)
