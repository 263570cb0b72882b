"""What the tests of zero are made of: HPAs that ask for help, and the replicas of our server that give it."""

import os
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import yaml

from control_plane import ControlPlane
from installation import ROOT, go_by_loopback, wait_for_availability, write_kubeconfig
from programs import Program, free_port, wait_until
from system_under_test import Redis, Server

NAMESPACE = "zero"
LEASE = ["lease", "queue-metrics-leader", "-n", "queue-metrics"]
PREFIX = "zero.queue-metrics.dev/"


def render(cluster: ControlPlane, directory: Path, *components: str) -> list[dict]:
    """The base with some of manifests/server/components, as their first lines tell people to use them."""
    overlay = directory / "overlay"
    overlay.mkdir(exist_ok=True)
    server = "../../../manifests/server"
    lines = [f"resources: [{server}/base]", f"components: [{', '.join(f'{server}/components/{name}' for name in components)}]"]
    (overlay / "kustomization.yaml").write_text("\n".join(lines))
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", overlay)))


def grant(cluster: ControlPlane, directory: Path, *components: str) -> None:
    """To the installed server's account, what these components take; and makes the namespace of the tests."""
    cluster.apply([obj for obj in render(cluster, directory, *components) if obj["apiVersion"].startswith("rbac")])
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])


class Replica:
    """One of our servers with --wake, with the rights of its ServiceAccount and no others."""

    def __init__(self, cluster: ControlPlane, redis: Redis, directory: Path, name: str):
        self.name = name
        binary = Path(os.environ.get("QMS_BINARY", ROOT / "build/release/queue-metrics-server")).resolve()
        self._folder = directory / name
        self._folder.mkdir()
        self._port = free_port()
        kubeconfig = write_kubeconfig(cluster, self._folder)
        self.log = self._folder / "log"
        self._program = Program(
            [binary, "serve", "--wake", f"--kubeconfig={kubeconfig}", f"--redis-url=redis://{redis.address}"]
            + ["--auth=none", "--bind-address=127.0.0.1", f"--secure-port={self._port}", "--shutdown-delay-duration=0s"],
            self.log,
        )
        wait_until("the replica answers", lambda: self._get("/livez"))

    def leads(self) -> bool:
        return self.metric("queue_metrics_zero_leading") == 1

    def metric(self, series: str) -> float:
        lines = self._get("/metrics").splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(series + " ")), 0)

    def kill(self) -> None:
        self._program.kill()

    def freeze(self) -> None:
        self._program.freeze()

    def thaw(self) -> None:
        self._program.thaw()

    def stop(self) -> int:
        return self._program.stop()

    @property
    def pid(self) -> int:
        return self._program.pid

    def _get(self, path: str) -> str:
        self._program.check_running()
        try:
            url = f"https://127.0.0.1:{self._port}{path}"
            with urllib.request.urlopen(url, timeout=5, context=ssl._create_unverified_context()) as answer:
                return answer.read().decode()
        except OSError:
            return ""


class Whole:
    """For a while, kube-apiserver asks this server instead of `server`: one with --wake and a configuration."""

    def __init__(self, cluster: ControlPlane, server: Server, redis: Redis, directory: Path, configuration: dict):
        self._cluster = cluster
        self._before = server
        directory.mkdir()
        file = directory / "queues.yaml"
        file.write_text(yaml.safe_dump({"redis": {"main": {"url": f"redis://{redis.address}"}}, "defaults": {"redis": "main"}} | configuration))
        self._server = Server(cluster, server.binary, directory / "server", redis, "--wake", f"--config={file}")

    def __enter__(self) -> None:
        self._serve(self._server)

    def __exit__(self, *_) -> None:
        self._serve(self._before)
        self._server.stop()

    def _serve(self, server: Server) -> None:
        go_by_loopback(self._cluster, server.port)
        wait_for_availability(self._cluster, "True")


class Sleeper:
    """A Deployment without pods that run, its queue, and an HPA that asks for help."""

    def __init__(self, cluster: ControlPlane, redis: Redis, name: str):
        self._cluster = cluster
        self._redis = redis
        self.name = name
        self.queue = f"{name}-jobs"

    def objects(self, minimum: int = 1, replicas: int | None = None, **annotations: str) -> list[dict]:
        labels = {"app": self.name}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "worker", "image": "worker"}]}},
                **({} if replicas is None else {"replicas": replicas}),
            },
        }
        metric = {"name": "redis_queue_length", "selector": {"matchLabels": {"queue": self.queue}}}
        hpa = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "annotations": {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()},
            },
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
                "minReplicas": minimum,
                "maxReplicas": 10,
                "metrics": [
                    {"type": "External", "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "1"}}}
                ],
                "behavior": {
                    "scaleUp": {"policies": [{"type": "Pods", "value": 10, "periodSeconds": 15}]},
                    "scaleDown": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
                },
            },
        }
        return [deployment, hpa]

    def apply(self, **settings) -> "Sleeper":
        self._cluster.apply(self.objects(**settings))
        return self

    def annotate(self, **annotations: str | None) -> None:
        changes = [
            f"{PREFIX}{name.replace('_', '-')}-" if value is None else f"{PREFIX}{name.replace('_', '-')}={value}"
            for name, value in annotations.items()
        ]
        self._cluster.kubectl("annotate", "hpa", self.name, "-n", NAMESPACE, "--overwrite", *changes)

    def add_jobs(self, count: int) -> None:
        self._redis("RPUSH", self.queue, *range(count))

    def drain(self) -> None:
        self._redis("DEL", self.queue)

    def scale(self, replicas: int) -> None:
        self._cluster.kubectl("scale", f"deployment/{self.name}", "-n", NAMESPACE, f"--replicas={replicas}")

    def replicas(self) -> int:
        return self._cluster.get("deployment", self.name, "-n", NAMESPACE)["spec"]["replicas"]

    def pods(self) -> int:
        return len(self._cluster.get("pods", "-n", NAMESPACE, "-l", f"app={self.name}")["items"])

    def wait_for(self, replicas: int, timeout: float = 60) -> None:
        wait_until(f"{self.name} has {replicas} replicas", self.replicas, lambda now: now == replicas, timeout)

    def stays_at(self, replicas: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.replicas() == replicas
            time.sleep(0.3)

    def events(self, reason: str) -> list[str]:
        selector = f"involvedObject.name={self.name},involvedObject.kind=HorizontalPodAutoscaler,reason={reason}"
        return [event["message"] for event in self._cluster.get("events", "-n", NAMESPACE, f"--field-selector={selector}")["items"]]

    def condition(self, kind: str) -> str:
        conditions = self._cluster.get("hpa", self.name, "-n", NAMESPACE)["status"].get("conditions", [])
        return next((condition["status"] for condition in conditions if condition["type"] == kind), "Unknown")

    def delete(self) -> None:
        self.drain()
        self._cluster.kubectl("delete", "hpa,deployment", self.name, "-n", NAMESPACE, "--ignore-not-found")


def holder(cluster: ControlPlane) -> str:
    return cluster.get(*LEASE)["spec"].get("holderIdentity", "")


class ScaleWatch:
    """Remembers every size that any Deployment is given, and when it was told, to the millisecond."""

    def __init__(self, cluster: ControlPlane):
        command = ["kubectl", "get", "deployments", "-n", NAMESPACE, "--watch"]
        command.append("-o=jsonpath={.metadata.name} {.spec.replicas}{\"\\n\"}")
        self._told = threading.Condition()
        self._sizes: dict[str, list[tuple[float, int]]] = {}  # Guarded by _told.
        self._process = subprocess.Popen(command, env=cluster.environment, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, name: str, satisfied: Callable[[int], bool] = bool, timeout: float = 120) -> float:
        """The moment at which it was told that there shall be replicas, or another size that satisfies."""

        def moment() -> float | None:
            return next((at for at, size in self._sizes.get(name, []) if satisfied(size)), None)

        with self._told:
            assert self._told.wait_for(lambda: moment() is not None, timeout), f"{name}: only {self._sizes.get(name)}"
            return moment()

    def sizes(self, name: str) -> list[int]:
        """All that it has had, one after the other."""
        with self._told:
            return [size for _, size in self._sizes.get(name, [])]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        for line in self._process.stdout:
            name, size = line.split()
            with self._told:
                known = self._sizes.setdefault(name, [])
                if not known or known[-1][1] != int(size):
                    known.append((time.monotonic(), int(size)))
                self._told.notify_all()
