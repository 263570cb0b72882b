"""Replicas are replaced one after the other, as a Deployment does it, and nobody who reads notices."""

import signal
import threading
import time

import pytest

from balancer import Balancer
from eventually import eventually
from https_client import Connection, client_context, connect
from server_process import READ


class Readers:
    """Threads that read without a pause: half of them on kept connections, the other half on a new one for each read."""

    def __init__(self, address, ca_file):
        self._address = address
        self._ca_file = ca_file
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.reads = 0
        self.failures = []
        self._threads = [threading.Thread(target=target) for target in (self._keep, self._come_anew) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _connect(self):
        return Connection(connect(self._address), client_context(self._ca_file))

    def _come_anew(self):
        while not self._stopping.is_set():
            self._count(self._read_once)
            time.sleep(0.005)

    def _read_once(self):
        with self._connect() as connection:
            return connection.request(READ)

    def _keep(self):
        self._kept = threading.local()
        while not self._stopping.is_set():
            self._count(self._read_on_kept)
            time.sleep(0.001)

    def _read_on_kept(self):
        """As Go's client: a kept connection that was closed before the answer began is replaced, once."""
        connection = getattr(self._kept, "connection", None)
        response = None
        if connection is not None:
            try:
                response = connection.request(READ)
            except ConnectionError:
                connection.close()
        if response is None:
            self._kept.connection = connection = self._connect()
            response = connection.request(READ)
        if response.header("Connection") == "close":
            connection.close()
            self._kept.connection = None
        return response

    def _count(self, read):
        try:
            response = read()
            problem = None if response.status == 200 and response.json()["items"][0]["value"] == "3" else response
        except Exception as error:  # Whatever it is, it is a failed read.
            problem = repr(error)
        with self._lock:
            self.reads += 1
            if problem is not None:
                self.failures.append(problem)


@pytest.fixture
def balancer():
    running = Balancer()
    yield running
    running.close()


def test_no_read_fails_while_every_replica_is_replaced(redis, start_server, authority, balancer):
    redis.run("rpush", "jobs", "a", "b", "c")
    certificate = authority.issue_server()

    def start_replica():
        replica = start_server(tls_cert_file=certificate.chain, tls_private_key_file=certificate.key, tls_ca_out_file=None,
                               shutdown_delay_duration="5s")
        balancer.add(replica.address[1])
        eventually(lambda: replica.address[1] in balancer.ready)
        return replica

    replicas = [start_replica(), start_replica()]
    readers = Readers(balancer.address, authority.file)
    try:
        for _ in range(2):
            before = readers.reads
            replicas.append(start_replica())  # maxSurge: 1
            leaving = replicas.pop(0)
            leaving.signal(signal.SIGTERM)
            assert leaving.wait() == 0
            balancer.remove(leaving.address[1])
            eventually(lambda: readers.reads > before + 20)
    finally:
        readers.stop()
    assert readers.failures == []
    for replica in replicas:
        replica.signal(signal.SIGINT)  # Without the delay.
        assert replica.wait() == 0
