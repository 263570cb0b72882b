"""What the tests of zero are made of: HPAs that ask for help, and the replicas of our server that give it."""

import os
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import yaml

from control_plane import ControlPlane
from installation import ROOT, write_kubeconfig
from programs import Program, free_port, wait_until
from system_under_test import Redis

NAMESPACE = "zero"
LEASE = ["lease", "queue-metrics-leader", "-n", "queue-metrics"]
PREFIX = "zero.queue-metrics.dev/"


def render_component(cluster: ControlPlane, directory: Path) -> list[dict]:
    """The base with components/wake, as its first lines tell people to use it."""
    overlay = directory / "wake"
    overlay.mkdir(exist_ok=True)
    (overlay / "kustomization.yaml").write_text(
        "resources: [../../../manifests/server/base]\ncomponents: [../../../manifests/server/components/wake]\n"
    )
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", overlay)))


class Replica:
    """One of our servers with --wake, with the rights of its ServiceAccount and no others."""

    def __init__(self, cluster: ControlPlane, redis: Redis, directory: Path, name: str):
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
    """Tells when a Deployment is scaled up from 0, to the millisecond."""

    def __init__(self, cluster: ControlPlane):
        command = ["kubectl", "get", "deployments", "-n", NAMESPACE, "--watch-only"]
        command.append("-o=jsonpath={.metadata.name} {.spec.replicas}{\"\\n\"}")
        self._process = subprocess.Popen(command, env=cluster.environment, stdout=subprocess.PIPE, text=True)

    def wait_for(self, name: str) -> float:
        """The moment at which it was told that there shall be replicas."""
        for line in self._process.stdout:
            if line.startswith(f"{name} ") and line.strip() != f"{name} 0":
                return time.monotonic()
        raise AssertionError("the watch ended")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
