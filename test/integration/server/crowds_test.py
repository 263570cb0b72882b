"""More clients than there is room for: who is let go, and who is not."""

import resource
import time

import pytest

from eventually import eventually
from https_client import Connection, client_context, connect, render_request
from server_process import MIB, READ, SANITIZED

OPEN_CONNECTIONS = "queue_metrics_open_connections"
SHED = "queue_metrics_connections_shed_total"


@pytest.fixture(autouse=True)
def many_descriptors():
    """For this process, which holds the other ends."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def close_all(connections):
    for connection in connections:
        connection.close()


def test_visitors_make_room_for_each_other(start_server):
    server = start_server(max_connections=64)
    with server.unharmed():
        with server.connect() as honest:
            assert honest.request(READ).status == 200
            visitors = [connect(server.address) for _ in range(3000)]
            assert honest.request(READ).status == 200  # It has asked something once, they have not.
            telemetry = server.telemetry()
            assert telemetry[OPEN_CONNECTIONS] <= 64
            assert telemetry[SHED] >= 2000  # The others are there, or were for 5 s without a handshake.
            close_all(visitors)
    assert SANITIZED or server.peak_resident() < 32 * MIB


def test_clients_with_a_handshake_make_room_as_well(start_server):
    server = start_server(max_connections=64)
    with server.unharmed():
        with server.connect() as honest:
            assert honest.request(READ).status == 200
            visitors = [server.connect() for _ in range(300)]
            assert honest.request(READ).status == 200
            assert server.telemetry()[OPEN_CONNECTIONS] <= 64
            close_all(visitors)


def test_newcomers_find_room_among_idle_clients(start_server):
    """Whoever fills the room with connections that were answered once must not keep everybody else out."""
    server = start_server(max_connections=64)
    idle = [server.connect() for _ in range(64)]
    for connection in idle:
        assert connection.request("/healthz").status == 200
    newcomer = connect(server.address)
    others = [connect(server.address) for _ in range(20)]
    with Connection(newcomer, client_context(server.ca_file)) as honest:
        assert honest.request(READ).status == 200
    close_all(idle + others)


def test_thousands_of_idle_clients(server):
    """Each has been answered and stays; the default limit holds, and what they cost is bounded and given back."""
    with server.unharmed(growth=48 * MIB):  # An allocator keeps some of what 512 connections took.
        idle = []
        for _ in range(2000):
            idle.append(server.connect())
            assert idle[-1].request("/healthz").status == 200
        assert server.request(READ).status == 200
        telemetry = server.telemetry()
        assert telemetry[OPEN_CONNECTIONS] <= 512
        assert telemetry[SHED] >= 1000  # The others are there, or were idle for two minutes.
        assert SANITIZED or server.peak_resident() < 64 * MIB
        close_all(idle)


def test_the_front_proxy_keeps_its_place(start_server, authority):
    """Clients with a certificate are the last to go, even while everybody else asks for something, too."""
    server = start_server(auth=None, client_ca_file=authority.file, max_connections=64)
    context = client_context(server.ca_file, authority.issue_client())
    proxy = [server.connect(context) for _ in range(5)]
    for connection in proxy:
        assert connection.request(READ).status == 200
    strangers = []
    for _ in range(500):
        strangers.append(server.connect())
        assert strangers[-1].request("/healthz").status == 200
        strangers.append(connect(server.address))
    for connection in proxy:
        assert connection.request(READ).status == 200
    assert server.request("/metrics", context=context).status == 200  # And it can come again.
    close_all(proxy + strangers)


def test_requests_in_flight_are_not_cut_off(redis, start_server):
    server = start_server(max_connections=64, redis_timeout="30s")
    with server.connect() as busy:
        redis.freeze()
        busy.send(render_request(READ))
        assert server.request("/healthz").status == 200  # By now the server has that request.
        visitors = [connect(server.address) for _ in range(500)]
        eventually(lambda: server.telemetry()[SHED] >= 100)  # The others may go by themselves, after 5 s without a handshake.
        redis.thaw()
        assert busy.read_response().status == 200
    close_all(visitors)


def test_the_limit_holds_while_everybody_is_being_served(redis, start_server):
    """Nobody can be let go then, so that newcomers have to wait."""
    server = start_server(max_connections=16, redis_timeout="30s")
    assert server.value() == "0"
    before = server.resources().descriptors
    redis.freeze()
    busy = [server.connect() for _ in range(16)]
    for connection in busy:
        connection.send(render_request(READ))
    visitors = [connect(server.address) for _ in range(200)]
    time.sleep(1)
    assert server.resources().descriptors <= before + 16 + 2  # The next in line, and at times the one after that.
    redis.thaw()
    for connection in busy:
        assert connection.read_response().status == 200
    assert server.value() == "0"
    close_all(busy + visitors)


def test_a_server_without_descriptors_goes_on(redis, start_server):
    server = start_server(descriptor_limit=64)
    with server.unharmed():
        with server.connect() as honest:
            assert honest.request(READ).status == 200
            visitors = [connect(server.address) for _ in range(200)]
            assert honest.request(READ).status == 200
            for _ in range(5):
                assert server.request(READ).status == 200  # New clients are let in, too.
            redis.kill()
            assert honest.request(READ).status == 503
            redis.start()
            eventually(lambda: honest.request(READ).status == 200)  # Redis gets its descriptor back.
            close_all(visitors)


def test_connections_come_and_go_without_a_trace(server):
    for _ in range(50):
        server.request(READ)
    with server.unharmed(growth=2 * MIB):
        for _ in range(500):
            server.request(READ)
