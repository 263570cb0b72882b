"""The walk this project is for: jobs in Redis become executors on machines that were not there, and all of it is gone again."""

import os
import time
from pathlib import Path

import pytest

from pipeline import BOOT, QUEUES, ROOT, SPEED
from programs import wait_until
from timeline import Timeline, table, write

TYPES = {"small": "t3.medium", "executor": "c5.xlarge", "large": "c5.2xlarge", "gpu": "g4dn.xlarge"}


@pytest.fixture(scope="module", autouse=True)
def at_zero(pipeline):
    """Installed and gone to zero by themselves: a Deployment without `replicas` starts at one, and that one has a machine for a while."""
    pipeline.install(*QUEUES)
    pipeline.wait_until_empty()
    for pool in QUEUES:
        assert pipeline.replicas(pool) == 0
    pipeline.autoscaler.growth.clear()
    pipeline.autoscaler.removals.clear()


def sample(pipeline):
    pods = pipeline.pods("executor")
    return {
        "unfinished jobs": pipeline.unfinished("executor"),
        "executors wanted": pipeline.replicas("executor"),
        "executors running": sum(pod["status"].get("phase") == "Running" for pod in pods),
        "executor machines": pipeline.machines("executor"),
        "other machines": sum(pipeline.machines(pool) for pool in ("small", "large", "gpu")),
    }


def test_from_nothing_to_every_shape_and_back(pipeline):
    timeline = Timeline(lambda: sample(pipeline))
    timeline.start()
    time.sleep(2)
    jobs = set()
    enqueued = timeline.seconds(time.monotonic())
    for pool, count in {"executor": 10, "small": 6, "large": 2, "gpu": 2}.items():
        jobs |= pipeline.enqueue(pool, [6] * count)
    for pool in ("small", "large", "gpu"):
        pipeline.cluster.kubectl("create", "-f", ROOT / f"hpa-examples/evaluations/{pool}/job.yaml")
    shapes = {pool: set() for pool in QUEUES}

    def all_done():
        pipeline.check()
        for pool in QUEUES:
            shapes[pool] |= {node["metadata"]["labels"]["node.kubernetes.io/instance-type"] for node in pipeline.nodes(pool) if on(pipeline, pool, node)}
        return not any(pipeline.unfinished(pool) for pool in QUEUES) and all(job["status"].get("succeeded") == 1 for job in pipeline.jobs())

    wait_until("all jobs are done", all_done, timeout=240)
    pipeline.wait_until_empty()
    time.sleep(1)
    timeline.stop()

    assert shapes == {pool: {kind} for pool, kind in TYPES.items()}
    assert {job: events for job, events in pipeline.runs().items() if job in jobs} == {job: ["start", "done"] for job in jobs}
    # Exactly the machines needed, all asked for before the first could join: three small workers to a t3.medium, the Jobs' pods beside them.
    # (Within a wave a scan may come between the first Pending pod and the last.)
    growth = {}
    for moment, group, _, size in pipeline.autoscaler.growth:
        growth.setdefault(group, []).append((moment, size))
    assert {group: steps[-1][1] for group, steps in growth.items()} == {
        "evaluation-executor-spot": 10, "evaluation-small-spot": 3, "evaluation-large-spot": 3, "evaluation-gpu-spot": 3}
    for steps in growth.values():
        assert steps[-1][0] - steps[0][0] < BOOT
    assert len(pipeline.autoscaler.removals) == 19
    report(pipeline, timeline, enqueued)


def on(pipeline, pool, node):
    return any(pod["spec"].get("nodeName") == node["metadata"]["name"] for pod in pipeline.pods(pool))


def report(pipeline, timeline, enqueued):
    """The table and the picture; into docs/ when QMS_WRITE_DOCS is set, for a commit."""
    asked = timeline.seconds(next(moment for moment, group, *_ in pipeline.autoscaler.growth if "executor" in group))
    gone = timeline.seconds(max(moment for moment, group, _ in pipeline.autoscaler.removals if "executor" in group))
    wanted = timeline.first(lambda now: now["executors wanted"] == 10)
    running = timeline.first(lambda now: now["executors running"] == 10)
    drained = timeline.first(lambda now: now["unfinished jobs"] == 0, after=running)
    released = timeline.first(lambda now: now["executors wanted"] == 0, after=drained)
    ended = timeline.first(lambda now: now["executors running"] == 0, after=released)
    moments = [
        ("10 jobs in Redis → the HPA wants 10", enqueued, wanted),
        ("→ the group is asked for 10 machines", wanted, asked),
        ("→ 10 executors run", asked, running),
        ("the last job ends → the HPA wants 0", drained, released),
        ("→ the last executor ended", released, ended),
        ("→ the last machine is told to go", ended, gone),
        ("whole way up", enqueued, running),
        ("whole way down", drained, gone),
    ]
    rows = [(name, f"{max(0, until - since):.1f}") for name, since, until in moments]
    text = f"Ten executors, real but for AWS; configured times divided by {SPEED}, a boot of 180 s too. The HPA looks every 2 s.\n\n" + table(("stage", "seconds"), rows)
    picture = timeline.svg(f"10 jobs, configured times divided by {SPEED}", {"jobs in": enqueued, "running": running, "queue empty": drained, "no executor machines": gone})
    folder = Path(os.environ.get("QMS_WRITE_DOCS", ROOT / "build/e2e-report"))
    write(folder, "pipeline-timing.md", text)
    write(folder, "pipeline-timing.svg", picture)


def test_shrinking_neither_loses_a_job_nor_runs_it_twice(pipeline):
    # As each one ends the HPA wants one executor fewer, and the ReplicaSet picks its victims among busy ones too.
    jobs = pipeline.enqueue("executor", [2, 4, 6, 20, 23, 26, 29, 32, 35, 38])
    wait_until("all jobs are done", lambda: pipeline.check() or pipeline.unfinished("executor"), lambda left: left == 0, timeout=240)
    assert {job: events for job, events in pipeline.runs().items() if job in jobs} == {job: ["start", "done"] for job in jobs}
    pipeline.wait_until_empty()


def test_a_job_whose_machine_is_taken_is_run_on_another(pipeline):
    (job,) = pipeline.enqueue("executor", [6])
    wait_until("it runs", lambda: pipeline.runs().get(job), lambda events: events == ["start"], timeout=120)
    (node,) = pipeline.nodes("executor")
    pipeline.aws.autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=node["metadata"]["name"], ShouldDecrementDesiredCapacity=True)
    wait_until("it is done", lambda: pipeline.unfinished("executor"), lambda left: left == 0, timeout=120)
    events = pipeline.runs()[job]
    assert events.count("done") == 1 and "rescued" in events
    pipeline.wait_until_empty()


def test_without_spot_capacity_on_demand_is_asked(pipeline):
    pipeline.kubelets.unavailable.add("evaluation-executor-spot")
    try:
        jobs = pipeline.enqueue("executor", [1, 1])
        wait_until("all jobs are done", lambda: pipeline.check() or pipeline.unfinished("executor"), lambda left: left == 0, timeout=180)
    finally:
        pipeline.kubelets.unavailable.clear()
    assert {job: events for job, events in pipeline.runs().items() if job in jobs} == {job: ["start", "done"] for job in jobs}
    assert [group for _, group, *_ in pipeline.autoscaler.growth][-2:] == ["evaluation-executor-spot", "evaluation-executor-on-demand"]
    pipeline.wait_until_empty()
