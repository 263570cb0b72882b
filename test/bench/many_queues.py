"""Measures what ten thousand configured queues cost: selectors of one queue each, all different, with 10 and with 10,000
queues in the configuration, in turn; and a thousand selectors a second, of one queue and of twenty.

What counts is the ratio of the two, as in bench.py. The Redis is a real one, or a Cluster of three masters.
"""

import argparse
import dataclasses
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from bench import cpu_seconds, listening_port, machine, process_status, running, spread

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration" / "server"))
from redis_server import RedisServer  # noqa: E402
from redis_topologies import Cluster  # noqa: E402

VALUES = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/redis_queue_length?labelSelector="
FEW, MANY = 10, 10_000
SELECTORS = 1_000
RATE = 1_000


@dataclasses.dataclass
class Load:
    """What one round found, by request. Times in microseconds."""

    p50: float
    p99: float
    cpu: float  # Of the server.
    commands: float
    round_trips: float


class Measured:
    """A server with so many queues in its configuration."""

    def __init__(self, arguments, directory, source, nodes, queues):
        self.nodes = nodes
        self._arguments = arguments
        self._directory = directory / f"{len(nodes)}-{queues}"
        self._directory.mkdir()
        self._queues = queues
        lines = "".join(f"  - {{name: q{i}, layout: list}}\n" for i in range(queues))
        (self._directory / "queues.yaml").write_text(f"redis: {{main: {source}}}\nqueues:\n{lines}")

    def command(self):
        return [self._arguments.server, "serve", "--config", self._directory / "queues.yaml", "--auth", "none",
                "--bind-address", "127.0.0.1", "--secure-port", "0", "--tls-ca-out-file", self._directory / "ca.crt",
                "--shutdown-delay-duration", "0s", "--log-level", "error"]

    def use(self, server):
        self.pid = server.pid
        self._port = listening_port(server)
        self._load(1, 1, ["--connections", "1"])

    def load(self, in_a_selector, *flags):
        return self._load(in_a_selector, self._arguments.seconds, flags)

    def _load(self, in_a_selector, seconds, flags):
        paths = self._directory / "paths"
        paths.write_text("".join(VALUES + self._selector(i, in_a_selector) + "\n" for i in range(SELECTORS)))
        before = cpu_seconds(self.pid), self._counts()
        output = subprocess.run(
            [self._arguments.load_generator, "--port", str(self._port), "--cacert", self._directory / "ca.crt",
             "--paths-file", paths, "--seconds", str(seconds), *flags],
            check=True, stdout=subprocess.PIPE).stdout
        found = json.loads(output)
        after = cpu_seconds(self.pid), self._counts()
        requests = found["requests"]
        commands, reads = ((b - a) / requests for a, b in zip(before[1], after[1]))
        return Load(found["p50_us"], found["p99_us"], (after[0] - before[0]) * 1e6 / requests, commands, reads)

    def _selector(self, i, in_a_selector):
        names = (f"q{(i * 7 + k * 97) % self._queues}" for k in range(in_a_selector))
        return f"queue+in+({','.join(names)})" if in_a_selector > 1 else f"queue%3D{next(names)}"

    def _counts(self):
        """LLENs, and how often the nodes read from sockets: once a pipeline, of several requests if they come together."""
        commands = reads = 0
        for node in self.nodes:
            stats = re.search(r"^cmdstat_llen:calls=(\d+)", node.run("info", "commandstats"), re.MULTILINE)
            commands += int(stats[1]) if stats else 0
            reads += int(re.search(r"^total_reads_processed:(\d+)", node.run("info", "stats"), re.MULTILINE)[1])
        return commands, reads


def compare(arguments, directory, what, source, nodes):
    few, many = (Measured(arguments, directory, source, nodes, queues) for queues in (FEW, MANY))
    lines = []
    with running(few.command(), stdout=subprocess.PIPE) as one, running(many.command(), stdout=subprocess.PIPE) as other:
        few.use(one)
        many.use(other)
        pairs = [(few.load(1, "--connections", "8"), many.load(1, "--connections", "8")) for _ in range(arguments.rounds)]
        for field in ("p50", "p99", "cpu"):
            values = [getattr(b, field) / getattr(a, field) for a, b in pairs]
            lines.append(f"| {what} | {field if field != 'cpu' else 'server CPU'} of a request, {MANY:,} / {FEW} queues "
                         f"| {spread(values, 2)} |")
        for in_a_selector in (1, 20):
            loads = [many.load(in_a_selector, "--connections", "8", "--rate", str(RATE)) for _ in range(arguments.rounds)]

            def median(field):
                return statistics.median(getattr(load, field) for load in loads)
            lines.append(f"| {what} | {RATE:,} selectors of {in_a_selector} a second | p50 {median('p50'):.0f} µs, p99 "
                         f"{median('p99'):.0f} µs, {median('cpu') * RATE / 1e4:.0f} % of a core; {median('commands'):.2f} commands "
                         f"and {median('round_trips'):.2f} pipelines a selector |")
        lines.append(f"| {what} | peak memory (VmHWM) after that, {MANY:,} and {FEW} queues | "
                     f"{process_status(many.pid, 'VmHWM') / 1024:.1f} and {process_status(few.pid, 'VmHWM') / 1024:.1f} MiB |")
    return lines


def measure(arguments, directory):
    lines = [f"Machine: {machine()}.", "", "| Redis | | |", "|---|---|---|"]
    (directory / "r").mkdir()
    redis = RedisServer(directory / "r")
    redis.start()
    try:
        lines += compare(arguments, directory, "one server", f"{{url: '{redis.url}'}}", [redis])
    finally:
        redis.kill()
    with Cluster(directory) as cluster:
        addresses = ", ".join(f"'{node.address}'" for node in cluster.nodes)
        lines += compare(arguments, directory, "Cluster of 3", f"{{cluster: {{addresses: [{addresses}]}}}}", cluster.nodes)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--load-generator", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="length of one round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        print(measure(arguments, pathlib.Path(directory)), end="")


if __name__ == "__main__":
    main()
