"""The reference executor against a real Redis: no job is lost, none is run twice unless its executor died, and what counts is what is unfinished."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

sys.path.append(str(Path(__file__).parents[1] / "integration/server"))

from eventually import eventually  # noqa: E402
from ports import free_port  # noqa: E402

EXECUTOR = Path(__file__).parents[2] / "hpa-examples/executor"
QUEUE = "evaluation-jobs"


class Bench:
    """A Redis, executors on it, and a file that gets a line for every run of a job."""

    def __init__(self, folder):
        self.port, self.runs_file, self.released_file = free_port(), folder / "runs", folder / "released"
        self.held = f"until [ -e {self.released_file} ]; do sleep 0.1; done"  # The command of a job that lasts until release().
        self.folder, self.processes = folder, []
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self.start_redis()

    def start_redis(self):
        self.server = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--appendonly", "yes", "--save", ""],
            stdout=subprocess.DEVNULL)

        def answers():
            try:
                return self.client.ping()
            except redis.ConnectionError:
                return False

        eventually(answers)

    def stop_redis(self):
        self.server.terminate()
        self.server.wait()

    def executor(self, command="cat > /dev/null", **settings):
        """Runs `command` for each job; ready when it returns."""
        # One that has to wait for the processor for longer seems dead, and its job is run twice.
        environment = {**os.environ, "REDIS_URL": f"redis://127.0.0.1:{self.port}", "HEARTBEAT_TTL_SECONDS": "30", **settings}
        script = f'echo "$JOB_ID" >> {self.runs_file}; {command}'
        process = subprocess.Popen(
            [sys.executable, EXECUTOR / "executor.py", "sh", "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout.readline().startswith("ready")
        return process

    def release(self):
        self.released_file.touch()

    def enqueue(self, count, payload="x"):
        done = subprocess.run(
            [sys.executable, EXECUTOR / "enqueue.py", QUEUE], input=f"{payload}\n" * count, check=True, capture_output=True, text=True,
            env={**os.environ, "REDIS_URL": f"redis://127.0.0.1:{self.port}"})
        return done.stdout.split()

    def runs(self):
        return sorted(self.runs_file.read_text().split()) if self.runs_file.exists() else []

    def unfinished(self):
        return self.client.hlen(QUEUE)

    def failed(self):
        return self.client.hgetall("{evaluation-jobs}:failed")

    def stop(self):
        self.release()
        for process in self.processes:
            process.kill()
            process.wait()
        self.stop_redis()


@pytest.fixture
def bench(tmp_path):
    running = Bench(tmp_path)
    yield running
    running.stop()


def test_several_executors_run_each_job_once(bench):
    jobs = bench.enqueue(12)
    assert bench.unfinished() == 12
    for _ in range(3):
        bench.executor("sleep 0.05")
    eventually(lambda: bench.unfinished() == 0)
    assert bench.runs() == sorted(jobs)


def test_a_running_job_still_counts(bench):
    bench.executor(bench.held)
    bench.enqueue(1)
    eventually(bench.runs)
    assert (bench.client.llen("{evaluation-jobs}:waiting"), bench.unfinished()) == (0, 1)
    bench.release()
    eventually(lambda: bench.unfinished() == 0)


def test_on_sigterm_it_finishes_its_job_takes_no_other_and_leaves_nothing(bench):
    process = bench.executor(bench.held)
    bench.enqueue(2)
    eventually(bench.runs)
    process.send_signal(signal.SIGTERM)
    bench.release()
    assert process.wait(60) == 0
    assert (len(bench.runs()), bench.unfinished()) == (1, 1)
    assert set(bench.client.keys()) == {QUEUE, "{evaluation-jobs}:waiting"}


def test_an_idle_one_ends_at_once(bench):
    process = bench.executor()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_the_job_of_one_that_died_is_run_by_another(bench):
    dying = bench.executor("sleep 60", HEARTBEAT_TTL_SECONDS="2")
    (job,) = bench.enqueue(1)
    eventually(bench.runs)
    dying.kill()
    bench.executor()
    eventually(lambda: bench.unfinished() == 0)
    assert bench.runs() == [job, job]


def test_a_job_that_fails_is_kept_aside_and_no_longer_counts(bench):
    bench.executor("exit 3")
    (job,) = bench.enqueue(1, "payload")
    eventually(lambda: bench.unfinished() == 0)
    assert bench.failed() == {job: "payload"}


def test_a_job_that_takes_too_long_fails(bench):
    bench.executor("exec sleep 60", JOB_TIMEOUT_SECONDS="0.5")
    (job,) = bench.enqueue(1)
    eventually(lambda: bench.unfinished() == 0)
    assert list(bench.failed()) == [job]


def test_a_job_that_kills_its_executors_is_given_up(bench):
    (job,) = bench.enqueue(1)
    for attempt in (1, 2):
        process = bench.executor("sleep 60", MAX_ATTEMPTS="2", HEARTBEAT_TTL_SECONDS="2")
        eventually(lambda attempt=attempt: len(bench.runs()) == attempt)
        process.kill()
    bench.executor("sleep 60", MAX_ATTEMPTS="2")
    eventually(lambda: bench.unfinished() == 0)
    assert (len(bench.runs()), list(bench.failed())) == (2, [job])


def test_a_redis_that_comes_back_hears_of_the_job_done_meanwhile(bench):
    bench.executor("sleep 1")
    (job,) = bench.enqueue(1)
    eventually(bench.runs)
    bench.stop_redis()
    time.sleep(1.5)
    bench.start_redis()
    eventually(lambda: bench.unfinished() == 0)
    assert bench.runs() == [job]
