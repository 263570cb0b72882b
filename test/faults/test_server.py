"""The server itself is ill-treated: killed, frozen, left without descriptors, told another time."""

import resource
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from eventually import eventually
from https_client import client_context, connect, render_request
from ports import free_port
from server_process import READ, SANITIZED, VALUES


def test_a_server_that_is_killed_and_started_again(start_server, readers_of, cycles):
    """Nothing outlives it that its successor would need or trip over."""
    port = free_port()
    server = start_server(secure_port=port)
    with readers_of(server) as readers:
        for _ in cycles:
            with readers.fault():
                server.signal(signal.SIGKILL)
                server.wait()
                readers.wait_for_mishap()
                server = start_server(secure_port=port)
            readers.recover()
    readers.check()


def test_a_server_that_is_frozen(server, readers, cycles, redis_timeout):
    """As on a machine that swaps. What came in meanwhile is answered, or given up where it is too old."""
    for _ in cycles:
        with readers.fault():
            server.signal(signal.SIGSTOP)
            time.sleep(1.5 * redis_timeout)
            server.signal(signal.SIGCONT)
        readers.recover()


def test_clients_that_take_all_descriptors(start_server, readers_of, cycles):
    """The ones who were there go on, whatever the newcomers do, and the Redis gets its descriptor back."""
    server = start_server(descriptor_limit=64)
    with readers_of(server) as readers:
        before = server.resources()
        for _ in cycles:
            crowd = [connect(server.address) for _ in range(200)]
            time.sleep(0.5)
            for visitor in crowd:
                visitor.close()
        eventually(lambda: server.resources().descriptors <= before.descriptors)
    readers.check()
    assert readers.mishaps == []


def crowd_with_large_requests(server, count=150):
    """Each asks for more than it then reads."""
    target = f"{VALUES}?labelSelector=queue+in+({','.join(f'q{i}' for i in range(3000))})"
    connections = []
    for _ in range(count):
        try:
            connection = server.connect(receive_buffer=2048)
            connections.append(connection)
            connection.send_while_possible(render_request(target))
        except OSError:
            pass  # There was no memory for it.
    return connections


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends the program when there is no memory")
@pytest.mark.parametrize("limit, used", [(resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")], ids=["AS", "DATA"])
@pytest.mark.parametrize("room", [0, 1000])
def test_a_server_without_memory(start_server, readers_of, cycles, limit, used, room):
    """As with ulimit -v and -d, all used but for `room` KiB: who cannot be served is cut off, and nobody else pays for it later."""
    server = start_server()
    with readers_of(server) as readers:
        for _ in cycles:
            with readers.fault():
                resource.prlimit(server.pid, limit, ((server.memory(used) + room) * 1024, resource.RLIM_INFINITY))
                crowd = crowd_with_large_requests(server)
                time.sleep(0.5)
                assert server.running()
                resource.prlimit(server.pid, limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                for connection in crowd:
                    connection.close()
            readers.recover()
    readers.check()


class Clock:
    """The clock on the wall as a server sees it that is started with `environment`: this machine's, and an offset."""

    def __init__(self, directory):
        [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")  # Of Debian's package libfaketime.
        self._file = directory / "clock"
        self.environment = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file),
                            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.set(0)

    def set(self, seconds):
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.rename(self._file)


@pytest.fixture
def clock(tmp_path):
    if SANITIZED:
        pytest.skip("a sanitizer must be the first library")
    return Clock(tmp_path)


DAY = 24 * 60 * 60


def test_a_clock_that_jumps(start_server, readers_of, clock, cycles):
    """Nothing that waits goes by the clock on the wall; the timestamps do."""
    server = start_server(additions=clock.environment)
    with readers_of(server) as readers:
        for _ in cycles:
            for seconds in (3600, -3600, 3650 * DAY, -3650 * DAY, 0):
                clock.set(seconds)
                readers.recover()
                told = server.request(READ).json()["items"][0]["timestamp"]
                told = datetime.strptime(told, "%Y-%m-%dT%H:%M:%S%z").timestamp()
                assert abs(told - (time.time() + seconds)) < 60
    readers.check()
    assert readers.mishaps == []


def test_certificates_go_by_the_clock_as_it_is(start_server, authority, clock):
    """Also on a connection that was let in before, and as soon as the clock is right again."""
    server = start_server(additions=clock.environment, auth=None, client_ca_file=authority.file)
    context = client_context(authority.file, authority.issue_client())
    with server.connect(context) as connection:
        for seconds, let_in in ((0, True), (10 * DAY, False), (0, True), (3650 * DAY, False), (0, True)):
            clock.set(seconds)
            assert (connection.request(READ).status == 200) == let_in
            assert (server.request(READ, context=context).status == 200) == let_in
        clock.set(-10 * DAY)
        assert server.request(READ, context=context).status == 401
