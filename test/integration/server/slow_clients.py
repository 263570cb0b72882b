"""Clients that are slow on purpose, many at once, from a process of their own."""

import asyncio
import multiprocessing
import resource
import ssl
from contextlib import contextmanager

from eventually import eventually

HALF_A_CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)


async def drip(address, context):
    """A request that is sent byte by byte, one a second."""
    _, writer = await asyncio.open_connection(*address, ssl=context)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def stop_half_way(address, _):
    """Half of a TLS handshake."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(HALF_A_CLIENT_HELLO)
    await reader.read()
    writer.close()


async def add_headers(address, context):
    """A request with ever more header lines."""
    _, writer = await asyncio.open_connection(*address, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\n")
    while True:
        writer.write(b"X-More: and more and more\r\n" * 20)
        await writer.drain()
        await asyncio.sleep(0.05)


ATTACKS = (drip, stop_half_way, add_headers)


async def _attack(address, count, stop):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    async def persist(attack):
        while True:
            try:
                await attack(address, context)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.2)  # Cut off; once more.

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    attackers = [asyncio.ensure_future(persist(ATTACKS[i % len(ATTACKS)])) for i in range(count)]
    while not stop.is_set():
        await asyncio.sleep(0.1)
    for attacker in attackers:
        attacker.cancel()


def _run(address, count, stop):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_attack(address, count, stop))


@contextmanager
def slow_clients(server, count):
    """`count` of them, as many as the server lets in, for as long as the context lasts."""
    processes = multiprocessing.get_context("fork")
    stop = processes.Event()
    attack = processes.Process(target=_run, args=(server.address, count, stop))
    attack.start()
    try:
        yield
        assert attack.is_alive(), "the attack has failed"
    finally:
        stop.set()
        attack.join(30)
        attack.kill()
        attack.join()
