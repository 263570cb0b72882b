"""RQ: a worker has one job at a time."""

import os
from datetime import timedelta

from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.registry import ScheduledJobRegistry, StartedJobRegistry

from marker import BRIEF, BRIEF_JOBS, block

queue = Queue("jobs", connection=Redis.from_url(os.environ["REDIS_URL"]))


def enqueue():
    for _ in range(5):
        queue.enqueue(block)
    queue.enqueue_in(timedelta(hours=1), block)


def enqueue_brief():
    for _ in range(BRIEF_JOBS):
        queue.enqueue(block, BRIEF)


def _fail():
    raise RuntimeError("as it must")


def enqueue_soon():
    queue.enqueue_in(timedelta(seconds=1), block)


def enqueue_every_state():
    queue.enqueue(block, 0)
    queue.enqueue(_fail)
    queue.enqueue(_fail, retry=Retry(max=1, interval=3600))
    SimpleWorker([queue], connection=queue.connection).work(burst=True)
    queue.enqueue(block, depends_on=queue.enqueue(block))  # The second is deferred.


def work():
    return ["rq", "worker", "--url", os.environ["REDIS_URL"], "jobs"]


def report():
    return {"waiting": queue.count, "in_flight": StartedJobRegistry(queue=queue).count,
            "delayed": ScheduledJobRegistry(queue=queue).count}
