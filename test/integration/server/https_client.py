"""HTTP/1.1 over TLS, byte by byte: what http.client would never send can be sent, and what it would forgive is seen."""

import json
import socket
import ssl
import time
from dataclasses import dataclass

TIMEOUT = 120.0  # Only decides how long a failure takes.
LOST = (ConnectionError, ssl.SSLEOFError)  # What becomes of a connection that the other end has closed.


def client_context(ca_file, certificate=None):
    """Verifies the server strictly; shows `certificate` if the server asks for one."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # As Python 3.13 does by default.
    if certificate is not None:
        context.load_cert_chain(certificate.chain, certificate.key)
    return context


@dataclass(frozen=True)
class Response:
    status: int
    headers: list  # Pairs, names in lower case.
    body: bytes

    def header(self, name):
        """The value of a header that must not be there twice; None without it."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, values
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.text)

    def status_object(self):
        """The body, which must be a Kubernetes Status that says the same as the status line."""
        status = self.json()
        assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure"), status
        assert status["code"] == self.status, status
        return status


def connect(address, receive_buffer=None):
    """A TCP connection. A small `receive_buffer` lets few bytes be under way."""
    raw = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    raw.settimeout(TIMEOUT)
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect(address)
    return raw


def read_to_end(raw):
    """What comes until the other end closes the connection: by a reset, if it has not read everything."""
    received = b""
    try:
        while data := raw.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


class Connection:
    """TLS over the TCP connection `raw`, which it owns."""

    def __init__(self, raw, context, server_hostname="localhost", session=None):
        try:
            self.socket = context.wrap_socket(raw, server_hostname=server_hostname, session=session)
        except BaseException:
            raw.close()
            raise
        self._received = b""
        self._sending_ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def request(self, target, method="GET", headers=None):
        """One request on this connection, and its response."""
        self.send(render_request(target, method, headers))
        response = self.read_response(method)
        if response is None:
            raise ConnectionError("the connection was closed instead of an answer")
        return response

    def end_sending(self):
        """As far as TCP is concerned; TLS says no farewell."""
        self._sending_ended = True
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data)

    def send_while_possible(self, data):
        """To a server that may have heard enough before the end."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def read_response(self, method="GET"):
        """The next response; None if the server has closed the connection properly before it began."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                assert self._received == b"", self._received
                return None
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        status_line, *lines = head.decode("ascii").split("\r\n")
        version, status = status_line.split(" ")[:2]
        assert version == "HTTP/1.1", status_line
        headers = [(name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines)]
        response = Response(int(status), headers, b"")
        length = 0 if method == "HEAD" or response.status == 304 else int(response.header("content-length"))
        while len(self._received) < length:
            assert self._receive(), "the answer is cut short"
        body, self._received = self._received[:length], self._received[length:]
        return Response(response.status, headers, body)

    def read_responses(self):
        """All that come until the server closes the connection."""
        responses = []
        while response := self.read_response():
            responses.append(response)
        return responses

    def _receive(self):
        try:
            data = self.socket.recv(65536)
        except LOST:
            data = b""
        except ssl.SSLError:
            if not self._sending_ended:
                raise
            data = b""  # An alert, for want of a farewell.
        self._received += data
        return data != b""


class Overslept(Exception):
    """This process had to wait for the processor, and a new connection was lost for it."""


def ask_anew(address, context, target, session=None):
    """A new connection, and the answer to the first request on it. Raises Overslept if that came so late that the connection may
    be closed by then: a handshake has 5 s."""
    raw = connect(address)
    begin = time.monotonic()
    took = None
    try:
        connection = Connection(raw, context, session=session)
        took = time.monotonic() - begin
        return connection, connection.request(target)
    except LOST as error:
        if (took or time.monotonic() - begin) < 4:
            raise
        raise Overslept from error


def render_request(target, method="GET", headers=None):
    """`headers` is a mapping, or pairs where a name comes twice."""
    pairs = headers.items() if isinstance(headers, dict) else headers or []
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
