"""arq."""

import asyncio
import os
from collections import Counter

import arq
from arq.connections import RedisSettings
from arq.jobs import Job

from marker import block

SETTINGS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def task(_context):
    await asyncio.get_running_loop().run_in_executor(None, block)


class WorkerSettings:
    functions = [task]
    redis_settings = SETTINGS
    max_jobs = 2


def enqueue():
    async def send():
        pool = await arq.create_pool(SETTINGS)
        for _ in range(5):
            await pool.enqueue_job("task")
        await pool.enqueue_job("task", _defer_by=3600)

    asyncio.run(send())


def work():
    return ["arq", "arq_app.WorkerSettings"]


def report():
    async def count():
        pool = await arq.create_pool(SETTINGS)
        return Counter([(await Job(job.job_id, pool).status()).value for job in await pool.queued_jobs()])

    counts = asyncio.run(count())
    return {"waiting": counts["queued"], "in_flight": counts["in_progress"], "delayed": counts["deferred"]}
