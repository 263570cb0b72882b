"""Cluster Autoscaler's rules, where they decide whether a pipeline leaves zero, overshoots, or comes back: a model, not the program.

It takes its flags from our Deployment in the cluster and everything else from the groups themselves:
- a group is seen if it carries all discovery tags;
- the node of an empty group is its first instance type, raw, overridden by node-template tags; labels and taints come from tags alone;
- a group whose node has been Ready for a while is judged by that real node instead, for good;
- an instance that has not joined, or has not shown the GPU its label promises, counts as the node it will be;
- a machine that has not joined in time is given up, and its group is not asked again for a while;
- the expander chooses by the priority ConfigMap, then by least waste;
- a node goes when nothing but DaemonSet pods has been on it for the group's unneeded time, and the group's last growth is long enough ago.
"""

import math
import re
import threading
import time
from dataclasses import dataclass

import yaml

from aws import Aws
from kube_api import KubeApi
from repository import quantity
from rules import SHAPES

TEMPLATE = "k8s.io/cluster-autoscaler/node-template/"


@dataclass
class Node:
    labels: dict
    taints: list
    free: dict

    def admits(self, pod: dict) -> str:
        """Why the scheduler would refuse, or nothing."""
        spec = pod["spec"]
        if not spec.get("nodeSelector", {}).items() <= self.labels.items():
            return "node selector"
        terms = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
        if terms and not any(all(self._matches(each) for each in term["matchExpressions"]) for term in terms):
            return "node affinity"
        for taint in self.taints:
            if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(each, taint) for each in spec.get("tolerations", [])):
                return f"taint {taint['key']}"
        short = [resource for resource, amount in requests(pod).items() if amount > self.free.get(resource, 0)]
        return f"insufficient {', '.join(short)}" if short else ""

    def _matches(self, expression: dict) -> bool:
        present = expression["key"] in self.labels
        if expression["operator"] in ("Exists", "DoesNotExist"):
            return present == (expression["operator"] == "Exists")
        return (self.labels.get(expression["key"]) in expression["values"]) == (expression["operator"] == "In")

    def take(self, pod: dict) -> None:
        for resource, amount in requests(pod).items():
            self.free[resource] = self.free.get(resource, 0) - amount


def requests(pod: dict) -> dict:
    total = {"pods": 1.0}
    for container in pod["spec"]["containers"]:
        for resource, amount in container.get("resources", {}).get("requests", {}).items():
            total[resource] = total.get(resource, 0) + quantity(amount)
    return total


def _tolerates(toleration: dict, taint: dict) -> bool:
    if toleration.get("effect", taint["effect"]) != taint["effect"] or toleration.get("key", taint["key"]) != taint["key"]:
        return False
    return toleration.get("operator", "Equal") == "Exists" or toleration.get("value", "") == taint.get("value", "")


def seconds(text: str) -> float:
    return sum(float(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))


class ClusterAutoscaler(threading.Thread):
    """Runs from start() to stop(). Every duration is divided by `speed`."""

    def __init__(self, api: KubeApi, aws: Aws, speed: float):
        super().__init__(daemon=True)
        self._api, self._aws, self._speed = api, aws, speed
        deployment = api.get("/apis/apps/v1/namespaces/kube-system/deployments/cluster-autoscaler")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        config_map = container["envFrom"][0]["configMapRef"]["name"]
        environment = api.get(f"/api/v1/namespaces/kube-system/configmaps/{config_map}")["data"]
        self._flags = {}
        for argument in container["args"]:
            name, _, value = argument.removeprefix("--").partition("=")
            self._flags[name] = re.sub(r"\$\((\w+)\)", lambda match: environment[match[1]], value)
        priorities = api.get("/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-priority-expander")["data"]["priorities"]
        self._priorities = yaml.safe_load(priorities)
        self._discovery = set(self._flags["node-group-auto-discovery"].removeprefix("asg:tag=").split(","))
        self._real: dict[str, Node] = {}
        self._unneeded: dict[str, float] = {}
        self._ready: dict[str, float] = {}
        self._awaited: dict[str, float] = {}
        self._grown: dict[str, float] = {}
        self._backed_off: dict[str, float] = {}  # Group -> when it may be asked again.
        self._stopping = threading.Event()
        self.growth: list[tuple[float, str, int, int]] = []  # When, which group, from, to.
        self.removals: list[tuple[float, str, str]] = []  # When, which group, which node.
        self.refusals: dict[str, dict[str, str]] = {}  # Pod -> group -> why it cannot help.
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self._stopping.wait(seconds(self._flags["scan-interval"]) / self._speed):
                self.scan()
        except Exception as error:
            self.error = error
            raise

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def sees(self, group: dict) -> bool:
        return self._discovery <= {tag["Key"] for tag in group["Tags"]}

    def scan(self) -> None:
        groups = {group["AutoScalingGroupName"]: group for group in self._aws.groups() if self.sees(group)}
        nodes = {node["metadata"]["name"]: node for node in self._api.list("/api/v1/nodes")}
        pods = [pod for pod in self._api.list("/api/v1/pods") if pod["status"].get("phase") not in ("Succeeded", "Failed")]
        daemon_sets = self._api.list("/apis/apps/v1/daemonsets")
        self._learn(groups, nodes)
        self._give_up(groups, nodes)
        self._grow(groups, nodes, pods, daemon_sets)
        self._shrink(groups, nodes, pods)

    def _learn(self, groups: dict, nodes: dict) -> None:
        """After a minute of being Ready a node replaces its group's template."""
        for name, group in groups.items():
            for instance in group["Instances"]:
                node = nodes.get(instance["InstanceId"])
                if node and _is_ready(node):
                    since = self._ready.setdefault(instance["InstanceId"], time.monotonic())
                    if time.monotonic() >= since + 60 / self._speed and name not in self._real:
                        labels = {key: value for key, value in node["metadata"]["labels"].items() if key != "kubernetes.io/hostname"}
                        self._real[name] = Node(labels, _own_taints(node), _amounts(node["status"]["allocatable"]))

    def _give_up(self, groups: dict, nodes: dict) -> None:
        patience = seconds(self._flags["max-node-provision-time"]) / self._speed
        for name, group in groups.items():
            for instance in list(group["Instances"]):
                since = self._awaited.setdefault(instance["InstanceId"], time.monotonic())
                if not _is_ready(nodes.get(instance["InstanceId"])) and time.monotonic() >= since + patience:
                    self._terminate(instance["InstanceId"])
                    group["Instances"].remove(instance)
                    self._backed_off[name] = time.monotonic() + seconds("5m") / self._speed

    def _terminate(self, instance_id: str) -> None:
        self._aws.autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=instance_id, ShouldDecrementDesiredCapacity=True)

    def template(self, group: dict, daemon_sets: list[dict]) -> Node:
        """The next node of the group, with its DaemonSet pods on it."""
        real = self._real.get(group["AutoScalingGroupName"])
        if real:
            node = Node(dict(real.labels), list(real.taints), dict(real.free))
        else:
            tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
            first = group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"][0]["InstanceType"]
            cpu, memory, gpus = SHAPES[first]
            node = Node(
                {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "node.kubernetes.io/instance-type": first,
                 "topology.kubernetes.io/zone": group["AvailabilityZones"][0], **_under(tags, "label/")},
                [{"key": key, "value": value.split(":")[0], "effect": value.split(":")[1]} for key, value in _under(tags, "taint/").items()],
                {"cpu": cpu, "memory": memory * 2**20, "pods": 110, "nvidia.com/gpu": gpus, **_amounts(_under(tags, "resources/"))},
            )
        for daemon_set in daemon_sets:
            pod = daemon_set["spec"]["template"]
            if not node.admits(pod):
                node.take(pod)
        return node

    def _grow(self, groups: dict, nodes: dict, pods: list, daemon_sets: list) -> None:
        room = self._existing(groups, nodes, pods) + self._upcoming(groups, nodes, daemon_sets)
        waiting = []
        for pod in sorted(filter(_is_unschedulable, pods), key=lambda pod: pod["metadata"]["name"]):
            host = next((node for node in room if not node.admits(pod)), None)
            if host:
                host.take(pod)
            else:
                waiting.append(pod)
        while waiting:
            options = {}
            for name, group in groups.items():
                if self._backed_off.get(name, 0) <= time.monotonic():
                    options[name] = self._estimate(group, waiting, daemon_sets)
            useful = {name: option for name, option in options.items() if option[0]}
            if not useful:
                return
            best = max(useful, key=lambda name: (self._priority(name), -useful[name][2]))
            helped, count, _ = useful[best]
            current = len(groups[best]["Instances"])
            self._aws.autoscaling.set_desired_capacity(AutoScalingGroupName=best, DesiredCapacity=current + count, HonorCooldown=False)
            groups[best]["Instances"] += [{"InstanceId": ""}] * count
            self._grown[best] = time.monotonic()
            self.growth.append((time.monotonic(), best, current, current + count))
            waiting = [pod for pod in waiting if pod not in helped]

    def _estimate(self, group: dict, waiting: list, daemon_sets: list) -> tuple[list, int, float]:
        """The pods that new nodes of the group would take, how many nodes that needs, and the share of CPU and memory left unused."""
        fresh: list[Node] = []
        helped = []
        limit = group["MaxSize"] - len(group["Instances"])
        for pod in waiting:
            host = next((node for node in fresh if not node.admits(pod)), None)
            if host is None:
                host = self.template(group, daemon_sets)
                reason = host.admits(pod) or ("max size reached" if len(fresh) >= limit else "")
                self.refusals.setdefault(pod["metadata"]["name"], {})[group["AutoScalingGroupName"]] = reason
                if reason:
                    continue
                fresh.append(host)
            host.take(pod)
            helped.append(pod)
        empty = self.template(group, daemon_sets)
        waste = sum(node.free[each] / empty.free[each] for node in fresh for each in ("cpu", "memory"))
        return helped, len(fresh), waste / (2 * len(fresh)) if fresh else 0

    def _priority(self, group: str) -> float:
        return max((value for value, patterns in self._priorities.items() if any(re.search(each, group) for each in patterns)), default=-math.inf)

    def _existing(self, groups: dict, nodes: dict, pods: list) -> list[Node]:
        rooms = {}
        for name, node in nodes.items():
            if _is_ready(node):
                rooms[name] = Node(node["metadata"]["labels"], _own_taints(node), _amounts(node["status"]["allocatable"]))
        for pod in pods:
            if pod["spec"].get("nodeName") in rooms:
                rooms[pod["spec"]["nodeName"]].take(pod)
        return list(rooms.values())

    def _upcoming(self, groups: dict, nodes: dict, daemon_sets: list) -> list[Node]:
        return [self.template(group, daemon_sets) for group in groups.values() for instance in group["Instances"]
                if not _is_ready(nodes.get(instance["InstanceId"]))]

    def _shrink(self, groups: dict, nodes: dict, pods: list) -> None:
        busy = {pod["spec"].get("nodeName") for pod in pods
                if not any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", []))}
        for name, group in groups.items():
            tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
            unneeded_time = seconds(_under(tags, "autoscaling-options/").get("scaledownunneededtime", self._flags["scale-down-unneeded-time"]))
            after_add = seconds(self._flags["scale-down-delay-after-add"])
            last = self._grown.get(name, -math.inf) if self._flags["scale-down-delay-type-local"] == "true" else max(self._grown.values(), default=-math.inf)
            size = len(group["Instances"])
            for instance in group["Instances"]:
                node = instance["InstanceId"]
                if not _is_ready(nodes.get(node)) or node in busy:
                    self._unneeded.pop(node, None)
                    continue
                since = self._unneeded.setdefault(node, time.monotonic())
                quiet = time.monotonic() >= max(since + unneeded_time / self._speed, last + after_add / self._speed)
                if quiet and size > group["MinSize"]:
                    self._terminate(node)
                    self.removals.append((time.monotonic(), name, node))
                    size -= 1


def _under(tags: dict, folder: str) -> dict:
    prefix = TEMPLATE + folder
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}


def _amounts(resources: dict) -> dict:
    return {name: quantity(amount) for name, amount in resources.items()}


def _own_taints(node: dict) -> list:
    return [taint for taint in node["spec"].get("taints", []) if not taint["key"].startswith("node.kubernetes.io/")]


def _is_ready(node: dict | None) -> bool:
    """Joined, and with the GPU it promises: a GPU node that does not show one yet is a node still to come."""
    if node is None or not any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", [])):
        return False
    promised = "k8s.amazonaws.com/accelerator" in node["metadata"]["labels"]
    return not promised or quantity(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) > 0


def _is_unschedulable(pod: dict) -> bool:
    if pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"] or pod["spec"].get("priority", 0) < -10:
        return False
    return any(each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable" for each in pod["status"].get("conditions", []))
