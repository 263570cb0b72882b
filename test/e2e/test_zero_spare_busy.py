"""When the HPA scales down, the pods that hold a job stay: measured with its real controller and that of ReplicaSets."""

import json
import random
import re

import pytest

from programs import wait_until
from zero import NAMESPACE, Sleeper, Whole, grant

PODS = 20
COST = "controller.kubernetes.io/pod-deletion-cost"
WINDOW = 10


@pytest.fixture(scope="module")
def whole(cluster, server, redis, directory):
    """Our server with all components, which knows how the workers keep their jobs."""
    grant(cluster, directory, "wake", "spare-busy")
    queue = {"name": "spared-jobs", "layout": "reliable-list", "processing": [], "workers": "{queue}:workers"}
    with Whole(cluster, server, redis, directory / "spare-busy", {"queues": [queue]}):
        yield


class Workers(Sleeper):
    """Pods that no kubelet runs; their part is played here: they take jobs, each into a list of its own, and finish them."""

    def objects(self, **settings) -> list[dict]:
        deployment, hpa = super().objects(**settings)
        hpa["spec"]["maxReplicas"] = PODS
        hpa["spec"]["behavior"] = {
            "scaleUp": {"policies": [{"type": "Pods", "value": PODS, "periodSeconds": 15}]},
            "scaleDown": {"stabilizationWindowSeconds": WINDOW, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
        }
        return [deployment, hpa]

    def pod_costs(self) -> dict[str, str]:
        """Of the pods that are to stay."""
        pods = self._cluster.get("pods", "-n", NAMESPACE, "-l", f"app={self.name}")["items"]
        metadata = [pod["metadata"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return {pod["name"]: pod.get("annotations", {}).get(COST, "") for pod in metadata}

    def run_all(self) -> list[str]:
        """As a kubelet would: Kubernetes would rather delete pods that are not ready, whatever they cost."""
        pods = list(self.pod_costs())
        status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        self._cluster.kubectl("patch", "pods", *pods, "-n", NAMESPACE, "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
        return pods

    def take(self, pod: str) -> None:
        self._redis("SADD", f"{self.queue}:workers", pod)
        self._redis("LMOVE", self.queue, f"{self.queue}:processing:{pod}", "LEFT", "RIGHT")

    def finish(self, pod: str) -> None:
        self._redis("DEL", f"{self.queue}:processing:{pod}")

    def delete(self) -> None:
        for pod in self._redis("SMEMBERS", f"{self.queue}:workers").split():
            self.finish(pod)
        self._redis("DEL", f"{self.queue}:workers")
        super().delete()


@pytest.fixture
def workers(cluster, redis, whole):
    """All busy."""
    made = Workers(cluster, redis, "spared")
    yield made
    made.delete()
    wait_until("its pods are gone", made.pods, lambda count: count == 0)


def writes_to_pods(cluster) -> int:
    requests = cluster.kubectl("get", "--raw", "/metrics")
    counts = re.findall(r'apiserver_request_total\{.*resource="pods",scope="resource",subresource="",verb="PATCH".*\} (\d+)', requests)
    return sum(int(count) for count in counts)


def busy_that_were_killed(workers: Workers) -> int:
    """All pods are busy, half of them finish, and the HPA takes the other half of its pods away."""
    workers.add_jobs(PODS)
    wait_until("the HPA has scaled up", lambda: len(workers.pod_costs()), lambda count: count == PODS)
    pods = workers.run_all()
    for pod in pods:
        workers.take(pod)
    busy = set(random.sample(pods, PODS // 2))
    for pod in set(pods) - busy:
        workers.finish(pod)
    left = wait_until("the HPA has scaled down", workers.pod_costs, lambda costs: len(costs) == PODS // 2)
    return len(busy - set(left))


def test_a_scale_down_takes_idle_pods_first(cluster, whole, workers):
    before = writes_to_pods(cluster)
    workers.apply(actions="spare-busy")
    assert busy_that_were_killed(workers) == 0
    wait_until("the marks are gone", workers.pod_costs, lambda costs: set(costs.values()) == {""})
    writes = writes_to_pods(cluster) - before
    print(f"\n{writes} writes to pods")
    assert writes <= 2 * PODS, "a mark is set once and taken away once, but for answers that are lost"


def test_without_being_asked_for_it_kills_busy_pods(workers):
    """Or the test above would show nothing. That ten random pods of twenty are just the idle ones happens in one of 184,756."""
    workers.apply(actions="wake")
    assert busy_that_were_killed(workers) > 0
