"""What the tests of real frameworks start from: a Redis, our server, and a folder in which jobs say that they run."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration/server"))

from eventually import eventually  # noqa: E402
from server_process import ServerProcess  # noqa: E402


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def redis_port(tmp_path):
    """Frameworks want TCP, and a Redis that holds nothing else."""
    port = _free_port()
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                "--dir", str(tmp_path), "--logfile", str(tmp_path / "redis.log")])

    def answers():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    eventually(answers)
    yield port
    process.kill()
    process.wait()


class Application:
    """One framework's program, on that Redis."""

    def __init__(self, framework, redis_port, directory):
        self._framework = framework
        self._log = directory / "application.log"
        self._running = directory / "running"
        self._finished = directory / "finished"
        self._running.mkdir()
        self._finished.mkdir()
        self._workers = []
        self._environment = {**os.environ, **framework.environment,
                             "RUNNING": str(self._running), "FINISHED": str(self._finished),
                             "REDIS_PORT": str(redis_port), "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                             "NODE_MODULES_PARENT": str(framework.needs.parent.parent), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, action):
        with self._log.open("ab") as log:
            return subprocess.run([*self._framework.program, action], env=self._environment, stderr=log, check=True,
                                  stdout=subprocess.PIPE, timeout=120, cwd=Path(__file__).parent).stdout

    def start_workers(self, **environment):
        program = self._framework.work or [*self._framework.program, "work"]
        for _ in range(self._framework.workers):
            with self._log.open("ab") as log:
                self._workers.append(subprocess.Popen(program, env={**self._environment, **environment}, stdout=log,
                                                      stderr=log, cwd=Path(__file__).parent, start_new_session=True))

    def running(self):
        """How many jobs have begun."""
        return len(list(self._running.iterdir()))

    def finished(self):
        """How many jobs have done their work, although the framework may not know yet."""
        return len(list(self._finished.iterdir()))

    def kill_workers(self):
        """As if their pods were gone: at once, with their children."""
        for worker in self._workers:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        self._workers = []

    @property
    def log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""


@pytest.fixture
def application(framework, redis_port, tmp_path):
    if not framework.needs.exists():
        pytest.skip(f"not installed: {framework.needs}")
    started = Application(framework, redis_port, tmp_path)
    yield started
    started.kill_workers()
    print(f"--- log of {framework}\n{started.log}")


@pytest.fixture
def server(framework, redis_port, tmp_path):
    directory = tmp_path / "server"
    directory.mkdir()
    settings = [f'name: jobs, nameInRedis: "{framework.name_in_redis}", layout: {framework.layout}', framework.options]
    config = directory / "queues.yaml"
    config.write_text("queues: [{" + ", ".join(filter(None, settings)) + "}]\n")
    process = ServerProcess(directory, {"redis_url": f"redis://127.0.0.1:{redis_port}", "config": config})
    yield process
    process.finish()
