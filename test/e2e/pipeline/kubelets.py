"""Machines that boot, join, run their pods as local processes, and leave: what EC2, nodeadm and the kubelet do, as far as the pipeline sees it."""

import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from aws import Aws, Machine
from kube_api import ApiError, KubeApi
from programs import _die_with_parent

ROOT = Path(__file__).parents[3]
EXECUTOR = ROOT / "hpa-examples/executor"
OUR_IMAGE = "crucible-platform/executor"


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Container:
    """A pod's process, where its image is the reference executor's; any other image just runs."""

    def __init__(self, pod: dict, environment: dict, log: Path):
        self.node = pod["spec"]["nodeName"]
        self._container = pod["spec"]["containers"][0]
        self._environment = environment
        self._log = log
        self._process = None
        self._asked_to_stop = False
        self.start()

    def start(self) -> None:
        if not self._container["image"].startswith(OUR_IMAGE):
            return
        argv = self._container.get("command") or [sys.executable, str(EXECUTOR / "executor.py"), *self._container.get("args", [])]
        own = {each["name"]: each["value"] for each in self._container.get("env", [])}
        path = {"PATH": f"{EXECUTOR}:{os.environ['PATH']}"}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                argv, env={**own, **path, **self._environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_die_with_parent)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        if self._process is None:
            return 0 if self._asked_to_stop else None
        return self._process.poll()

    def stop(self) -> None:
        if not self._asked_to_stop:
            self._asked_to_stop = True
            if self._process:
                self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


class Kubelets(threading.Thread):
    """All machines of all groups. `boot` is how long one takes to join, `plugin` how much later its GPU shows, both in seconds."""

    def __init__(self, api: KubeApi, aws: Aws, environment: dict, logs: Path, boot: float, plugin: float):
        super().__init__(daemon=True)
        self._api, self._aws, self._environment, self._logs = api, aws, environment, logs
        self._boot, self._plugin = boot, plugin
        self._launched: dict[str, float] = {}
        self._joined: dict[str, tuple[Machine, float]] = {}
        self._renewed = 0.0
        self._stopping = threading.Event()
        self.containers: dict[str, Container] = {}
        self.unavailable: set[str] = set()  # Groups whose machines never boot: no capacity.
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self._stopping.wait(0.3):
                self._follow_instances()
                self._follow_pods()
                self._renew_leases()
        except Exception as error:
            self.error = error
            raise

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        for container in self.containers.values():
            container.kill()

    def _follow_instances(self) -> None:
        present = {}
        for group in self._aws.groups():
            for instance in group["Instances"]:
                present[instance["InstanceId"]] = (group, instance)
        for instance_id, (group, instance) in present.items():
            launched = self._launched.setdefault(instance_id, time.monotonic())
            unavailable = group["AutoScalingGroupName"] in self.unavailable
            if instance_id not in self._joined and not unavailable and time.monotonic() >= launched + self._boot:
                machine = self._aws.machine(group, instance)
                self.join_node(machine)
                self._joined[instance_id] = (machine, time.monotonic())
        for instance_id, (machine, joined) in list(self._joined.items()):
            if instance_id not in present:
                self._leave(instance_id)
            elif machine.allocatable.get("nvidia.com/gpu", "0") != "0" and joined and time.monotonic() >= joined + self._plugin:
                self._set_allocatable(instance_id, machine.allocatable)
                self._joined[instance_id] = (machine, 0)

    def join_node(self, machine: Machine) -> None:
        labels = {
            "kubernetes.io/hostname": machine.instance_id, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": machine.type, "topology.kubernetes.io/zone": "eu-west-1a", **machine.labels,
        }
        self._api.create("/api/v1/nodes", {
            "metadata": {"name": machine.instance_id, "labels": labels},
            "spec": {"providerID": f"aws:///eu-west-1a/{machine.instance_id}", "taints": machine.taints},
        })
        self._set_allocatable(machine.instance_id, {**machine.allocatable, "nvidia.com/gpu": "0"})
        # The transition time must stay as it is, or Cluster Autoscaler never trusts the node.
        condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now(), "lastTransitionTime": now()}
        self._api.patch(f"/api/v1/nodes/{machine.instance_id}/status", {"status": {"conditions": [condition]}})

    def _set_allocatable(self, node: str, allocatable: dict) -> None:
        self._api.patch(f"/api/v1/nodes/{node}/status", {"status": {"capacity": allocatable, "allocatable": allocatable}})

    def _leave(self, instance_id: str) -> None:
        self._joined.pop(instance_id)
        for uid in [uid for uid, container in self.containers.items() if container.node == instance_id]:
            self.containers.pop(uid).kill()
        self._api.delete(f"/api/v1/nodes/{instance_id}")

    def _renew_leases(self) -> None:
        if time.monotonic() < self._renewed + 10:
            return
        self._renewed = time.monotonic()
        for node in self._api.list("/api/v1/nodes"):
            name = node["metadata"]["name"]
            path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
            spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now()}
            try:
                self._api.patch(f"{path}/{name}", {"spec": spec})
            except ApiError:
                self._api.create(path, {"metadata": {"name": name}, "spec": spec})

    def _follow_pods(self) -> None:
        pods = {pod["metadata"]["uid"]: pod for pod in self._api.list("/api/v1/pods") if pod["spec"].get("nodeName")}
        for uid, pod in pods.items():
            try:
                self._follow_pod(uid, pod)
            except ApiError as error:
                if error.code != 404:  # Deleted in between.
                    raise
        for uid in self.containers.keys() - pods.keys():
            self.containers.pop(uid).kill()

    def _follow_pod(self, uid: str, pod: dict) -> None:
        if pod["status"].get("phase") in ("Succeeded", "Failed"):
            if "deletionTimestamp" in pod["metadata"]:
                self._api.delete(self._path(pod), grace=0)
            return
        container = self.containers.get(uid)
        if container is None:
            if "deletionTimestamp" in pod["metadata"]:
                self._api.delete(self._path(pod), grace=0)
                return
            self.containers[uid] = Container(pod, self._environment, self._logs / f"{pod['metadata']['name']}.log")
            self._report(pod, "Running", {"running": {"startedAt": now()}}, ready=True)
        elif "deletionTimestamp" in pod["metadata"]:
            container.stop()
            if container.exit_code is not None:
                self.containers.pop(uid)
                self._api.delete(self._path(pod), grace=0)
        elif container.exit_code is not None:
            if pod["spec"]["restartPolicy"] == "Always":
                container.start()
            else:
                self.containers.pop(uid)
                phase = "Succeeded" if container.exit_code == 0 else "Failed"
                self._report(pod, phase, {"terminated": {"exitCode": container.exit_code, "finishedAt": now()}}, ready=False)

    def _report(self, pod: dict, phase: str, state: dict, ready: bool) -> None:
        name = pod["spec"]["containers"][0]["name"]
        conditions = [{"type": kind, "status": str(ready), "lastTransitionTime": now()} for kind in ("Ready", "ContainersReady", "Initialized")]
        status = {"name": name, "image": "", "imageID": "", "ready": ready, "restartCount": 0, "state": state}
        change = {"status": {"phase": phase, "conditions": conditions, "containerStatuses": [status], "startTime": now()}}
        self._api.patch(f"{self._path(pod)}/status", change, "application/strategic-merge-patch+json")

    @staticmethod
    def _path(pod: dict) -> str:
        return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
