"""SAQ."""

import asyncio
import os
import time

from saq import Queue
from saq.worker import Worker

from marker import BRIEF, BRIEF_JOBS, block

queue = Queue.from_url(os.environ["REDIS_URL"], name="jobs")


async def task(_context, seconds=600.0):
    await asyncio.get_running_loop().run_in_executor(None, block, seconds)


settings = {"queue": queue, "functions": [task], "concurrency": 2}


async def _enqueue(count, **fields):
    await queue.connect()
    # Keeps workers from sweeping: as one starts, its sweep aborts jobs that it has just taken and not marked as active.
    await queue.sweep(lock=3600)
    for _ in range(count):
        await queue.enqueue("task", timeout=0, **fields)  # Without, a job is given up after 10 s and the next begins.


def enqueue():
    async def send():
        await _enqueue(5)
        await _enqueue(1, scheduled=time.time() + 3600)

    asyncio.run(send())


def enqueue_brief():
    asyncio.run(_enqueue(BRIEF_JOBS, seconds=BRIEF))


async def fail(_context):
    raise RuntimeError("as it must")


def enqueue_soon():
    asyncio.run(_enqueue(1, scheduled=time.time() + 1))


def enqueue_every_state():
    async def work_off():
        await _enqueue(1, seconds=0)
        await queue.enqueue("fail")
        await queue.enqueue("fail", retries=2, retry_delay=3600)
        await Worker(queue, [task, fail], burst=True, dequeue_timeout=1, max_burst_jobs=3).start()
        await queue.connect()
        await _enqueue(1)
        aborted = await queue.enqueue("task")
        await queue.abort(aborted, "as it must")

    asyncio.run(work_off())


def work():
    return ["saq", "saq_app.settings"]


def report():
    info = asyncio.run(queue.info())
    return {"waiting": info["queued"], "in_flight": info["active"], "delayed": info["scheduled"]}
