"""The two programs the cluster scales on: a real Redis, and our server as the Deployment runs it."""

import base64
import os
import subprocess
from pathlib import Path

from control_plane import ControlPlane
from programs import Program, free_port, wait_until


class Redis:
    """A redis-server that keeps its data when it is stopped and started again."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._port = free_port()
        directory.mkdir()
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        self._program = Program(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._directory)]
            + ["--appendonly", "yes", "--appendfsync", "no", "--save", ""],
            self._directory / "redis.log",
        )
        wait_until("redis answers", lambda: self._program.check_running() or self._cli("PING").returncode == 0)

    def stop(self) -> None:
        self._program.stop()

    def __call__(self, *command: object) -> str:
        """The answer to one command."""
        done = self._cli(*(str(word) for word in command))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _cli(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["redis-cli", "-e", "-p", str(self._port), *command], capture_output=True, text=True, timeout=10, check=False
        )


class Server:
    """Our binary with the arguments, certificates and CA that its Deployment would give it, but on loopback.

    No kubelet here: the mounted files are written from the Secrets and ConfigMaps that the Deployment names.
    """

    def __init__(self, cluster: ControlPlane, binary: Path, directory: Path, redis: Redis):
        self.port = free_port()
        self._binary = binary
        self._log = directory / "server.log"
        self._redis = redis
        directory.mkdir()
        pod = cluster.get("deployment", "queue-metrics-server", "-n", "queue-metrics")["spec"]["template"]["spec"]
        self._arguments = pod["containers"][0]["args"]
        for mount in pod["containers"][0]["volumeMounts"]:
            volume = next(volume for volume in pod["volumes"] if volume["name"] == mount["name"])
            folder = directory / mount["name"]
            folder.mkdir()
            for file, content in _files_of(cluster, volume).items():
                (folder / file).write_bytes(content)
            self._replace(mount["mountPath"], str(folder))
        self._replace("--secure-port=8443", f"--secure-port={self.port}")
        self._replace("--shutdown-delay-duration=10s", "--shutdown-delay-duration=1s")  # No kube-proxy to wait for.
        self._arguments.append("--bind-address=127.0.0.1")
        self.start()

    def start(self) -> None:
        self._program = Program(
            [self._binary, *self._arguments], self._log, env={"PATH": os.environ["PATH"], "REDIS_URL": f"redis://{self._redis.address}"}
        )

    def stop(self) -> int:
        return self._program.stop()

    def check_running(self) -> None:
        self._program.check_running()

    def _replace(self, there: str, here: str) -> None:
        replaced = [argument.replace(there, here) for argument in self._arguments]
        assert replaced != self._arguments, f"the Deployment's arguments do not use {there}"
        self._arguments = replaced


def _files_of(cluster: ControlPlane, volume: dict) -> dict[str, bytes]:
    if "secret" in volume:
        data = cluster.get("secret", volume["secret"]["secretName"], "-n", "queue-metrics")["data"]
        return {file: base64.b64decode(content) for file, content in data.items()}
    data = cluster.get("configmap", volume["configMap"]["name"], "-n", "queue-metrics")["data"]
    return {file: content.encode() for file, content in data.items()}
