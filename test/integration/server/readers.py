"""Clients that read all the time, while something is done to the server, and remember each read that failed."""

import threading
import time
from functools import partial

from background import Background
from eventually import eventually
from https_client import LOST, Overslept, ask_anew
from server_process import READ


class Readers(Background):
    """Threads that read from `with` to its end: on kept connections, on a new one for each read, and on a new one that resumes
    the TLS session of the one before if the server lets it. `context` is called for each new connection; `jobs` must hold JOBS.
    """

    JOBS = ("a", "b", "c")

    def __init__(self, address, context):
        super().__init__(partial(self._run, kind()) for kind in (self._kept, self._new, self._resumed))
        self.failures = []  # Complete after the end of `with`.
        self._address = address
        self._context = context
        self._counts = {}

    def read_on(self, count=20):
        """Returns when each of them has begun and ended as many reads more."""
        before = dict(self._counts)
        eventually(lambda: len(self._counts) == len(self.threads)
                   and all(self._counts[thread] > before.get(thread, 0) + count for thread in self._counts))

    def _run(self, read):
        while not self.stopping.is_set():
            try:
                response = read()
                if response.status != 200 or response.json()["items"][0]["value"] != str(len(self.JOBS)):
                    self.failures.append(response)
            except Overslept:
                continue  # It counts neither as a failure nor as a read.
            except Exception as error:  # Whatever it is, it is a failed read.
                self.failures.append(error)
            self._counts[threading.current_thread()] = self._counts.get(threading.current_thread(), 0) + 1
            time.sleep(0.005)

    def _ask_anew(self, context, session=None):
        return ask_anew(self._address, context, READ, session)

    def _new(self):
        def read():
            connection, response = self._ask_anew(self._context())
            connection.close()
            return response
        return read

    def _resumed(self):
        context, session = None, None

        def read():
            nonlocal context, session
            if context is None or context != self._context():
                context, session = self._context(), None  # A session belongs to the context it began in.
            connection, response = self._ask_anew(context, session)
            session = connection.socket.session
            connection.close()
            return response
        return read

    def _kept(self):
        connection = None

        def read():
            nonlocal connection
            response = None
            if connection is not None:
                try:
                    response = connection.request(READ)
                except LOST:  # As Go's client: closed before the answer began, so it is asked anew, once.
                    connection.close()
                    connection = None
            if response is None:
                connection, response = self._ask_anew(self._context())
            if response.header("Connection") == "close":
                connection.close()
                connection = None
            return response
        return read
