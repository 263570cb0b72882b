"""One address for several replicas, as a Service is: new connections go to those that are ready, open ones stay where they are."""

import asyncio
import http.client
import ssl
import threading
from contextlib import suppress


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE  # As the kubelet does.


class Balancer:
    """Forwards bytes, from construction to close(). It asks each replica for /readyz as a kubelet does, if much more often.

    The replicas are at ports of 127.0.0.1. Any thread may call.
    """

    PERIOD = 0.1  # Between two probes of one replica,
    FAILURES = 2  # this many of which must fail in a row.

    def __init__(self):
        self._probes = {}  # Port → the thread that probes it, and what ends it.
        self._ready = []  # Ports; the next in turn is first. The loop's own.
        self._connections = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024))
        self.address = self._server.sockets[0].getsockname()

    def add(self, port):
        removed = threading.Event()
        thread = threading.Thread(target=self._probe, args=(port, removed))
        self._probes[port] = thread, removed
        thread.start()

    def remove(self, port):
        """As when its pod is deleted."""
        thread, removed = self._probes.pop(port)
        removed.set()
        thread.join()
        self._loop.call_soon_threadsafe(self._set_ready, port, False)

    @property
    def ready(self):
        """The ports that get new connections."""
        return set(self._ready)

    def close(self):
        for port in list(self._probes):
            self.remove(port)

        async def end():
            self._server.close()
            for connection in self._connections:
                connection.cancel()
            if self._connections:
                await asyncio.wait(self._connections)
        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def _set_ready(self, port, ready):
        if ready and port not in self._ready:
            self._ready.append(port)
        elif not ready and port in self._ready:
            self._ready.remove(port)

    def _probe(self, port, removed):
        failures = 0
        while not removed.wait(self.PERIOD):
            failures = 0 if is_ready(port) else failures + 1
            if failures == 0 or failures >= self.FAILURES:
                self._loop.call_soon_threadsafe(self._set_ready, port, failures == 0)

    async def _accept(self, reader, writer):
        self._connections.add(asyncio.current_task())
        try:
            if not self._ready:
                return
            port = self._ready.pop(0)
            self._ready.append(port)
            replica_reader, replica_writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(forward(reader, replica_writer), forward(replica_reader, writer))
            finally:
                replica_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._connections.discard(asyncio.current_task())


async def forward(reader, writer):
    """What one end sends goes to the other, and so does its end."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()


def is_ready(port):
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=CONTEXT, timeout=60)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
