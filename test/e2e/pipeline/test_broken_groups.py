"""Faults of the first sketch that keep a group of machines from growing, or make it grow twice."""

import pytest
import yaml

from aws import Aws
from pipeline import ROOT, Pipeline
from programs import wait_until
from repository import Repository

POOL, POOLS = "manifests/aws/modules/pool", "manifests/aws/pools.tf"


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
    for name, pool, replicas, cpu in (("executor", "executor", 4, "2"), ("small", "small", 1, "500m"), ("large", "large", 1, "4"),
                                      ("gpu", "gpu", 1, "3"), ("greedy", "gpu", 1, "4")):
        path = "hpa-examples/executor/deployment.yaml" if pool == "executor" else f"hpa-examples/evaluations/{pool}/queue-driven.yaml"
        deployment = next(yaml.safe_load_all((ROOT / path).read_text()))
        deployment["metadata"]["name"] = name
        deployment["spec"]["replicas"] = replicas
        pod = deployment["spec"]["template"]["spec"]
        pod["nodeSelector"] = {"queue-metrics.dev/pool": pool}
        for kind in ("requests", "limits"):
            pod["containers"][0]["resources"][kind]["cpu"] = cpu
        cluster.kubectl("apply", "-n", "evaluation", "-f", "-", stdin=yaml.safe_dump(deployment))
    yield running
    running.stop()


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
    ("small", "evaluation-small-spot", "node selector"),
    ("large", "evaluation-large-spot", "insufficient ephemeral-storage"),
    ("greedy", "evaluation-gpu-spot", "insufficient cpu"),
])
def test_a_group_that_cannot_help_never_grows(faulty_groups, pod, group, reason):
    wait_until("it is refused", lambda: refusals(faulty_groups, pod, group), lambda found: found == {reason})
    assert pod == "greedy" or not waves(faulty_groups, group)  # The gpu group grows, but for the other pod.


def test_groups_tagged_with_another_cluster_are_not_seen(faulty_groups, directory):
    other = Aws(directory / "aws.log")
    try:
        other.create_groups(Repository.load().changed("manifests/aws/terraform.tfvars", '"evaluation"', '"production"'))
        assert not [group for group in other.groups() if faulty_groups.autoscaler.sees(group)]
    finally:
        other.stop()
