"""Requests that no honest client sends: what they are answered, and that they leave nothing behind."""

import random
import socket
import struct
import subprocess
import time
from contextlib import suppress

import pytest

from https_client import read_to_end, render_request
from server_process import MIB, READ, SANITIZED, VALUES
from shared_server import lasting_redis, lasting_server, redis, server  # Fixtures.
from wire_format import parse_message

HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
# What would answer "ok" a second time if the server took a body for a request.
SMUGGLED = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"

SMUGGLING = {
    "length and chunked": (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [400]),
    "chunked and length": (GET + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, [400]),
    "two lengths": (GET + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + SMUGGLED, [400]),
    "two equal lengths": (GET + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED, [400]),
    "a list of lengths": (GET + b"Content-Length: 0, 44\r\n\r\n" + SMUGGLED, [400]),
    "length with a sign": (GET + b"Content-Length: +0\r\n\r\n" + SMUGGLED, [400]),
    "negative length": (GET + b"Content-Length: -1\r\n\r\n" + SMUGGLED, [400]),
    "hexadecimal length": (GET + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED, [400]),
    "no length": (GET + b"Content-Length:\r\n\r\n" + SMUGGLED, [400]),
    "unknown coding": (GET + b"Transfer-Encoding: gzip\r\n\r\n" + SMUGGLED, [501]),
    "chunked last": (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [501]),
    "chunked disguised": (GET + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [501]),
    "chunked twice": (GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [501]),
    "chunked in HTTP/1.0": (b"GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [400]),
    "chunked body": (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [200]),
    "chunked with a vertical tab": (GET + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED, [400]),
    "body": (GET + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, [200]),
    "body of a POST": (b"POST /apis HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\n" + SMUGGLED, [405]),
    "body that is announced": (GET + b"Content-Length: 44\r\nExpect: 100-continue\r\n\r\n" + SMUGGLED, [200]),
    "bare LF in the head": (b"GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n" + SMUGGLED, [400]),
    "bare LF at the end": (b"GET /healthz HTTP/1.1\nHost: localhost\n\n" + SMUGGLED, [400]),
    "bare CR in a value": (GET + b"X: y\rContent-Length: 44\r\n\r\n" + SMUGGLED, [400]),
    "CR at the end of a value": (GET + b"X: y\r\r\n\r\n" + SMUGGLED, [400]),
    "folded line": (GET + b"X: y\r\n Content-Length: 44\r\n\r\n" + SMUGGLED, [400]),
    "folded with a tab": (GET + b"X: y\r\n\tz\r\n\r\n" + SMUGGLED, [400]),
    "space before the colon": (GET + b"Content-Length : 44\r\n\r\n" + SMUGGLED, [400]),
    "space in a name": (GET + b"Content Length: 44\r\n\r\n" + SMUGGLED, [400]),
    "no name": (GET + b": y\r\n\r\n" + SMUGGLED, [400]),
    "no colon": (GET + b"nonsense\r\n\r\n" + SMUGGLED, [400]),
    "empty lines before the request": (b"\r\n\r\n" + SMUGGLED, [400]),
    "one empty line before the request": (b"\r\n" + GET + b"Connection: close\r\n\r\n" + SMUGGLED, [200]),
    "two hosts": (GET + b"Host: other\r\n\r\n" + SMUGGLED, [400]),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n" + SMUGGLED, [400]),
    "NUL in a value": (GET + b"X: a\0b\r\n\r\n" + SMUGGLED, [400]),
    "NUL in a name": (GET + b"X\0: a\r\n\r\n" + SMUGGLED, [400]),
    "NUL in the target": (b"GET /health\0z HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "NUL in the method": (b"G\0T /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "space in the target": (b"GET /health z HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "tab for a space": (b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n" + SMUGGLED, [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    "HTTP/1.2": (b"GET /healthz HTTP/1.2\r\n" + HOST + b"\r\n" + SMUGGLED, [505]),
    "http in lower case": (b"GET /healthz http/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "authority form": (b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "bad escape in the path": (b"GET /health%zz HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [400]),
    "close is asked for": (GET + b"Connection: close\r\n\r\n" + SMUGGLED, [200]),
    "close among others": (GET + b"Connection: keep-alive, CLOSE\r\n\r\n" + SMUGGLED, [200]),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n" + SMUGGLED, [200]),
}

FLOODS = {
    "a target of 40 KB": b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target of 1 MB": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without end": b"GET /" + b"a" * 5_000_000,
    "a header of 40 KB": GET + b"X: " + b"a" * 40_000 + b"\r\n\r\n",
    "a header name of 1 MB": GET + b"X" * 1_000_000 + b": a\r\n\r\n",
    "2,001 header lines": GET + b"X: a\r\n" * 2000 + b"\r\n",
    "a million header lines": GET + b"X: a\r\n" * 1_000_000 + b"\r\n",
    "a selector of 1 MB": render_request(VALUES + "?labelSelector=queue%3D" + "a" * 1_000_000),
    "a million requirements": render_request(VALUES + "?labelSelector=" + "a," * 1_000_000),
    "a million values": render_request(VALUES + "?labelSelector=queue+in+(" + "a," * 1_000_000 + ")"),
    "a million parameters": render_request(VALUES + "?" + "&".join(["a=b"] * 250_000)),
    "a request line of line feeds": b"GET /" + b" " * 1_000_000,
}

LARGEST_HEAD = 32 * 1024


def largest_target(prefix, unit, suffix=""):
    """As many units as a head may hold."""
    room = LARGEST_HEAD - len(render_request(prefix + suffix))
    return prefix + unit * (room // len(unit)) + suffix


LARGEST = {
    "requirements": (largest_target(VALUES + "?labelSelector=", "a,", "a"), 404),
    "negations": (largest_target(VALUES + "?labelSelector=", "!a,", "!a"), 404),
    "values": (largest_target(VALUES + "?labelSelector=queue+in+(", "a,", "a)"), 200),
    "brackets": (largest_target(VALUES + "?labelSelector=queue+in+", "("), 400),
    "commas": (largest_target(VALUES + "?labelSelector=", ","), 400),
    "bad values": (largest_target(VALUES + "?labelSelector=queue+in+(", "-,", "a)"), 400),
    "escapes": (largest_target(VALUES + "?labelSelector=", "%2C"), 400),
    "invalid UTF-8": (largest_target(VALUES + "?labelSelector=", "%FF"), 400),
    "parameters": (largest_target(VALUES + "?labelSelector=queue%3Da", "&a"), 200),
    "exclusions": (largest_target("/readyz?verbose", "&exclude=%00"), 200),
    "path": (largest_target("/", "a/"), 404),
    "field selector": (largest_target(READ + "&fieldSelector=", "a=b,", "a=b"), 400),
}

PATHS = {
    VALUES.replace("/redis_queue_length", "%2Fredis_queue_length"): 200,  # As in Go, an escaped slash is a slash.
    VALUES.replace("default", "a%2Fb"): 404,
    VALUES.replace("/namespaces", "//namespaces"): 404,
    VALUES.replace("default", ""): 404,
    "/" + VALUES: 404,
    VALUES.replace("default", "default/../default"): 404,
    VALUES.replace("default", "."): 200,  # A namespace nobody has; nothing is resolved.
    VALUES + "/..": 404,
    VALUES + "/.": 404,
    VALUES + "%00": 404,
    VALUES + ";a=b": 404,
    VALUES + "%3Fa=b": 404,
    VALUES + "%20": 404,
    VALUES + "//": 404,
    "/apis/../etc/passwd": 404,
    "/%2e%2e/%2e%2e/etc/passwd": 404,
    "/..": 404,
    "/healthz/../healthz": 404,
    "//healthz": 404,
    "/healthz%2F": 404,
    "/healthz;": 404,
    "/%68ealthz": 200,
    "https://elsewhere/healthz": 200,
    "/healthz#fragment": 404,
}

INVALID_UTF8 = [VALUES + "?labelSelector=%ff%fe", VALUES + "?labelSelector=queue%3D%c3%28", VALUES + "?labelSelector=queue+in+(%f0%9f",
                VALUES.replace("redis_queue_length", "%ff") + "?labelSelector=queue%3Da",
                VALUES.replace("redis_queue_length", "%ed%a0%80") + "?labelSelector=queue%3Da", VALUES + "?timeout=%ff",
                VALUES + "?limit=%ff", VALUES + "?fieldSelector=%ff", VALUES + "?resourceVersionMatch=%ff", "/%ff", "/readyz/%ff",
                READ + "&labelSelector=\xff"]


def exchange(server, data):
    """Everything the server answers to `data` before it closes the connection."""
    with server.connect() as connection:
        connection.send_while_possible(data)
        return connection.read_responses()


@pytest.mark.parametrize("data, answers", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_no_request_hides_in_another(server, data, answers):
    with server.unharmed():
        responses = exchange(server, data)
        assert [response.status for response in responses] == answers
        assert responses[-1].header("Connection") == "close"
        if answers[0] >= 400:
            assert responses[-1].status_object()["message"]


@pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
def test_a_head_is_bounded(server, data):
    with server.unharmed():
        responses = exchange(server, data)
        assert [response.status for response in responses] == [431]
        assert responses[0].status_object()["message"]
    assert SANITIZED or server.peak_resident() < 64 * MIB


@pytest.mark.parametrize("target, code", LARGEST.values(), ids=LARGEST.keys())
def test_the_largest_heads_are_answered_like_any_other(server, target, code):
    with server.unharmed(growth=16 * MIB), server.connect() as connection:
        response = connection.request(target)
        assert response.status == code
        if code >= 400:
            assert response.status_object()["message"]
        assert connection.request("/healthz").text == "ok"


def test_one_byte_more_than_the_largest_head_is_too_much(server):
    head = render_request("/healthz", headers={"X": "a"})
    largest = head.replace(b"X: a", b"X: a" + b"a" * (LARGEST_HEAD - len(head)))
    assert len(largest) == LARGEST_HEAD
    with server.connect() as connection:
        connection.send(largest)
        assert connection.read_response().status == 200
        connection.send(largest.replace(b"X: a", b"X: aa"))
        assert [response.status for response in connection.read_responses()] == [431]


@pytest.mark.parametrize("value", ["a" * 9_000, "a, " * 8_000, "%0d%0a", "\xff", "Content-Length: 1"])
def test_whatever_is_said_of_the_connection_it_is_answered_and_kept(server, value):
    with server.unharmed(), server.connect() as connection:
        for _ in range(2):
            response = connection.request("/healthz", headers={"Connection": value})
            assert (response.status, response.text) == (200, "ok")
        assert connection.request("/healthz").text == "ok"


@pytest.mark.parametrize("path, code", PATHS.items())
def test_paths_are_taken_literally(server, path, code):
    with server.unharmed():
        response = server.request(path + ("" if "healthz" in path else "?labelSelector=queue%3Da"))
        assert response.status == code
        if code >= 400:
            assert response.status_object()["message"]


@pytest.mark.parametrize("target", INVALID_UTF8)
def test_answers_are_well_formed_whatever_they_quote(server, target):
    with server.unharmed():
        response = server.request(target)
        assert 200 <= response.status < 500
        if response.status >= 400:
            assert response.status_object()["message"]  # Which is UTF-8, or it would not have been decoded.
        protobuf = server.request(target, headers={"Accept": "application/vnd.kubernetes.protobuf"})
        assert protobuf.status == response.status
        assert parse_message(parse_message(protobuf.body[4:])[2][0])


def test_every_byte_in_every_place_is_answered_or_refused(server):
    """Never 5xx but 501 and 505, never silence, never anything but HTTP."""
    with server.unharmed():
        connection = server.connect()
        for byte in (bytes([i]) for i in range(256)):
            for data in (b"GET /a" + byte + b"b HTTP/1.1\r\n" + HOST, b"G" + byte + b"T / HTTP/1.1\r\n" + HOST,
                         GET + b"X" + byte + b"Y: z\r\n", GET + b"X: y" + byte + b"z\r\n", GET + b"Accept: " + byte + b"\r\n"):
                connection.send(data + b"\r\n")
                response = connection.read_response()
                assert response.status < 500 or response.status in (501, 505), data
                if response.header("Connection") == "close":
                    assert connection.read_response() is None
                    connection.close()
                    connection = server.connect()
        connection.close()


def test_random_mutations_of_a_request(server):
    random_bytes = random.Random(3)
    request = render_request(READ, headers={"Accept": "application/json;q=0.5, */*", "Connection": "close"})
    with server.unharmed():
        for _ in range(300):
            mutated = bytearray(request)
            for _ in range(random_bytes.randint(1, 4)):
                position = random_bytes.randrange(len(mutated))
                mutated[position:position + random_bytes.randint(0, 2)] = random_bytes.randbytes(random_bytes.randint(0, 2))
            with server.connect() as connection:
                connection.send(bytes(mutated))
                connection.end_sending()
                for response in connection.read_responses():
                    assert response.status < 500 or response.status in (501, 505), mutated


# Connections ------------------------------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(redis, server):
    names = [f"q{i}" for i in range(100)]
    for i, name in enumerate(names[:5]):
        redis.run("eval", f"for i = 1, {i} do redis.call('rpush', KEYS[1], i) end", "1", name)
    with server.unharmed(), server.connect() as connection:
        begin = time.monotonic()
        connection.send(b"".join(render_request(f"{VALUES}?labelSelector=queue%3D{name}") for name in names))
        for i, name in enumerate(names):
            [item] = connection.read_response().json()["items"]
            assert (item["metricLabels"]["queue"], item["value"]) == (name, str(i if i < 5 else 0))
        assert time.monotonic() - begin < 45  # None of them waited for the reactor's next sweep, half a second away.


def test_requests_that_come_in_pieces(server):
    request = render_request(READ)
    with server.unharmed(), server.connect() as connection:
        for i in range(len(request)):
            connection.send(request[i:i + 1])
        assert connection.read_response().status == 200
        connection.send(request + request[:20])
        assert connection.read_response().status == 200
        connection.send(request[20:])
        assert connection.read_response().status == 200


def test_a_client_that_has_said_its_last_word_is_answered(server):
    with server.unharmed(), server.connect() as connection:
        connection.send(render_request(READ))
        connection.end_sending()
        assert connection.read_response().status == 200
        assert connection.read_response() is None


def test_half_a_request_and_no_more_to_come(server):
    with server.unharmed(), server.connect() as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost:")
        connection.end_sending()
        assert connection.read_responses() == []


def test_clients_that_vanish_at_any_point(server):
    """With a reset instead of a farewell: after connecting, mid-handshake, mid-request, with an answer under way."""

    def vanish(raw):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()

    with server.unharmed():
        for _ in range(50):
            vanish(socket.create_connection(server.address))
            raw = socket.create_connection(server.address)
            raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            vanish(raw)
            for data in (b"", b"GET /healthz HT", render_request(READ), render_request(READ) * 20):
                connection = server.connect()
                connection.send(data)
                vanish(connection.socket)


NO_HANDSHAKES = {
    "zeros": b"\0" * 1000,
    "ones": b"\xff" * 1000,
    "a record that is too long": b"\x16\x03\x01\xff\xff" + b"\1" * 100_000,
    "a message that is too long": b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03",
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "a change of ciphers": b"\x14\x03\x03\x00\x01\x01",
    "data": b"\x17\x03\x03\x40\x00" + b"a" * 16384,
    "SSLv2": b"\x80\x2e\x01\x03\x01" + b"\0" * 50,
    "SSH": b"SSH-2.0-x\r\n",
    "noise": random.Random(5).randbytes(100_000),
}


@pytest.mark.parametrize("data", NO_HANDSHAKES.values(), ids=NO_HANDSHAKES.keys())
def test_what_is_no_handshake_is_cut_off(server, data):
    with server.unharmed(), socket.create_connection(server.address, timeout=60) as raw:
        with suppress(ConnectionError):
            raw.sendall(data)
        read_to_end(raw)


def test_a_client_that_asks_for_new_keys_all_the_time(server):
    """In TLS 1.3 each such request has to be answered; the answers must not pile up."""
    host, port = server.address
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_3", "-CAfile", str(server.ca_file)]
    with server.unharmed():
        for _ in range(5):
            result = subprocess.run(command, input=b"K\n" * 500, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                                    check=False)
            assert b"Verify return code: 0 (ok)" in result.stdout and b"KEYUPDATE" in result.stdout


def test_clients_that_read_nothing(server):
    """Each asks for more than any socket takes: the server holds one answer for each, and reads no further."""
    with server.unharmed():
        readers = [server.connect(receive_buffer=2048) for _ in range(20)]
        for reader in readers:
            reader.socket.setblocking(False)
            reader.send_while_possible(render_request("/openapi/v2") * 1000)
        for _ in range(20):
            assert server.request(READ).status == 200
            time.sleep(0.05)
        assert SANITIZED or server.peak_resident() < 64 * MIB
        for reader in readers:
            reader.close()


def test_an_answer_that_is_read_slowly_is_whole(server):
    """Through a window so small that the server has to wait for it many times."""
    names = ",".join(f"q{i}" for i in range(1000))
    with server.unharmed(growth=16 * MIB), server.connect(receive_buffer=2048) as connection:
        count = 30
        connection.send(render_request(f"{VALUES}?labelSelector=queue+in+({names})") * count)
        for _ in range(count):
            assert len(connection.read_response().json()["items"]) == 1000
