"""Dramatiq."""

import os
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from marker import BRIEF, BRIEF_JOBS, block

broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="jobs")
def task(seconds=600.0):
    block(seconds)


def enqueue():
    for _ in range(5):
        task.send()
    task.send_with_options(delay=3_600_000)


@dramatiq.actor(queue_name="jobs", max_retries=0)
def fail():
    raise RuntimeError("as it must")


@dramatiq.actor(queue_name="jobs", min_backoff=7_200_000, max_backoff=7_200_000)
def fail_once():
    raise RuntimeError("as it must")


def enqueue_soon():
    task.send_with_options(delay=1000)


def enqueue_every_state():
    for actor in (lambda: task.send(0), fail.send, fail_once.send):
        actor()
    worker = dramatiq.Worker(broker, worker_timeout=100)
    worker.start()
    while broker.client.hlen("dramatiq:jobs.msgs") or not broker.client.hlen("dramatiq:jobs.DQ.msgs"):
        time.sleep(0.01)
    worker.stop()
    task.send()


def enqueue_brief():
    for _ in range(BRIEF_JOBS):
        task.send(BRIEF)


def work():
    return ["dramatiq", "--processes", "1", "--threads", "2", "dramatiq_app"]


def report():
    """All that the broker tells is one number, of messages in whatever state."""
    return {"all": broker.do_qsize("jobs")}
