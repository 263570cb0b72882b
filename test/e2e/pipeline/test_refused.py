"""Faults of the first sketch of these manifests that kube-apiserver or AWS refuse, and no schema or plan shows."""

import pytest
import yaml
from botocore.exceptions import ClientError

from aws import Aws
from control_plane import KubectlError
from pipeline import ROOT
from repository import Repository


def first_document(path):
    return next(yaml.safe_load_all((ROOT / path).read_text()))


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
    manifest = first_document(path)
    cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(manifest))
    fault(manifest)
    with pytest.raises(KubectlError) as refusal:
        cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(manifest))
    assert message in str(refusal.value)


@pytest.mark.parametrize("old, new, message", [
    pytest.param("  mixed_instances_policy {", "  launch_template {\n    id = aws_launch_template.node.id\n  }\n\n  mixed_instances_policy {",
                 "Valid requests must contain either", id="a launch template beside the mixed policy"),
    pytest.param("  vpc_zone_identifier = var.subnet_ids\n", "", "At least one Availability Zone or VPC Subnet is required", id="no subnets"),
])
def test_refused_by_aws(directory, old, new, message):
    aws = Aws(directory / "aws.log")
    try:
        with pytest.raises(ClientError) as refusal:
            aws.create_groups(Repository.load().changed("manifests/aws/modules/pool/main.tf", old, new))
    finally:
        aws.stop()
    assert message in str(refusal.value)
