"""Measures the server beside itself: a metric read from a real Redis, and a handler that does nothing, in turn.

Timings of one machine say little about another, and less while something else runs on it. So each round of reads has a
round of the empty handler next to it, and what counts is the ratio of the two. The load generator and Redis share the
cores with the server, as the table says.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

EMPTY_PATH = "/livez"
METRIC_PATH = (
    "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/redis_queue_length?labelSelector=queue%3Djobs"
)
CONNECTIONS = (1, 8, 64)
IDLE_CONNECTIONS = 200
IDLE_SECONDS = 10
STARTS = 11
START_DEADLINE_SECONDS = 10

RESULT_FILE = pathlib.Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN_MARK = "<!-- begin: written by scripts/bench.sh --write -->\n"
END_MARK = "<!-- end -->\n"


@contextlib.contextmanager
def running(command, **options):
    """The process of `command`; ended, by force if it must be, when the block is left."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def redis_with_jobs(directory):
    """The URL of a Redis of our own whose list "jobs" has three elements."""
    path = f"{directory}/redis.sock"
    with running(
        ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", directory],
        stdout=subprocess.DEVNULL,
    ):
        with socket.socket(socket.AF_UNIX) as client:
            until(START_DEADLINE_SECONDS, lambda: client.connect(path) or True)
            client.sendall(b"RPUSH jobs 1 2 3\r\n")
            if client.recv(16) != b":3\r\n":
                raise RuntimeError("Redis did not take the jobs")
        yield f"unix://{path}"


def until(seconds, attempt):
    """The first true answer of `attempt`, which is tried every millisecond while it raises OSError."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if answer := attempt():
                return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing within {seconds} s")
        time.sleep(0.001)


def server_command(binary, redis_url, port, ca_file):
    return [binary, "serve", "--redis-url", redis_url, "--auth", "none", "--bind-address", "127.0.0.1",
            "--secure-port", str(port), "--tls-ca-out-file", ca_file, "--shutdown-delay-duration", "0s",
            "--log-level", "error"]


def listening_port(server):
    line = server.stdout.readline().decode()
    return int(re.search(r":(\d+)$", line.strip()).group(1))


class Connection:
    """One keep-alive TLS connection to a port of 127.0.0.1."""

    def __init__(self, context, port):
        tcp = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.tls = context.wrap_socket(tcp, server_hostname="localhost")

    def get(self, path):
        """Status and body of the answer, JSON if there is a choice."""
        self.tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, */*\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.receive()
        head, body = answer.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
        while len(body) < length:
            body += self.receive()
        return int(head.split()[1]), body

    def receive(self):
        data = self.tls.recv(65536)
        if not data:
            raise ConnectionResetError("closed by the server")
        return data


def cpu_seconds(pid):
    """Time that all threads of a process have spent on a core, to the nanosecond (not in ticks, as in stat)."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def process_status(pid, key):
    """A number of /proc/PID/status."""
    return int(re.search(rf"^{key}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE).group(1))


@dataclasses.dataclass
class Load:
    """What one round of load found. Times in microseconds."""

    per_second: float
    p50: float
    p99: float
    cpu: float  # Of the server, per request.


def measure_load(load_generator, pid, port, ca_file, path, connections, seconds):
    before = cpu_seconds(pid)
    output = subprocess.run(
        [load_generator, "--port", str(port), "--cacert", ca_file, "--path", path,
         "--connections", str(connections), "--seconds", str(seconds)],
        check=True, stdout=subprocess.PIPE,
    ).stdout
    found = json.loads(output)
    cpu = (cpu_seconds(pid) - before) * 1e6 / found["requests"]
    return Load(found["per_second"], found["p50_us"], found["p99_us"], cpu)


def measure_idle(context, pid, port):
    """The share of a core that connections cost which only wait."""
    connections = [Connection(context, port) for _ in range(IDLE_CONNECTIONS)]
    for connection in connections:
        connection.get(EMPTY_PATH)
    time.sleep(1)
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    share = (cpu_seconds(pid) - before) / IDLE_SECONDS
    for connection in connections:
        connection.tls.close()
    return share


def measure_start(binary, redis_url, directory):
    """Seconds from exec to the first 200, on a port known before, with a certificate made at start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Its CA does not exist yet.

    def answers():
        return Connection(context, port).get(EMPTY_PATH)[0] == 200

    begin = time.monotonic()
    with running(server_command(binary, redis_url, port, f"{directory}/start-ca.crt"),
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        until(START_DEADLINE_SECONDS, answers)
        return time.monotonic() - begin


def machine():
    """The kind of machine, without a name that would tell which, and how busy it is with other things."""
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    release = re.search(r'^PRETTY_NAME="(.*)"$', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return (f"{cpu.group(1) if cpu else 'unknown CPU'}, {len(os.sched_getaffinity(0))} cores shared by server, load "
            f"generator and Redis; load average {os.getloadavg()[0]:.1f} before; {release.group(1)}; "
            f"{datetime.date.today().isoformat()}")


def spread(values, digits):
    """Median, and the least and greatest value."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def load_row(connections, name, loads, ratio):
    def median(field):
        return statistics.median(getattr(load, field) for load in loads)

    return (f"| {connections} | {name} | {median('per_second'):.0f} | {median('p50'):.0f} µs | {median('p99'):.0f} µs "
            f"| {median('cpu'):.1f} µs | {ratio} |")


def report(where, rounds, idle_share, starts, peak_kib, threads):
    """`rounds` has, for each number of connections, pairs of the empty handler's Load and the metric read's."""
    lines = [
        f"Machine: {where}. The ratios are what carries over to other machines; the other numbers belong to this one.",
        "",
        "| connections | request | requests/s | p50 | p99 | server CPU per request | p50 / p50 of `/livez` |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for connections, pairs in rounds.items():
        ratios = [read.p50 / empty.p50 for empty, read in pairs]
        lines.append(load_row(connections, "`/livez`", [empty for empty, _ in pairs], "1"))
        lines.append(load_row(connections, "metric read", [read for _, read in pairs], spread(ratios, 2)))
    lines += [
        "",
        "| | |",
        "|---|---:|",
        f"| CPU for {IDLE_CONNECTIONS} idle keep-alive connections | {idle_share * 100:.2f} % of a core |",
        f"| from exec to the first 200, certificate made at start, {len(starts)} starts "
        f"| {spread([start * 1000 for start in starts], 0)} ms |",
        f"| peak memory (VmHWM) after all of this | {peak_kib / 1024:.1f} MiB |",
        f"| threads | {threads} |",
        "",
        f"Each line of the first table is the median of {len(pairs)} rounds; brackets hold the least and the greatest.",
    ]
    return "\n".join(lines) + "\n"


def write_result(text):
    before, _, rest = RESULT_FILE.read_text().partition(BEGIN_MARK)
    _, _, after = rest.partition(END_MARK)
    RESULT_FILE.write_text(before + BEGIN_MARK + text + END_MARK + after)


def measure(arguments, directory):
    where = machine()
    with redis_with_jobs(directory) as redis_url:
        starts = [measure_start(arguments.server, redis_url, directory) for _ in range(STARTS)]
        ca_file = f"{directory}/ca.crt"
        with running(server_command(arguments.server, redis_url, 0, ca_file), stdout=subprocess.PIPE) as server:
            port = listening_port(server)
            context = ssl.create_default_context(cafile=ca_file)
            status, body = Connection(context, port).get(METRIC_PATH)
            if status != 200 or json.loads(body)["items"][0]["value"] != "3":
                raise RuntimeError(f"not the answer to measure: {status} {body.decode()}")

            def load(path, connections):
                return measure_load(arguments.load_generator, server.pid, port, ca_file, path, connections,
                                    arguments.seconds)

            rounds = {
                connections: [(load(EMPTY_PATH, connections), load(METRIC_PATH, connections))
                              for _ in range(arguments.rounds)]
                for connections in CONNECTIONS
            }
            idle_share = measure_idle(context, server.pid, port)
            return report(where, rounds, idle_share, starts, process_status(server.pid, "VmHWM"),
                          process_status(server.pid, "Threads"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--load-generator", required=True)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of rounds for each number of connections")
    parser.add_argument("--seconds", type=float, default=2, help="length of one round")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        text = measure(arguments, directory)
    print(text, end="")
    if arguments.write:
        write_result(text)


if __name__ == "__main__":
    main()
