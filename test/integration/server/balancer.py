"""One address for several replicas, as a Service is: new connections go to those that are ready, open ones stay where they are."""

import asyncio
import ssl
import threading
from contextlib import suppress


class Balancer:
    """Forwards bytes, from construction to close(). It asks each replica for /readyz as a kubelet does, if much more often.

    The replicas are at ports of 127.0.0.1. Any thread may call.
    """

    PERIOD = 0.1  # Between two probes of one replica,
    FAILURES = 2  # this many of which must fail in a row.

    def __init__(self):
        self._replicas = {}  # Port → what probes it.
        self._ready = []  # Ports; the next in turn is first.
        self._connections = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024))
        self.address = self._server.sockets[0].getsockname()

    def add(self, port):
        async def probe():
            self._replicas[port] = asyncio.ensure_future(self._probe(port))
        self._call(probe())

    def remove(self, port):
        """As when its pod is deleted."""
        async def forget():
            self._replicas.pop(port).cancel()
            self._set_ready(port, False)
        self._call(forget())

    @property
    def ready(self):
        """The ports that get new connections."""
        return set(self._ready)

    def close(self):
        async def end():
            self._server.close()
            tasks = [*self._replicas.values(), *self._connections]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
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

    async def _probe(self, port):
        failures = 0
        while True:
            try:
                failures = 0 if await asyncio.wait_for(is_ready(port), 5) else failures + 1
            except (OSError, asyncio.TimeoutError, ssl.SSLError, asyncio.IncompleteReadError):
                failures += 1
            if failures == 0 or failures >= self.FAILURES:
                self._set_ready(port, failures == 0)
            await asyncio.sleep(self.PERIOD)

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
        except OSError:
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


async def is_ready(port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # As the kubelet does.
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()
