"""What we say of a queue equals what its framework says, and what really runs: before, during and after a crash."""

import json
import time

import pytest

from eventually import eventually
from frameworks import FRAMEWORKS

VALUES = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/{}?labelSelector=queue%3Djobs"
PARTS = {"waiting": "redis_queue_waiting", "in_flight": "redis_queue_in_flight", "delayed": "redis_queue_delayed"}


def read(server, metric):
    """Nothing for what our server does not offer of the queue."""
    response = server.request(VALUES.format(metric))
    if response.status == 404:
        return None
    assert response.status == 200, response
    [item] = response.json()["items"]
    return int(item["value"])


def read_parts(server):
    parts = {part: read(server, metric) for part, metric in PARTS.items()}
    return {part: count for part, count in parts.items() if count is not None}


def check(server, application, framework, expected):
    ours = read_parts(server)
    assert ours == expected
    assert read(server, "redis_queue_length") == expected["waiting"] + expected.get("in_flight", 0)
    theirs = json.loads(application.run("report"))
    if "all" in theirs:
        assert sum(ours.values()) == theirs["all"]
    else:
        assert {part: ours[part] for part in theirs} == theirs


def check_age(server, framework, begun, ended):
    """The oldest job that waits was enqueued between these times."""
    before = time.time()
    response = server.request(VALUES.format("redis_queue_oldest_age_seconds"))
    after = time.time()
    assert response.status == framework.age, response
    if response.status == 200:
        [item] = response.json()["items"]
        assert before - ended - 1 < int(item["value"]) < after - begun + 1  # Times in Redis may be full seconds, too.


def those_with(quality):
    return pytest.mark.parametrize("framework", list(filter(quality, FRAMEWORKS)), ids=str)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=str)
def test_a_queue_is_what_its_framework_says(framework, application, server):
    begun = time.time()
    application.run("enqueue")
    ended = time.time()
    check(server, application, framework, framework.enqueued)
    check_age(server, framework, begun, ended)

    application.start_workers()
    eventually(lambda: application.running() == 2, within=60)
    eventually(lambda: read_parts(server) == framework.working, within=30)  # Sidekiq reports every 10 s.
    check(server, application, framework, framework.working)

    application.kill_workers()
    assert read_parts(server) == framework.working
    check_age(server, framework, begun, ended)


@those_with(lambda framework: framework.every_state)
def test_a_job_in_any_state_counts_as_its_framework_says(framework, application, server):
    application.run("enqueue_every_state")
    check(server, application, framework, framework.every_state)


@those_with(lambda framework: "delayed" in framework.enqueued and framework.layout != "celery")
def test_a_delayed_job_waits_as_soon_as_it_is_due_although_nobody_enqueues_it(framework, application, server):
    application.run("enqueue_soon")
    due = {part: 1 if part == "waiting" else 0 for part in framework.enqueued}
    eventually(lambda: read_parts(server) == due)
    assert read(server, "redis_queue_length") == 1


@those_with(lambda framework: framework.layout in ("bull", "bullmq", "bee-queue"))  # Others need a minute or more.
def test_jobs_of_a_worker_that_was_killed_are_never_missing_until_another_takes_them(framework, application, server):
    application.run("enqueue")
    jobs = framework.enqueued["waiting"]
    application.start_workers()
    eventually(lambda: application.running() == 2, within=60)
    application.kill_workers()
    application.start_workers()

    def two_wait_again():
        assert read(server, "redis_queue_length") >= jobs
        return application.running() == 4 and read_parts(server) == framework.working

    eventually(two_wait_again, within=60)
    check(server, application, framework, framework.working)


with_celery = those_with(lambda framework: framework.name == "celery with late acks")


@with_celery
@pytest.mark.parametrize("action", ["enqueue_later", "enqueue_one_to_retry"])
def test_a_celery_task_with_an_eta_is_delayed_once_a_worker_holds_it(framework, application, server, action):
    application.run(action)
    assert read_parts(server) == {"waiting": 1, "in_flight": 0, "delayed": 0}
    application.start_workers()
    held = {"waiting": 0, "in_flight": 0, "delayed": 1}
    eventually(lambda: read_parts(server) == held, within=60)
    check(server, application, framework, held)
    application.kill_workers()
    assert read_parts(server) == held


@with_celery
def test_of_all_unacknowledged_celery_tasks_those_of_the_queue_are_in_flight(framework, application, server):
    application.run("enqueue_for_two_queues")
    application.start_workers(QUEUES="jobs,others", PREFETCH="2")  # 2 tasks run and 2 more are held.
    eventually(lambda: application.running() == 2, within=60)
    working = {"waiting": 1, "in_flight": 2, "delayed": 0}
    eventually(lambda: read_parts(server) == working, within=30)
    check(server, application, framework, working)


@with_celery
def test_celery_tasks_of_a_killed_worker_are_never_missing_until_another_restores_them(framework, application, server):
    application.run("enqueue")
    application.start_workers()
    eventually(lambda: read_parts(server) == framework.working, within=60)
    application.kill_workers()
    time.sleep(1)  # A worker restores what is too old when it starts, of all queues.
    application.start_workers(QUEUES="others", VISIBILITY_TIMEOUT="1")

    def all_wait_again():
        parts = read_parts(server)
        assert read(server, "redis_queue_length") == 5
        return parts == framework.enqueued

    eventually(all_wait_again, within=60)


@those_with(lambda framework: framework.on_the_way is not None)
def test_no_unfinished_job_is_missing_while_jobs_come_and_go(framework, application, server):
    application.run("enqueue_brief")
    jobs = read(server, "redis_queue_length")
    application.start_workers()

    def all_are_finished():
        length = read(server, "redis_queue_length")
        unfinished = jobs - application.finished()  # Since before the reading at least.
        assert length >= unfinished - framework.on_the_way
        return unfinished == 0

    eventually(all_are_finished, within=120)
    eventually(lambda: read(server, "redis_queue_length") == 0)
