"""The two programs the cluster scales on: a real Redis, and our server as the Deployment runs it."""

import os
import subprocess
from pathlib import Path

from control_plane import ControlPlane
from installation import write_kubeconfig
from programs import Program, free_port, wait_until


class Redis:
    """A redis-server that keeps its data when it is stopped and started again."""

    def __init__(self, directory: Path, *flags: str):
        self._directory = directory
        self._flags = flags
        self.port = free_port()
        directory.mkdir()
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._program = Program(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._directory)]
            + ["--appendonly", "yes", "--appendfsync", "no", "--save", "", *self._flags],
            self._directory / "redis.log",
        )
        wait_until("redis answers", lambda: self._program.check_running() or self._cli("PING").returncode == 0)

    def stop(self) -> None:
        self._program.stop()

    def kill(self) -> None:
        self._program.kill()

    def __call__(self, *command: object) -> str:
        """The answer to one command."""
        done = self._cli(*(str(word) for word in command))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _cli(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["redis-cli", "-e", "-p", str(self.port), *command], capture_output=True, text=True, timeout=10, check=False
        )


class WatchedRedis:
    """A master and a replica, and three Sentinels that call them NAME and make the other one master when one is dead for 2 s."""

    NAME = "jobs"

    def __init__(self, directory: Path):
        directory.mkdir()
        self.first = Redis(directory / "first", "--repl-diskless-sync-delay", "0")
        self.second = Redis(directory / "second", "--replicaof", "127.0.0.1", str(self.first.port))
        self._sentinels = [free_port() for _ in range(3)]
        self._programs = []
        for port in self._sentinels:
            file = directory / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {directory}\nsentinel monitor {self.NAME} 127.0.0.1 {self.first.port} 2\n"
                f"sentinel down-after-milliseconds {self.NAME} 2000\nsentinel failover-timeout {self.NAME} 5000\n"
            )
            self._programs.append(Program(["redis-server", file, "--sentinel"], file.with_suffix(".log")))
        wait_until("the Sentinels know each other and the replica", lambda: all(self._knows_all(port) for port in self._sentinels))

    @property
    def sentinels(self) -> list[str]:
        return [f"127.0.0.1:{port}" for port in self._sentinels]

    def stop(self) -> None:
        for program in (*self._programs, self.second, self.first):
            program.stop()

    def _knows_all(self, port: int) -> bool:
        command = ["redis-cli", "-p", str(port), "SENTINEL", "MASTER", self.NAME]
        lines = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.split()
        known = dict(zip(lines[::2], lines[1::2]))
        return known.get("num-other-sentinels") == "2" and known.get("num-slaves") == "1"


class Server:
    """Our binary with the arguments that its Deployment gives it and the rights of its service account, but on loopback."""

    def __init__(self, cluster: ControlPlane, binary: Path, directory: Path, redis: Redis, *more_arguments: str):
        self.port = free_port()
        self.binary = binary
        self._log = directory / "server.log"
        self._redis = redis
        directory.mkdir()
        pod = cluster.get("deployment", "queue-metrics-server", "-n", "queue-metrics")["spec"]["template"]["spec"]
        self._arguments = pod["containers"][0]["args"]
        self._replace("--secure-port=8443", f"--secure-port={self.port}")
        self._replace("--shutdown-delay-duration=10s", "--shutdown-delay-duration=1s")  # No kube-proxy to wait for.
        self._arguments += ["--bind-address=127.0.0.1", f"--kubeconfig={write_kubeconfig(cluster, directory)}", *more_arguments]
        self.start()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        self._program = Program(
            [self.binary, *self._arguments], self._log, env={"PATH": os.environ["PATH"], "REDIS_URL": f"redis://{self._redis.address}"}
        )

    def stop(self) -> int:
        return self._program.stop()

    def check_running(self) -> None:
        self._program.check_running()

    def _replace(self, there: str, here: str) -> None:
        replaced = [here if argument == there else argument for argument in self._arguments]
        assert replaced != self._arguments, f"the Deployment's arguments do not have {there}"
        self._arguments = replaced
