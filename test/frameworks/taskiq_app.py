"""taskiq, on a stream if STREAM is set."""

import asyncio
import os

from redis import Redis
from taskiq_redis import ListQueueBroker, RedisStreamBroker

from marker import BRIEF, BRIEF_JOBS, block

URL = os.environ["REDIS_URL"]
STREAM = "STREAM" in os.environ

broker = RedisStreamBroker(URL, queue_name="jobs", xread_count=1) if STREAM else ListQueueBroker(URL, queue_name="jobs")


@broker.task
def task(seconds=600.0):
    block(seconds)


async def _enqueue(count, *arguments):
    await broker.startup()
    for _ in range(count):
        await task.kiq(*arguments)
    await broker.shutdown()


def enqueue():
    asyncio.run(_enqueue(5))


def enqueue_brief():
    asyncio.run(_enqueue(BRIEF_JOBS, BRIEF))


def work():
    """Each of two processes has one task at a time, and fetches no other."""
    return ["taskiq", "worker", "taskiq_app:broker", "--workers=2", "--max-threadpool-threads=1",
            "--max-async-tasks=1", "--max-prefetch=0"]


def report():
    """It tells nothing itself, so this is what Redis tells of the keys that it uses."""
    redis = Redis.from_url(URL)
    if not STREAM:
        return {"waiting": redis.llen("jobs")}
    [group] = redis.xinfo_groups("jobs")
    return {"waiting": group["lag"], "in_flight": group["pending"]}
