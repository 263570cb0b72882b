"""Faults of the first sketch that leave an HPA at zero for good, or never let it get there."""

import time

import pytest
import yaml

from pipeline import ROOT
from programs import wait_until


def document(path):
    return yaml.safe_load((ROOT / path).read_text())


class Example:
    """The executor example under another name and on a queue of its own, without waiting before it scales down."""

    def __init__(self, cluster, redis, name, fault):
        self._cluster, self._redis, self.name = cluster, redis, name
        deployment, hpa = document("hpa-examples/executor/deployment.yaml"), document("hpa-examples/executor/hpa.yaml")
        for each in (deployment, hpa):
            each["metadata"]["name"] = name
        for each in (deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"]["metadata"]["labels"]):
            each["app.kubernetes.io/name"] = name
        hpa["spec"]["scaleTargetRef"]["name"] = name
        hpa["spec"]["metrics"][0]["external"]["metric"]["selector"]["matchLabels"]["queue"] = name
        hpa["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = 0
        fault(deployment, hpa)
        for each in (deployment, hpa):
            cluster.kubectl("apply", "-n", "evaluation", "-f", "-", stdin=yaml.safe_dump(each))

    def add_jobs(self, count):
        self._redis("HSET", self.name, *(word for job in range(count) for word in (job, "payload")))

    def replicas(self):
        return self._cluster.get("deployment", self.name, "-n", "evaluation")["spec"]["replicas"]

    def condition(self, kind):
        conditions = self._cluster.get("hpa", self.name, "-n", "evaluation")["status"].get("conditions", [])
        return next(((each["status"], each["reason"]) for each in conditions if each["type"] == kind), None)

    def stays_at(self, replicas, syncs=5):
        for _ in range(syncs):
            time.sleep(2)
            if self.replicas() != replicas:
                return False
        return True


def no_fault(deployment, hpa):
    pass


def replicas_zero(deployment, hpa):
    deployment["spec"]["replicas"] = 0


def percent_only(deployment, hpa):
    hpa["spec"]["behavior"]["scaleUp"]["policies"] = [{"type": "Percent", "value": 100, "periodSeconds": 3}]


def cpu_beside_the_queue(deployment, hpa):
    hpa["spec"]["metrics"].append({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 20}}})


def thirty_seconds_before_growing(deployment, hpa):
    hpa["spec"]["behavior"]["scaleUp"]["stabilizationWindowSeconds"] = 30


@pytest.fixture(scope="module")
def example(cluster, server, redis):
    cluster.kubectl("apply", "-k", ROOT / "hpa-examples/namespace")
    yield lambda fault: Example(cluster, redis, fault.__name__.replace("_", "-"), fault)
    cluster.kubectl("delete", "namespace", "evaluation", "--timeout=120s")


def test_without_a_fault_it_goes_from_one_to_zero_to_five(example):
    sound = example(no_fault)
    wait_until("zero", sound.replicas, lambda count: count == 0)
    sound.add_jobs(5)
    wait_until("five", sound.replicas, lambda count: count == 5)


def test_replicas_zero_in_the_deployment_sleeps_for_ever(example):
    asleep = example(replicas_zero)
    asleep.add_jobs(5)
    wait_until("it is disabled", lambda: asleep.condition("ScalingActive"), lambda found: found == ("False", "ScalingDisabled"))
    assert asleep.stays_at(0)


def test_applying_replicas_zero_to_a_working_one_puts_it_to_sleep(cluster, example):
    working = example(no_fault)
    working.add_jobs(5)
    wait_until("five", working.replicas, lambda count: count == 5)
    cluster.kubectl("scale", "deployment", working.name, "-n", "evaluation", "--replicas=0")
    wait_until("it is disabled", lambda: working.condition("ScalingActive"), lambda found: found == ("False", "ScalingDisabled"))
    assert working.stays_at(0)


def test_a_percent_policy_alone_never_leaves_zero(example):
    stuck = example(percent_only)
    wait_until("zero", stuck.replicas, lambda count: count == 0)
    time.sleep(5)  # As long as the pod just removed counts, twice as many are allowed.
    stuck.add_jobs(5)
    wait_until("it is limited", lambda: stuck.condition("ScalingLimited"), lambda found: found == ("True", "ScaleUpLimit"))
    assert stuck.stays_at(0)


def test_a_cpu_metric_beside_the_queue_never_reaches_zero(example):
    awake = example(cpu_beside_the_queue)
    wait_until("the HPA has looked", lambda: awake.condition("AbleToScale"), bool)
    assert awake.stays_at(1)


def test_a_window_before_growing_delays_every_start(example):
    late = example(thirty_seconds_before_growing)
    wait_until("zero", late.replicas, lambda count: count == 0)
    late.add_jobs(5)
    assert late.stays_at(0)
