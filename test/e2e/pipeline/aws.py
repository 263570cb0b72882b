"""The Auto Scaling groups of manifests/aws, made from its Terraform in an emulated AWS.

The Terraform is evaluated by test/manifests/hcl.py; what an instance then is comes from its launch template's user data, as on a real machine.
"""

import base64
import sys
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import yaml
from botocore.exceptions import EndpointConnectionError
from programs import Program, free_port, wait_until
from repository import Repository
from rules import SHAPES, ALLOCATABLE, PROMISED

REGION = "eu-west-1"
ALLOCATABLE_BY_SHAPE = {SHAPES[PROMISED[pool]]: allocatable for pool, allocatable in ALLOCATABLE.items()}


@dataclass
class Machine:
    """An instance as its kubelet would describe it."""

    instance_id: str
    type: str
    labels: dict = field(default_factory=dict)
    taints: list = field(default_factory=list)
    allocatable: dict = field(default_factory=dict)


class Aws:
    """An emulated account on loopback, from construction to stop()."""

    def __init__(self, log: Path):
        port = free_port()
        self._program = Program([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], log)
        access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION, "endpoint_url": f"http://127.0.0.1:{port}"}
        self.autoscaling, self.ec2 = boto3.client("autoscaling", **access), boto3.client("ec2", **access)
        wait_until("the emulator answers", self._answers)

    def stop(self) -> None:
        self._program.stop()

    def _answers(self) -> bool:
        self._program.check_running()
        try:
            return bool(self.ec2.describe_subnets()["Subnets"])
        except EndpointConnectionError:
            return False

    def create_groups(self, repository: Repository) -> None:
        subnets = [subnet["SubnetId"] for subnet in self.ec2.describe_subnets()["Subnets"]]
        security_group = self.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        for pool in repository.pools.values():
            template = self.ec2.create_launch_template(
                LaunchTemplateName=pool.template["name"],
                LaunchTemplateData={
                    "ImageId": pool.template["image_id"],
                    "UserData": pool.template["user_data"],
                    "SecurityGroupIds": [security_group for _ in pool.template["vpc_security_group_ids"]],
                },
            )["LaunchTemplate"]
            for group in pool.groups.values():
                self.create_group(group, template, subnets)

    def create_group(self, group: dict, template: dict, subnets: list[str]) -> None:
        policy = group["mixed_instances_policy"][0]
        distribution = policy["instances_distribution"][0]
        optional = {"VPCZoneIdentifier": ",".join(subnets)} if "vpc_zone_identifier" in group else {}
        if "launch_template" in group:
            optional["LaunchTemplate"] = {"LaunchTemplateId": template["LaunchTemplateId"]}
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=group["name"],
            MinSize=group["min_size"],
            MaxSize=group["max_size"],
            MixedInstancesPolicy={
                "InstancesDistribution": {
                    "OnDemandBaseCapacity": distribution["on_demand_base_capacity"],
                    "OnDemandPercentageAboveBaseCapacity": distribution["on_demand_percentage_above_base_capacity"],
                    "SpotAllocationStrategy": distribution["spot_allocation_strategy"],
                },
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template["LaunchTemplateId"], "Version": str(template["LatestVersionNumber"])},
                    "Overrides": [{"InstanceType": override["instance_type"]} for override in policy["launch_template"][0]["override"]],
                },
            },
            Tags=[
                {"Key": tag["key"], "Value": tag["value"], "PropagateAtLaunch": tag["propagate_at_launch"],
                 "ResourceId": group["name"], "ResourceType": "auto-scaling-group"}
                for tag in group["tag"]
            ],
            **optional,
        )
        if group["suspended_processes"]:
            self.autoscaling.suspend_processes(AutoScalingGroupName=group["name"], ScalingProcesses=group["suspended_processes"])

    def groups(self) -> list[dict]:
        return self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]

    def machine(self, group: dict, instance: dict) -> Machine:
        """What nodeadm and the kubelet make of an instance of the group; the allocatable numbers are EKS's, not the tags'."""
        specification = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
        version = self.ec2.describe_launch_template_versions(
            LaunchTemplateId=specification["LaunchTemplateId"], Versions=[specification["Version"]])["LaunchTemplateVersions"][0]
        document = base64.b64decode(version["LaunchTemplateData"]["UserData"]).decode().split("application/node.eks.aws\n\n")[1].split("\n--")[0]
        flags = dict(flag.removeprefix("--").split("=", 1) for flag in yaml.safe_load(document)["spec"]["kubelet"]["flags"])
        pairs = {name: [pair for pair in flags.get(name, "").split(",") if pair] for name in ("node-labels", "register-with-taints")}
        labels = dict(pair.split("=") for pair in pairs["node-labels"])
        taints = [{"key": key, "value": value, "effect": effect}
                  for key, _, rest in (pair.partition("=") for pair in pairs["register-with-taints"]) for value, _, effect in (rest.partition(":"),)]
        kind = instance["InstanceType"] or group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"][0]["InstanceType"]  # moto leaves it empty.
        cpu, memory, pods = ALLOCATABLE_BY_SHAPE[SHAPES[kind]]
        return Machine(
            instance["InstanceId"], kind, labels, taints,
            {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "89Gi", "nvidia.com/gpu": str(SHAPES[kind][2])},
        )
