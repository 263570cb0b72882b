"""What an HPA is told when Redis cannot be asked: never a number, always the cause, and only while it lasts."""

import contextlib
import socket
import threading
import time

import pytest

from background import Background
from eventually import eventually
from https_client import render_request
from server_process import MIB, READ, REDIS_TIMEOUT, SANITIZED, VALUES

DISCOVERY = "/apis/external.metrics.k8s.io/v1beta1"
# What else is said of a time-out, depending on what was to be done when it was over.
TOO_LATE = ("could not be connected within ", "was not asked: the time for an answer was up")


def assert_unavailable(response, *causes):
    status = response.status_object()
    assert (status["code"], status["reason"]) == (503, "ServiceUnavailable")
    assert any(cause in status["message"] for cause in causes), status["message"]
    assert "\n" not in status["message"]
    assert response.header("Retry-After") is None  # It would park a worker of the HPA controller.


def assert_the_rest_answers(server):
    for target in (DISCOVERY, "/apis", "/openapi/v2", "/healthz", "/livez", "/readyz", "/metrics", "/version"):
        assert server.request(target).status == 200, target


def recovers(server, value="1"):
    """The next reads give the value by themselves."""
    response = eventually(lambda: (lambda r: r if r.status == 200 else None)(server.request(READ)))
    assert response.json()["items"][0]["value"] == value


def test_a_dead_redis(redis, server):
    redis.kill()
    for _ in range(5):
        assert_unavailable(server.request(READ), "Connection refused", "closed the connection", "Connection reset")
    eventually(lambda: "Connection refused" in server.request(READ).text)
    assert_the_rest_answers(server)
    redis.start()
    redis.run("rpush", "jobs", "x")
    recovers(server)


def test_a_redis_that_was_never_there(redis, start_server):
    redis.kill()
    server = start_server()
    assert_unavailable(server.request(READ), "Connection refused")
    assert_the_rest_answers(server)
    redis.start()
    redis.run("rpush", "jobs", "x")
    recovers(server)


def test_reads_of_a_frozen_redis_do_not_pile_up(redis, start_server):
    """Clients that ask for much, and give up at once only to ask again."""
    server = start_server(redis_timeout="30s")  # Longer than it takes to ask, or the connection is given up before.

    def greedy(client, patience):
        """What no other asks: equal questions would share an answer."""
        names = ",".join(f"q{client}-{i:04}" for i in range(1000))
        return f"{VALUES}?timeout={patience}ms&labelSelector=queue+in+%28{names}%29"

    redis.run("rpush", "jobs", "x")
    assert server.value() == "1"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(50)]
        begin = time.monotonic()
        for i, client in enumerate(clients):
            assert client.request(greedy(i, 30_000)).status == 200
        # With less on a slow machine, most would be late before it is asked, and there would be room for the rest.
        patience = max(200, round((time.monotonic() - begin) * 1000))
        redis.freeze()
        overloaded = False
        for _ in range(20):
            for i, client in enumerate(clients):
                client.send(render_request(greedy(i, 200 if overloaded else patience)))
            assert {client.read_response().status for client in clients} <= {503, 504}
            overloaded = overloaded or 'kind="overload"' in server.request("/metrics").text
        assert overloaded
    assert SANITIZED or server.peak_resident() < 64 * MIB
    redis.thaw()
    recovers(server)


def test_the_hurry_of_one_client_is_nobody_elses(redis, start_server):
    """Whoever gives up early neither takes an answer from those who wait, nor makes an error of Redis."""
    server = start_server(redis_timeout="30s")
    redis.run("rpush", "jobs", "x")
    assert server.value() == "1"
    redis.freeze()
    with contextlib.ExitStack() as stack:
        patient = []
        for _ in range(3):
            hurried = stack.enter_context(server.connect())
            hurried.send(render_request(READ + "&timeout=300ms"))
            patient.append(stack.enter_context(server.connect()))
            patient[-1].send(render_request(READ))
            assert hurried.read_response().status == 504
        redis.thaw()
        for client in patient:
            assert client.read_response().json()["items"][0]["value"] == "1"
    assert server.request(READ + "&timeout=1ns").status == 504
    errors = {series: number for series, number in server.telemetry().items() if "redis_errors_total" in series}
    assert sum(errors.values()) == 0, errors
    assert "cannot read queue length" not in server.log


def test_a_frozen_redis(redis, start_server):
    server = start_server(redis_timeout="1s")
    redis.run("rpush", "jobs", "x")
    recovers(server)
    redis.freeze()
    for _ in range(3):
        assert_unavailable(server.request(READ), "no answer within 1000 ms", "did not answer within ", *TOO_LATE)
    assert_the_rest_answers(server)
    redis.thaw()
    recovers(server)


def test_a_redis_that_was_frozen_at_the_start(redis, start_server):
    redis.freeze()
    server = start_server(redis_timeout="200ms")
    assert_unavailable(server.request(READ), "no answer within 200 ms", *TOO_LATE)
    assert_the_rest_answers(server)
    redis.thaw()
    recovers(server, "0")


def test_a_crowd_that_reads_from_a_frozen_redis_leaves_the_rest_alone(redis, start_server):
    """There are more of them than the server has threads, and the aggregator's probe waits for none of them."""
    server = start_server(redis_timeout="30s")
    redis.freeze()
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(server.connect()) for _ in range(100)]
        for connection in crowd:
            connection.send(render_request(READ))
        with server.connect() as probe:
            for target in (DISCOVERY, "/readyz", "/livez"):
                assert probe.request(target).status == 200
        redis.thaw()
        assert {connection.read_response().status for connection in crowd} == {200}  # So that none was answered before.


def test_a_black_hole(start_server):
    """An address where nothing answers, not even the kernel: its queue of connections is full."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        server = start_server(redis_url=f"redis://127.0.0.1:{hole.getsockname()[1]}", redis_timeout="300ms")
        for _ in range(3):
            assert_unavailable(server.request(READ), "no answer within 300 ms", *TOO_LATE)
        assert_the_rest_answers(server)
        for filler in fillers:
            filler.close()


def test_a_wrong_password(redis, start_server):
    redis.run("config", "set", "requirepass", "right")
    server = start_server(additions={"REDIS_PASSWORD": "wrong"})
    assert_unavailable(server.request(READ), "refused the credentials (WRONGPASS)")
    assert_the_rest_answers(server)


def test_a_missing_password(redis, start_server):
    redis.run("config", "set", "requirepass", "right")
    assert_unavailable(start_server().request(READ), "requires credentials (NOAUTH)")


def test_a_password_that_is_rotated_in_its_file_is_found(redis, start_server, tmp_path):
    redis.run("config", "set", "requirepass", "right")
    file = tmp_path / "password"
    file.write_text("wrong\n")
    server = start_server(redis_password_file=file)
    assert_unavailable(server.request(READ), "WRONGPASS")
    file.write_text("right\n")
    recovers(server, "0")


def test_a_key_that_is_no_queue(redis, server):
    redis.run("set", "jobs", "text")
    assert_unavailable(server.request(READ), 'the key "jobs" holds a string, not a list, set, sorted set, hash or stream')
    assert_the_rest_answers(server)
    redis.run("del", "jobs")
    redis.run("rpush", "jobs", "x")
    recovers(server)


def test_one_unreadable_queue_makes_no_partial_sum(redis, server):
    redis.run("rpush", "a", "x")
    redis.run("set", "b", "text")
    assert_unavailable(server.request(VALUES + "?labelSelector=queue+in+(a,b)"), '"b"')
    assert server.value("a") == "1"


def test_a_user_without_permission(redis, start_server):
    redis.run("acl", "setuser", "reader", "on", ">secret", "~*", "+ping", "+type")
    server = start_server(additions={"REDIS_USERNAME": "reader", "REDIS_PASSWORD": "secret"})
    assert_unavailable(server.request(READ), "NOPERM")


def test_a_restarted_redis_costs_nobody_a_wrong_number(redis, server):
    """Under constant reads: the value or an error, never a 0 that was not there."""
    for name in range(5):
        redis.run("rpush", "jobs", str(name))
    seen = []

    def read():
        with server.connect() as connection:
            while not readers.stopping.is_set():
                response = connection.request(READ)
                seen.append(response.json()["items"][0]["value"] if response.status == 200 else response.status)

    readers = Background([read] * 4)
    with readers:
        redis.run("save")
        redis.kill()
        eventually(lambda: 503 in seen)
        redis.start()
        before = len(seen)
        eventually(lambda: "5" in seen[before:])
    assert set(seen) == {"5", 503}


class Pretender:
    """Accepts connections on a unix socket as Redis does, and says the same to everybody."""

    def __init__(self, path, answer):
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connections = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # Closed.
            with contextlib.suppress(OSError):  # The server has closed this one, and will make another.
                connection.recv(65536)
                connection.sendall(self._answer)
            if self._answer:
                connection.close()
            else:
                self._connections.append(connection)


@pytest.mark.parametrize("answer, causes", [
    (b"", ["no answer within 300 ms", *TOO_LATE]),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", ["answered"]),
    (b"-LOADING Redis is loading the dataset in memory\r\n", ["LOADING", "closed the connection"]),
    (b"-ERR max number of clients reached\r\n", ["max number of clients"]),
    (b"+PONG", ["closed the connection during the handshake"]),
    (b"*2147483647\r\n", ["answered", "closed the connection"]),
], ids=["silence", "HTTP", "loading", "full", "half a reply", "huge array"])
def test_something_that_is_no_working_redis(start_server, tmp_path, answer, causes):
    pretender = Pretender(tmp_path / "pretender.sock", answer)
    try:
        timeout = REDIS_TIMEOUT if answer else "300ms"  # Only silence is not heard before.
        server = start_server(redis_url=f"unix://{tmp_path}/pretender.sock", redis_timeout=timeout)
        for _ in range(5):
            assert_unavailable(server.request(READ), *causes)
        assert_the_rest_answers(server)
    finally:
        pretender.close()


def test_lost_connections_leak_nothing(redis, server):
    server.request(READ)
    before = server.resources()
    for _ in range(10):
        redis.run("client", "kill", "type", "normal")  # All but that of this very command.
        recovers(server, "0")
    eventually(lambda: server.resources().descriptors <= before.descriptors)
    eventually(lambda: server.resources().threads <= before.threads)
