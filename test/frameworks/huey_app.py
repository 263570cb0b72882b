"""Huey, with priorities if PRIORITY is set."""

import os
from datetime import datetime, timedelta

from huey import PriorityRedisHuey, RedisHuey

from marker import block

huey = (PriorityRedisHuey if "PRIORITY" in os.environ else RedisHuey)("my-jobs", url=os.environ["REDIS_URL"])


@huey.task()
def task():
    block()


def enqueue():
    for _ in range(5):
        task()
    huey.add_schedule(task.s(eta=datetime.now() + timedelta(hours=1)))


@huey.task(retries=1, retry_delay=3600)
def fail_once():
    raise RuntimeError("as it must")


def enqueue_soon():
    huey.add_schedule(task.s(eta=datetime.now() + timedelta(seconds=1)))


def enqueue_every_state():
    fail_once()
    huey.execute(huey.dequeue())
    task.schedule(delay=3600)  # In the main list, until a consumer has sorted it out.
    task()


def work():
    return ["huey_consumer", "huey_app.huey", "--workers=2"]


def report():
    return {"waiting": huey.pending_count(), "delayed": huey.scheduled_count()}
