"""SAQ."""

import asyncio
import os
import time

from saq import Queue

from marker import block

queue = Queue.from_url(os.environ["REDIS_URL"], name="jobs")


async def task(_context):
    await asyncio.get_running_loop().run_in_executor(None, block)


settings = {"queue": queue, "functions": [task], "concurrency": 2}


def enqueue():
    async def send():
        for _ in range(5):
            await queue.enqueue("task", timeout=600)
        await queue.enqueue("task", scheduled=int(time.time()) + 3600)

    asyncio.run(send())


def work():
    return ["saq", "saq_app.settings"]


def report():
    async def count():
        return [await queue.count(kind) for kind in ("queued", "active", "incomplete")]

    queued, active, incomplete = asyncio.run(count())
    return {"waiting": queued, "in_flight": active, "delayed": incomplete - queued - active}
