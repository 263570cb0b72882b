"""Our server in a cluster: installed as manifests/server/README.md tells people to, and seen by kube-apiserver."""

import json
import time
from pathlib import Path

from control_plane import ControlPlane
from programs import wait_until

ROOT = Path(__file__).parents[2]
APISERVICE = "v1beta1.external.metrics.k8s.io"


def install(cluster: ControlPlane) -> None:
    cluster.kubectl("apply", "-k", ROOT / "manifests/server/base")


def write_kubeconfig(cluster: ControlPlane, folder: Path) -> Path:
    """In `folder`; with the server's service account, and so with the rights that manifests grant it."""
    (folder / "token").write_text(cluster.kubectl("create", "token", "queue-metrics-server", "-n", "queue-metrics").strip())
    admin = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": admin["clusters"],
        "users": [{"name": "server", "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "server", "context": {"cluster": "e2e", "user": "server", "namespace": "queue-metrics"}}],
        "current-context": "server",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def go_by_loopback(cluster: ControlPlane, port: int) -> None:
    """Instead of to pods, which no kubelet here starts: the Service names localhost, the APIService the port there."""
    patch(cluster, "service/queue-metrics-server", {"type": "ExternalName", "externalName": "localhost"}, "--namespace=queue-metrics")
    patch(cluster, f"apiservice/{APISERVICE}", {"service": {"port": port}})


def patch(cluster: ControlPlane, name: str, spec: dict, *flags: str) -> None:
    cluster.kubectl("patch", name, *flags, "--type=merge", f"--patch={json.dumps({'spec': spec})}")


def wait_for_availability(cluster: ControlPlane, status: str) -> None:
    # kube-apiserver looks every 30 s, and whenever the APIService changes.
    cluster.kubectl("annotate", "apiservice", APISERVICE, "--overwrite", f"e2e/look-again={time.time()}")
    wait_until(f"APIService has Available={status}", lambda: availability(cluster), lambda condition: condition["status"] == status)


def availability(cluster: ControlPlane) -> dict:
    conditions = cluster.get("apiservice", APISERVICE)["status"].get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == "Available"), {"status": "Unknown"})
