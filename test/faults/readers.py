"""Constant reads while something is broken on purpose, each checked against the truth."""

import json
import threading
import time
from dataclasses import dataclass
from functools import partial

from background import Witnesses
from eventually import eventually
from https_client import Overslept, ask_anew
from server_process import VALUES

# Each queue has a length of its own, so that an answer that belongs to another question is found out.
LENGTHS = {f"q{i}": 1000 * i + 7 for i in range(20)}
QUESTIONS = [[name] for name in LENGTHS] + [["q1", "q2", "q3"], list(LENGTHS), ["q19", "nobody-uses-this"]]


def fill(redis):
    """The queues of the readers."""
    for name, length in LENGTHS.items():
        redis.run("EVAL", "for i = 1, ARGV[1] do redis.call('RPUSH', KEYS[1], '') end", "1", name, str(length))


@dataclass(frozen=True)
class Mishap:
    begin: float
    end: float
    what: str


class Readers(Witnesses):
    """Several clients that read one after the other; each comes on a connection that it keeps while it can. What goes wrong in a
    fault, and `grace` seconds later, may cost errors."""

    def __init__(self, address, context, grace, count=4):
        super().__init__(partial(self._read, i) for i in range(count))
        self._address, self._context, self._grace = address, context, grace
        self._lock = threading.Lock()
        self._last_value = [0.0] * count  # When the read that gave the last right values had begun.
        self.values = 0
        self.wrong = []
        self.mishaps = []
        self.longest = 0.0  # Seconds a read took, whatever its answer.

    def __enter__(self):
        super().__enter__()
        self.recover()
        return self

    def recover(self):
        """Returns once every reader has had a value that it asked for from now on."""
        now = time.monotonic()
        eventually(lambda: min(self._last_value) > now)

    def wait_for_mishap(self):
        """Returns once somebody has noticed the fault."""
        count = len(self.mishaps)
        eventually(lambda: len(self.mishaps) > count)

    def unforgiven(self):
        """Mishaps outside of the faults."""
        return [mishap for mishap in self.mishaps if not self.forgives(mishap.end, self._grace)]

    def check(self):
        """What is promised whatever the fault."""
        assert self.wrong == []
        assert self.unforgiven() == []

    def _read(self, number):
        connection = None
        turn = number
        while not self.stopping.is_set():
            names = QUESTIONS[turn % len(QUESTIONS)]
            turn += 1
            target = f"{VALUES}?labelSelector=queue+in+({','.join(names)})"
            begin = time.monotonic()
            try:
                if connection is None:
                    connection, response = ask_anew(self._address, self._context, target)
                else:
                    response = connection.request(target)
                if response.header("Connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, Overslept) as error:
                if not isinstance(error, Overslept):  # Which is no error of the server.
                    self._note(number, begin, f"{type(error).__name__}: {error}")
                if connection is not None:
                    connection.close()
                    connection = None
                time.sleep(0.05)
                continue
            if response.status == 200:
                self._compare(number, begin, names, response)
            else:
                self._note(number, begin, f"{response.status}: {response.text}")
            time.sleep(0.005)
        if connection is not None:
            connection.close()

    def _compare(self, number, begin, names, response):
        items = response.json()["items"]
        told = [(item["metricLabels"]["queue"], item["value"]) for item in items]
        right = [(name, str(LENGTHS.get(name, 0))) for name in names]
        with self._lock:
            self.longest = max(self.longest, time.monotonic() - begin)
            if sorted(told) == sorted(right):
                self.values += 1
                self._last_value[number] = begin
            else:
                self.wrong.append(json.dumps({"told": told, "right": right}))

    def _note(self, number, begin, what):
        with self._lock:
            end = time.monotonic()
            self.longest = max(self.longest, end - begin)
            self.mishaps.append(Mishap(begin, end, what))
