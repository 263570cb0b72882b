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


def work():
    return ["huey_consumer", "huey_app.huey", "--workers=2"]


def report():
    return {"waiting": huey.pending_count(), "delayed": huey.scheduled_count()}
