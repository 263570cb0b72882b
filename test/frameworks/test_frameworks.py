"""What we say of a queue equals what its framework says, and what really runs: before, during and after a crash."""

import json
from urllib.parse import quote

import pytest

from eventually import eventually
from frameworks import FRAMEWORKS, SKIPPED

VALUES = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/{}?labelSelector={}"
PARTS = {"waiting": "redis_queue_waiting", "in_flight": "redis_queue_in_flight", "delayed": "redis_queue_delayed"}


def read(server, framework, metric):
    """Nothing for what our server does not offer of the queue."""
    response = server.request(VALUES.format(metric, quote(f"queue={framework.queue}")))
    if response.status == 404:
        return None
    assert response.status == 200, response
    [item] = response.json()["items"]
    return int(item["value"])


def read_parts(server, framework):
    parts = {part: read(server, framework, metric) for part, metric in PARTS.items()}
    return {part: count for part, count in parts.items() if count is not None}


def check(server, application, framework, expected):
    ours = read_parts(server, framework)
    assert ours == expected
    assert read(server, framework, "redis_queue_length") == expected["waiting"] + expected.get("in_flight", 0)
    theirs = json.loads(application.run("report"))
    if "all" in theirs:
        assert sum(ours.values()) == theirs["all"]
    else:
        assert {part: ours[part] for part in theirs} == theirs


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=str)
def test_a_queue_is_what_its_framework_says(framework, application, server):
    application.run("enqueue")
    check(server, application, framework, framework.enqueued)

    application.start_workers()
    eventually(lambda: application.running() == 2, within=60)
    eventually(lambda: read_parts(server, framework) == framework.working, within=30)  # Sidekiq reports every 10 s.
    check(server, application, framework, framework.working)

    application.kill_workers()
    assert read_parts(server, framework) == framework.working


@pytest.mark.parametrize("framework", [f for f in FRAMEWORKS if f.name == "celery with late acks"], ids=str)
def test_a_celery_task_with_an_eta_is_delayed_once_a_worker_holds_it(framework, application, server):
    application.run("enqueue-later")
    assert read_parts(server, framework) == {"waiting": 1, "in_flight": 0, "delayed": 0}
    application.start_workers()
    eventually(lambda: read_parts(server, framework) == {"waiting": 0, "in_flight": 0, "delayed": 1}, within=60)
    check(server, application, framework, {"waiting": 0, "in_flight": 0, "delayed": 1})


@pytest.mark.parametrize("name", SKIPPED)
def test_not_run(name):
    pytest.skip(f"{name}: {SKIPPED[name]}")
