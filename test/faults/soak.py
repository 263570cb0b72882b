"""Mixed load and random faults for a while: a table of what was held and what was lost. The exit code says the same."""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path

from background import Background
from certificates import Authority
from https_client import client_context, connect, render_request
from loopback_proxy import LoopbackProxy
from readers import Readers, fill
from redis_server import RedisServer
from server_process import MIB, VALUES, ServerProcess

GRACE = 2.0  # Seconds after a fault in which errors are still forgiven: twice the server's timeout.
DISCOVERY = "/apis/external.metrics.k8s.io/v1beta1"
# What answers without a Redis, whatever happens to that.
ALWAYS = (DISCOVERY, "/apis", "/openapi/v2", "/livez", "/readyz", "/metrics")


class Visitors(Background):
    """Everybody else: the aggregator's probes, and clients that mean harm."""

    def __init__(self, server):
        super().__init__(partial(self._repeat, visit) for visit in (self._probe, self._harm))
        self._server = server
        self.probes = 0
        self.failed_probes = []
        self.attacks = 0

    def _repeat(self, visit):
        while not self.stopping.wait(0.05):
            visit()

    def _probe(self):
        for target in ALWAYS:
            try:
                status = self._server.request(target).status
            except OSError as error:
                status = error
            self.probes += 1
            if status != 200:
                self.failed_probes.append(f"{target}: {status}")

    def _harm(self):
        """Garbage, floods, half a head and no more, answers that nobody reads."""
        for data in (b"\0" * 1000, b"\x16\x03\x01\xff\xff" + b"\1" * 10_000):
            with connect(self._server.address) as raw:
                raw.settimeout(0.05)
                try:
                    raw.sendall(data)
                    raw.recv(1)
                except OSError:
                    pass
                self.attacks += 1
        for data in (b"GET / HTTP/1.1\r\nX: ", b"GET /" + b"a" * 100_000, render_request("/openapi/v2") * 200,
                     render_request(VALUES + "?labelSelector=" + "a," * 10_000)):
            try:
                with self._server.connect(receive_buffer=2048) as connection:
                    connection.socket.settimeout(0.05)
                    connection.send_while_possible(data)
            except OSError:
                pass
            self.attacks += 1


def faults(redis, proxy, chance):
    """By name, what can be done to the Redis and the way there; each lasts as long as its context."""

    @contextmanager
    def killed():
        redis.kill()
        yield
        redis.start()

    @contextmanager
    def frozen():
        redis.freeze()
        yield
        redis.thaw()

    return {
        "Redis killed and restarted": killed,
        "Redis frozen": frozen,
        "connections reset": proxy.resetting,
        "network silent, then everything late": proxy.holding,
        "network silent, connections lost": proxy.dropping,
        "network slow": lambda: proxy.delaying(chance.choice((0.05, 0.3, 1.2))),
        "answers cut": lambda: proxy.cutting(chance.randrange(30)),
        "answers byte by byte": proxy.crumbling,
    }


def soak(directory, minutes, seed):
    chance = random.Random(seed)
    redis = RedisServer(directory, "--appendonly", "yes", "--appendfsync", "no")
    redis.start()
    fill(redis)
    proxy = LoopbackProxy(redis.url.removeprefix("unix://"))
    server = ServerProcess(directory, {"redis_url": proxy.url})
    happened = Counter()
    try:
        kinds = faults(redis, proxy, chance)
        with Readers(server.address, client_context(server.ca_file), GRACE, count=6) as readers, Visitors(server) as visitors:
            time.sleep(10)  # Until all threads and caches are warm.
            begin = server.resources()
            end_of_soak = time.monotonic() + minutes * 60
            while time.monotonic() < end_of_soak:
                name = chance.choice(list(kinds))
                happened[name] += 1
                with readers.fault(), kinds[name]():
                    time.sleep(chance.uniform(0.1, 2.5))
                readers.recover()
                time.sleep(chance.uniform(0.0, GRACE + 2))
            time.sleep(GRACE + 1)
        time.sleep(6)  # Heads that were never finished are given up after 5 s.
        return report(server, readers, visitors, happened, begin, server.resources())
    finally:
        with redirect_stdout(sys.stderr):  # The log.
            server.finish()
        proxy.close()
        redis.kill()


def report(server, readers, visitors, happened, begin, end):
    unforgiven = readers.unforgiven()
    rows = [
        ("reads with the right numbers", f"{readers.values:,}", readers.values > 0),
        ("reads with a wrong number", len(readers.wrong), not readers.wrong),
        (f"errors during faults and {GRACE:.0f} s after", len(readers.mishaps) - len(unforgiven), True),
        ("errors at any other time", len(unforgiven), not unforgiven),
        ("longest read", f"{readers.longest:.2f} s", readers.longest < 10),
        ("probes, discovery and health answered", f"{visitors.probes - len(visitors.failed_probes):,} of {visitors.probes:,}",
         not visitors.failed_probes),
        ("hostile visits", f"{visitors.attacks:,}", visitors.attacks > 0),
        ("memory at the beginning, at the end, at most",
         f"{begin.resident / MIB:.1f}, {end.resident / MIB:.1f}, {server.peak_resident() / MIB:.1f} MiB",
         end.resident <= begin.resident * 1.1 + MIB),
        ("threads", f"{begin.threads}, {end.threads}", end.threads == begin.threads),
        ("descriptors", f"{begin.descriptors}, {end.descriptors}", end.descriptors <= begin.descriptors),
    ]
    print("| | | |\n|---|---:|---|")
    for name, count in sorted(happened.items()):
        print(f"| fault: {name} | {count} | |")
    for name, value, held in rows:
        print(f"| {name} | {value} | {'held' if held else '**broken**'} |")
    for mishap in unforgiven[:10]:
        print(f"unforgiven: {mishap.what}", file=sys.stderr)
    for what in (readers.wrong + visitors.failed_probes)[:10]:
        print(what, file=sys.stderr)
    return all(held for _, _, held in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        return 0 if soak(Path(directory), arguments.minutes, arguments.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
