"""One control plane for the whole run, with our server installed in it."""

import os
import shutil
from pathlib import Path

import pytest

from control_plane import ControlPlane
from installation import ROOT, go_by_loopback, install, wait_for_availability
from system_under_test import Redis, Server
from zero import Replica, ScaleWatch, grant


@pytest.fixture(scope="session")
def directory(request):
    """Everything the run writes; kept for reading when a test failed."""
    folder = ROOT / "build/e2e"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    if request.session.testsfailed:
        print(f"\nlogs: {folder}")
    else:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster(directory):
    parts = Path(os.environ.get("CONTROL_PLANE", ROOT / "build/controlplane"))
    assert (parts / "kube-apiserver").exists(), "no control plane: scripts/e2e.sh builds it"
    control_plane = ControlPlane(
        parts, directory / "cluster", os.environ.get("HPA_SYNC_PERIOD", "2s"), os.environ.get("FEATURE_GATES", "")
    )
    yield control_plane
    control_plane.stop()


@pytest.fixture(scope="session")
def redis(directory):
    server = Redis(directory / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(cluster, redis, directory):
    """The server, installed, running, and reached by kube-apiserver through our own Service and APIService."""
    binary = Path(os.environ.get("QMS_BINARY", ROOT / "build/release/queue-metrics-server")).resolve()
    assert binary.exists(), f"no {binary}: scripts/build.sh builds it, QMS_BINARY names another"
    install(cluster)
    running = Server(cluster, binary, directory / "server", redis)
    go_by_loopback(cluster, running.port)
    wait_for_availability(cluster, "True")
    cluster.mark_apiserver_log()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def replicas(cluster, server, redis, directory):
    """Starts replicas of the server with --wake, by name; `server` is who serves the API."""
    grant(cluster, directory, "wake")
    running = []

    def start(name: str) -> Replica:
        running.append(Replica(cluster, redis, directory, name))
        return running[-1]

    yield start
    for replica in running:
        replica.kill()


@pytest.fixture
def watch(cluster):
    started = ScaleWatch(cluster)
    yield started
    started.stop()
