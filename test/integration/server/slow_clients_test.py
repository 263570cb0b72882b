"""Crowds of slow and of idle clients, and how an honest client fares meanwhile.

Bounds are generous, because the machine may be busy; the numbers measured are printed.
"""

import time

import pytest

from eventually import eventually
from https_client import connect
from server_process import MIB, READ, SANITIZED
from slow_clients import HALF_A_CLIENT_HELLO, slow_clients

# Seconds. A server that waits for one of its slow clients waits until that one's deadline, 5 s.
WORST_DELAY = 3.0 if SANITIZED else 1.0
OPEN_CONNECTIONS = "queue_metrics_open_connections"


@pytest.fixture
def show(capsys):
    def show(text):
        with capsys.disabled():
            print(f"\n  {text}")
    return show


def measure(server, seconds):
    """Latencies of an honest client: on a connection that is kept, and with a new one for each request."""
    kept, new = [], []
    end = time.monotonic() + seconds
    with server.connect() as connection:
        connection.request(READ)
        while time.monotonic() < end:
            begin = time.monotonic()
            assert connection.request(READ).status == 200
            kept.append(time.monotonic() - begin)
            begin = time.monotonic()
            try:
                assert server.request(READ).status == 200
            except OSError:
                if not SANITIZED:  # There, a handshake costs so much that the crowd's are more than can be served.
                    raise
            new.append(time.monotonic() - begin)
            time.sleep(0.005)
    return sorted(kept), sorted(new)


def summary(latencies):
    return f"median {latencies[len(latencies) // 2] * 1e3:.1f} ms, worst {latencies[-1] * 1e3:.1f} ms of {len(latencies)}"


def test_a_thousand_slow_clients_delay_nobody(server, show):
    kept, new = measure(server, 1)
    show(f"alone: kept connection {summary(kept)}; new connections {summary(new)}")
    with server.unharmed(growth=48 * MIB):
        with server.connect() as watcher, slow_clients(server, 1000):
            eventually(lambda: server.telemetry(watcher)[OPEN_CONNECTIONS] >= 500)  # The default limit is 512.
            for _ in range(3):  # If it is the crowd that delays somebody, it does so every time.
                kept, new = measure(server, 6)
                show(f"among 1,000 slow clients: kept connection {summary(kept)}; new connections {summary(new)}")
                if max(kept[-1], new[-1]) < WORST_DELAY:
                    break
            else:
                raise AssertionError(f"somebody had to wait for more than {WORST_DELAY} s")
        show(f"peak memory {server.peak_resident() / MIB:.1f} MiB")
        assert SANITIZED or server.peak_resident() < 64 * MIB


def test_crowds_leave_nothing_behind(server):
    def crowd():
        with server.connect() as watcher, slow_clients(server, 300):
            eventually(lambda: server.telemetry(watcher)[OPEN_CONNECTIONS] >= 250)
            time.sleep(2)
        eventually(lambda: server.telemetry()[OPEN_CONNECTIONS] == 1)

    crowd()
    # The allocator's holes grow for some crowds before they last: 8 MiB at most were seen, in eight crowds. Here it is
    # the four of them together that may leave 10 KiB for each client.
    with server.unharmed(growth=12 * MIB):
        for _ in range(4):
            crowd()


def test_slow_clients_are_cut_off_by_their_deadlines(server):
    """A handshake and a head may take 5 s, however steadily their bytes come in."""
    with server.connect() as honest, server.connect() as half_head, connect(server.address) as half_handshake:
        assert honest.request(READ).status == 200
        half_head.send(b"GET /healthz HTTP/1.1\r\nX: ")
        half_handshake.sendall(HALF_A_CLIENT_HELLO)

        def is_cut_off():
            half_head.send_while_possible(b"a")
            return server.telemetry()[OPEN_CONNECTIONS] == 2  # The honest one, and that of this very question.

        eventually(is_cut_off)
        assert half_head.read_response() is None
        assert half_handshake.recv(1) == b""
        assert honest.request(READ).status == 200


def test_idle_connections_cost_no_processor(server, show):
    connections = [server.connect() for _ in range(200)]
    for connection in connections:
        assert connection.request(READ).status == 200
    before = server.processor_seconds()
    time.sleep(3)
    share = (server.processor_seconds() - before) / 3
    show(f"200 idle connections: {share * 100:.2f} % of a core")
    assert share < (0.1 if SANITIZED else 0.02)
    assert all(connection.request("/healthz").status == 200 for connection in connections)
    for connection in connections:
        connection.close()
