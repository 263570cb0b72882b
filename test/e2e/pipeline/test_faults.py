"""Each fault of the first sketch of these manifests, applied, fails as documented: the truth that rules and linters are measured by."""

import copy
import time

import pytest
import yaml
from botocore.exceptions import ClientError

from aws import Aws
from control_plane import KubectlError
from pipeline import ROOT, Pipeline
from programs import wait_until
from repository import Repository

POOL, POOLS = "manifests/aws/modules/pool", "manifests/aws/pools.tf"


def documents(path):
    return list(yaml.safe_load_all((ROOT / path).read_text()))


# --- Refused by kube-apiserver, which no schema shows -----------------------------------------------------------------------


def gpu_in_requests_only(job):
    resources = job["spec"]["template"]["spec"]["containers"][0]["resources"]
    resources["requests"]["nvidia.com/gpu"] = resources["limits"].pop("nvidia.com/gpu")


REFUSED = [
    pytest.param("hpa-examples/evaluations/gpu/job.yaml", gpu_in_requests_only, "Limit must be set for non overcommitable resources", id="a GPU in requests only"),
    pytest.param("hpa-examples/evaluations/small/job.yaml", lambda job: job["spec"]["template"]["spec"]["containers"][0].pop("image"),
                 "image: Required value", id="a Job without an image"),
    pytest.param("hpa-examples/evaluations/large/job.yaml", lambda job: job["spec"]["template"]["spec"].pop("restartPolicy"),
                 "restartPolicy: Required value", id="a Job without a restart policy"),
    pytest.param("manifests/cluster-autoscaler/deployment.yaml", lambda deployment: deployment["spec"].pop("selector"),
                 "spec.selector: Required value", id="a Deployment without a selector"),
    pytest.param("manifests/cluster-autoscaler/deployment.yaml", lambda deployment: deployment["spec"]["template"]["metadata"].pop("labels"),
                 "`selector` does not match template `labels`", id="a Deployment without labels"),
]


@pytest.mark.parametrize("path, fault, message", REFUSED)
def test_refused_by_the_api_server(cluster, server, path, fault, message):
    cluster.kubectl("apply", "-k", ROOT / "hpa-examples/namespace")
    (sound,) = documents(path)
    cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(sound))
    fault(sound)
    with pytest.raises(KubectlError) as refusal:
        cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(sound))
    assert message in str(refusal.value)


# --- Refused by AWS, at apply only ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old, new, message", [
    pytest.param("  mixed_instances_policy {", "  launch_template {\n    id = aws_launch_template.node.id\n  }\n\n  mixed_instances_policy {",
                 "Valid requests must contain either", id="a launch template beside the mixed policy"),
    pytest.param("  vpc_zone_identifier = var.subnet_ids\n", "", "At least one Availability Zone or VPC Subnet is required", id="no subnets"),
])
def test_refused_by_aws(directory, old, new, message):
    aws = Aws(directory / "aws.log")
    try:
        with pytest.raises(ClientError) as refusal:
            aws.create_groups(Repository.load().changed(f"{POOL}/main.tf", old, new))
    finally:
        aws.stop()
    assert message in str(refusal.value)


# --- HPAs that never leave zero, or never reach it ---------------------------------------------------------------------------


class Example:
    """The executor example under another name and on a queue of its own, without waiting before it scales down."""

    def __init__(self, cluster, redis, name, fault):
        self._cluster, self._redis, self.name = cluster, redis, name
        (deployment,), (hpa,) = documents("hpa-examples/executor/deployment.yaml"), documents("hpa-examples/executor/hpa.yaml")
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


# --- Groups that never grow, or grow twice ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def faulty_groups(cluster, server, redis, directory):
    """One fault per pool. The pods are real and so is the scheduler; no HPA."""
    repository = (
        Repository.load()
        .changed(POOLS, '{ cpu = "3920m", memory = "6584Mi", pods = "58" }', "{}")  # executor: the raw machine, 8 GiB
        .changed(POOLS, '{ "k8s.amazonaws.com/accelerator" = "nvidia-tesla-t4" }', "{}")  # gpu: nothing to wait for
        .changed(f"{POOL}/node_template.tf", "for key, value in local.labels : \"k8s.io",
                 'for key, value in var.name == "small" ? {} : local.labels : "k8s.io')  # small: the group does not tell its label
        .changed(f"{POOL}/node_template.tf", "merge(var.allocatable, {", 'merge(var.allocatable, var.name == "large" ? {} : {')  # large: no disk
    )
    running = Pipeline(cluster, f"redis://{redis.address}", directory, repository)
    for pool, fault, count in (("executor", no_fault, 4), ("small", no_fault, 1), ("large", no_fault, 1), ("gpu", any_accelerator, 1), ("gpu", all_four_cpus, 1)):
        path = "hpa-examples/executor/deployment.yaml" if pool == "executor" else f"hpa-examples/evaluations/{pool}/queue-driven.yaml"
        deployment = copy.deepcopy(documents(path)[0])
        deployment["metadata"]["name"] = f"{pool}-{fault.__name__}".replace("_", "-")
        deployment["spec"]["replicas"] = count
        any_accelerator(deployment, None)
        fault(deployment, None)
        cluster.kubectl("apply", "-n", "evaluation", "-f", "-", stdin=yaml.safe_dump(deployment))
    yield running
    running.stop()


def any_accelerator(deployment, hpa):
    deployment["spec"]["template"]["spec"]["nodeSelector"].pop("k8s.amazonaws.com/accelerator", None)


def all_four_cpus(deployment, hpa):
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    for kind in ("requests", "limits"):
        container["resources"][kind]["cpu"] = "4"


def waves(pipeline, group):
    pipeline.check()
    return [(before, after) for _, name, before, after in pipeline.autoscaler.growth if name == group]


def refusals(pipeline, pod, group):
    pipeline.check()
    return {reasons.get(group) for name, reasons in pipeline.autoscaler.refusals.items() if name.startswith(pod)}


def test_without_allocatable_tags_there_is_a_second_wave(faulty_groups):
    found = wait_until("two waves", lambda: waves(faulty_groups, "evaluation-executor-spot"), lambda all_waves: len(all_waves) > 1)
    assert found[0] == (0, 2)  # Four executors of 4Gi on two machines of 8 GiB, it thinks.


def test_without_the_accelerator_label_a_second_gpu_node_is_bought(faulty_groups):
    wait_until("a second node for one pod", lambda: waves(faulty_groups, "evaluation-gpu-spot"), lambda found: found[-1:] == [(1, 2)])


@pytest.mark.parametrize("pod, group, reason", [
    ("small-no-fault", "evaluation-small-spot", "node selector"),
    ("large-no-fault", "evaluation-large-spot", "insufficient ephemeral-storage"),
    ("gpu-all-four-cpus", "evaluation-gpu-spot", "insufficient cpu"),
])
def test_a_group_that_cannot_help_never_grows(faulty_groups, pod, group, reason):
    wait_until("it is refused", lambda: refusals(faulty_groups, pod, group), lambda found: found == {reason})
    assert pod.startswith("gpu") or not waves(faulty_groups, group)


def test_groups_tagged_with_another_cluster_are_not_seen(faulty_groups, directory):
    other = Aws(directory / "aws.log")
    try:
        other.create_groups(Repository.load().changed("manifests/aws/terraform.tfvars", '"evaluation"', '"production"'))
        assert not [group for group in other.groups() if faulty_groups.autoscaler.sees(group)]
    finally:
        other.stop()
