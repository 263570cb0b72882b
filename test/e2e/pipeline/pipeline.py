"""The whole pipeline around our server: the pools of manifests/aws in an emulated AWS, machines that join, and Cluster Autoscaler's rules."""

import time
import urllib.parse
from pathlib import Path

import redis

from aws import Aws, Machine
from cluster_autoscaler import ClusterAutoscaler
from kube_api import KubeApi
from kubelets import Kubelets
from programs import wait_until
from repository import Repository

ROOT = Path(__file__).parents[3]

# Every duration that configuration sets is a twentieth: the HPA's window, unneeded times, delays, the boot of a machine (180 s documented).
SPEED = 20
BOOT, PLUGIN = 180 / SPEED, 45 / SPEED
EXAMPLES = {"executor": "executor", "small": "evaluations/small", "large": "evaluations/large", "gpu": "evaluations/gpu"}
QUEUES = {"executor": "evaluation-jobs", "small": "small-evaluations", "large": "large-evaluations", "gpu": "gpu-evaluations"}
NAMES = {"executor": "executor", "small": "small-evaluation", "large": "large-evaluation", "gpu": "gpu-evaluation"}


class Pipeline:
    """Everything but the queue's producers, as the manifests say; running from construction to stop()."""

    def __init__(self, cluster, redis_url: str, directory: Path, repository: Repository):
        self.cluster = cluster
        self.redis = redis.Redis.from_url(redis_url, decode_responses=True)
        self.api = KubeApi(directory / "cluster/admin.kubeconfig")
        self.logs = directory / f"executors-{time.monotonic_ns()}"
        self.logs.mkdir()
        self.aws = Aws(self.logs / "aws")
        self.aws.create_groups(repository)
        environment = {"REDIS_URL": redis_url, "HEARTBEAT_TTL_SECONDS": "6"}
        self.kubelets = Kubelets(self.api, self.aws, environment, self.logs, BOOT, PLUGIN)
        self.kubelets.join_node(Machine("always-on", "m5.2xlarge", allocatable={"cpu": "8", "memory": "30Gi", "pods": "58"}))
        for folder in ("manifests/cluster-autoscaler", "manifests/nvidia-device-plugin", "hpa-examples/namespace"):
            cluster.kubectl("apply", "--server-side", "-k", ROOT / folder)
        self.autoscaler = ClusterAutoscaler(self.api, self.aws, SPEED)
        self.kubelets.start()
        self.autoscaler.start()

    def stop(self) -> None:
        self.autoscaler.stop()
        self.cluster.kubectl("delete", "namespace", "evaluation", "--wait=false")
        wait_until("the namespace is gone", lambda: self.api.list("/api/v1/namespaces"),
                   lambda found: "evaluation" not in [each["metadata"]["name"] for each in found], timeout=120)
        self.kubelets.stop()
        for folder in ("manifests/cluster-autoscaler", "manifests/nvidia-device-plugin"):
            self.cluster.kubectl("delete", "-k", ROOT / folder, "--wait=false")
        for node in self.api.list("/api/v1/nodes"):
            self.api.delete(f"/api/v1/nodes/{node['metadata']['name']}")
        self.aws.stop()

    def check(self) -> None:
        for simulator in (self.kubelets, self.autoscaler):
            if simulator.error:
                raise simulator.error

    def install(self, *pools: str) -> None:
        """The examples as they are, then their quiet time divided by SPEED."""
        for pool in pools:
            self.cluster.kubectl("apply", "--server-side", "-k", ROOT / "hpa-examples" / EXAMPLES[pool])
            window = self.hpa(pool)["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
            change = {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": window // SPEED}}}}
            self.api.patch(f"{self._hpas}/{NAMES[pool]}", change)

    _hpas = "/apis/autoscaling/v2/namespaces/evaluation/horizontalpodautoscalers"

    def hpa(self, pool: str) -> dict:
        return self.api.get(f"{self._hpas}/{NAMES[pool]}")

    def replicas(self, pool: str) -> int:
        return self.api.get(f"/apis/apps/v1/namespaces/evaluation/deployments/{NAMES[pool]}")["spec"]["replicas"]

    def pods(self, pool: str) -> list[dict]:
        """Of the executors and of the Job."""
        selector = urllib.parse.quote(f"app.kubernetes.io/name in ({NAMES[pool]},{NAMES[pool]}-job)")
        return self.api.list(f"/api/v1/namespaces/evaluation/pods?labelSelector={selector}")

    def jobs(self) -> list[dict]:
        return self.api.list("/apis/batch/v1/namespaces/evaluation/jobs")

    def machines(self, pool: str) -> int:
        return sum(len(group["Instances"]) for group in self.aws.groups() if f"-{pool}-" in group["AutoScalingGroupName"])

    def nodes(self, pool: str) -> list[dict]:
        return self.api.list(f"/api/v1/nodes?labelSelector=queue-metrics.dev/pool={pool}")

    def enqueue(self, pool: str, durations: list[float]) -> set[str]:
        """Jobs that take so many seconds; returns their ids."""
        queue = QUEUES[pool]
        ids = [f"{pool}-{time.monotonic_ns()}-{index}" for index in range(len(durations))]
        with self.redis.pipeline(transaction=True) as transaction:
            for job, duration in zip(ids, durations):
                transaction.hset(queue, job, duration)
                transaction.rpush(f"{{{queue}}}:waiting", job)
            transaction.execute()
        return set(ids)

    def unfinished(self, pool: str) -> int:
        return self.redis.hlen(QUEUES[pool])

    def runs(self) -> dict[str, list[str]]:
        """Job -> what executors reported of it, in order: start, done, failed, rescued."""
        events: dict[str, list[str]] = {}
        for log in sorted(self.logs.glob("*.log")):
            for line in log.read_text(errors="replace").splitlines():
                event, _, facts = line.partition(" job=")
                if event in ("start", "done", "failed", "rescued"):
                    events.setdefault(facts.split()[0], []).append(event)
        return events

    def is_empty(self) -> bool:
        self.check()
        return not any(self.pods(pool) or self.machines(pool) or self.nodes(pool) for pool in QUEUES)

    def wait_until_empty(self) -> None:
        wait_until("no pods, no machines", self.is_empty, timeout=240)
