"""A real HPA and the executor example: 1 → 0 → 5 → 0, and what happens when something breaks on the way."""

import time

import pytest
import yaml

from installation import ROOT, wait_for_availability
from programs import wait_until

NAMESPACE = "evaluation"
QUEUE = "evaluation-jobs"


class Executors:
    """The example as its files say, but for the five quiet minutes before scaling down."""

    def __init__(self, cluster, redis):
        self._cluster = cluster
        self._redis = redis
        objects = list(yaml.safe_load_all(cluster.kubectl("kustomize", ROOT / "hpa-examples/executor")))
        (hpa,) = (obj for obj in objects if obj["kind"] == "HorizontalPodAutoscaler")
        hpa["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = 0
        cluster.apply([obj for obj in objects if obj is not hpa])
        self.wait_for(1)  # No `replicas` in the file, so it starts with one, and the HPA takes it from there.
        cluster.apply([hpa])

    def replicas(self) -> int:
        return self._cluster.get("deployment", "executor", "-n", NAMESPACE)["spec"]["replicas"]

    def pods(self) -> int:
        return len(self._cluster.get("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=executor")["items"])

    def wait_for(self, count: int) -> None:
        wait_until(f"{count} replicas", self.replicas, lambda replicas: replicas == count)
        wait_until(f"{count} pods", self.pods, lambda pods: pods == count)

    def condition(self, kind: str) -> dict:
        status = self._cluster.get("hpa", "executor", "-n", NAMESPACE)["status"]
        return next((condition for condition in status.get("conditions", []) if condition["type"] == kind), {"status": "Unknown"})

    def failed_syncs(self) -> int:
        """How often the HPA has said, in its events, that it could not read the metric."""
        selector = "involvedObject.name=executor,reason=FailedGetExternalMetric"
        events = self._cluster.get("events", "-n", NAMESPACE, f"--field-selector={selector}")["items"]
        return sum(event["count"] for event in events)

    def add_jobs(self, count: int) -> None:
        self._redis("RPUSH", QUEUE, *range(count))

    def finish_jobs(self, count: int) -> None:
        self._redis("LPOP", QUEUE, count)

    def settle_with(self, jobs: int) -> None:
        """Whatever was before: that many jobs, and as many executors."""
        self._redis("DEL", QUEUE)
        if jobs:
            self.add_jobs(jobs)
        self.wait_for(jobs)


@pytest.fixture(scope="module")
def executors(cluster, redis, server):
    redis("DEL", QUEUE)
    return Executors(cluster, redis)


def test_from_one_to_zero_to_five_to_zero(executors):
    executors.wait_for(0)
    assert executors.condition("ScaledToZero")["status"] == "True"
    executors.add_jobs(5)
    executors.wait_for(5)
    executors.finish_jobs(3)
    executors.wait_for(2)
    executors.finish_jobs(2)
    executors.wait_for(0)
    executors.add_jobs(1)
    executors.wait_for(1)


def test_a_restarted_server_costs_no_executor(cluster, server, executors):
    executors.settle_with(4)
    assert server.stop() == 0
    try:
        wait_for_availability(cluster, "False")
        failed = executors.failed_syncs()
        executors.finish_jobs(4)  # The HPA must not learn of it, nor guess.
        wait_until("three syncs fail", executors.failed_syncs, lambda count: count >= failed + 3)
        assert executors.replicas() == 4
    finally:
        server.start()
    wait_for_availability(cluster, "True")
    executors.wait_for(0)


def test_a_dead_redis_is_told_to_the_hpa_which_holds(cluster, redis, server, executors):
    executors.settle_with(3)
    redis.stop()
    try:
        cause = f"Redis at {redis.address} cannot be reached"
        # Not by events, of which an HPA may have but a few in five minutes.
        active = wait_until("the HPA tells the cause", lambda: executors.condition("ScalingActive"),
                            lambda condition: cause in condition["message"])
        assert (active["status"], active["reason"]) == ("False", "FailedGetExternalMetric")
        time.sleep(6)  # For three more syncs.
        assert executors.replicas() == 3
    finally:
        redis.start()
    wait_until("the HPA reads again", lambda: executors.condition("ScalingActive")["status"], lambda status: status == "True")
    executors.finish_jobs(1)
    executors.wait_for(2)


def test_without_redis_the_api_is_available_and_namespaces_can_be_deleted(cluster, redis, server):
    redis.stop()
    try:
        assert server.stop() == 0
        wait_for_availability(cluster, "False")
        server.start()
        wait_for_availability(cluster, "True")
        cluster.kubectl("create", "namespace", "short-lived")
        cluster.kubectl("delete", "namespace", "short-lived", "--timeout=60s")
    finally:
        redis.start()
