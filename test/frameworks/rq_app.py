"""RQ: a worker has one job at a time."""

import os
from datetime import timedelta

from redis import Redis
from rq import Queue
from rq.registry import ScheduledJobRegistry, StartedJobRegistry

from marker import block

queue = Queue("jobs", connection=Redis.from_url(os.environ["REDIS_URL"]))


def enqueue():
    for _ in range(5):
        queue.enqueue(block)
    queue.enqueue_in(timedelta(hours=1), block)


def work():
    return ["rq", "worker", "--url", os.environ["REDIS_URL"], "jobs"]


def report():
    return {"waiting": queue.count, "in_flight": StartedJobRegistry(queue=queue).count,
            "delayed": ScheduledJobRegistry(queue=queue).count}
