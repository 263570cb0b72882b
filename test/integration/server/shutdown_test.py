"""How the server leaves: first it says so, then it ends what it has begun."""

import signal
import time

import pytest

from eventually import eventually
from https_client import render_request
from server_process import READ


def refuses_connections(server):
    try:
        server.connect().close()
        return False
    except OSError:
        return True


def hold_request(redis, server, connection):
    """Sends a read that Redis will not answer before it is thawed."""
    redis.freeze()
    connection.send(render_request(READ))
    assert server.request("/healthz").status == 200  # One thread reads all requests: by now it has that one, too.


def test_readiness_fails_first_while_requests_are_served(redis, start_server):
    server = start_server(shutdown_delay_duration="600s")
    redis.run("rpush", "jobs", "a")
    with server.connect() as idle:
        assert idle.request("/readyz").header("Connection") != "close"
        server.signal(signal.SIGTERM)
        eventually(lambda: server.request("/readyz").status == 500)
        readiness = server.request("/readyz")
        assert "[-]shutdown failed: reason withheld\n" in readiness.text
        assert readiness.text.endswith("readyz check failed\n")
        assert server.request("/livez").status == 200
        response = idle.request(READ)
        assert response.json()["items"][0]["value"] == "1"
        assert response.header("Connection") == "close"  # So that clients find another replica before this one is gone.
        assert idle.read_response() is None
    assert server.value() == "1"
    server.signal(signal.SIGTERM)  # Nobody waits for ten minutes.
    assert server.wait() == 128 + signal.SIGTERM


def test_after_the_delay_the_server_ends_by_itself(start_server):
    server = start_server(shutdown_delay_duration="1s")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert refuses_connections(server)


@pytest.mark.parametrize("delay", ["0s", "300ms"])
def test_a_request_in_flight_is_answered(redis, start_server, delay):
    redis.run("rpush", "jobs", "a")
    server = start_server(redis_timeout="30s", shutdown_delay_duration=delay)
    with server.connect() as busy, server.connect() as idle:
        assert idle.request(READ).status == 200
        hold_request(redis, server, busy)
        server.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(server))
        assert idle.read_response() is None  # Idle connections are closed at once.
        assert server.running()
        redis.thaw()
        response = busy.read_response()
        assert (response.status, response.header("Connection")) == (200, "close")
        assert response.json()["items"][0]["value"] == "1"
        assert busy.read_response() is None
    assert server.wait() == 0


def test_half_a_request_does_not_hold_the_server_up(start_server):
    server = start_server()
    with server.connect() as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\n")
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - begin < 20  # A head may take 5 s; requests in flight have 30 s.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(redis, start_server, number):
    server = start_server(redis_timeout="30s", shutdown_delay_duration="0s")
    with server.connect() as busy:
        hold_request(redis, server, busy)
        server.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(server))
        assert server.running()
        server.signal(number)
        assert server.wait() == 128 + number
    redis.thaw()


def test_somebody_at_a_terminal_does_not_wait_for_the_delay(start_server):
    server = start_server(shutdown_delay_duration="600s")
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_a_dead_redis_does_not_hold_the_server_up(redis, start_server):
    server = start_server()
    redis.kill()
    assert server.request(READ).status == 503
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
