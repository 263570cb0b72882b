"""arq."""

import asyncio
import os
from collections import Counter

import arq
from arq import Retry, Worker
from arq.connections import RedisSettings
from arq.jobs import Job

from marker import BRIEF, BRIEF_JOBS, block

SETTINGS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def task(_context, seconds=600.0):
    await asyncio.get_running_loop().run_in_executor(None, block, seconds)


class WorkerSettings:
    functions = [task]
    redis_settings = SETTINGS
    max_jobs = 2
    poll_delay = 0.05


async def _enqueue(count, *arguments, **options):
    pool = await arq.create_pool(SETTINGS)
    for _ in range(count):
        await pool.enqueue_job("task", *arguments, **options)


def enqueue():
    asyncio.run(_enqueue(5))
    asyncio.run(_enqueue(1, _defer_by=3600))


def enqueue_brief():
    asyncio.run(_enqueue(BRIEF_JOBS, BRIEF))


async def fail(_context):
    raise RuntimeError("as it must")


async def fail_once(_context):
    raise Retry(defer=3600)


def enqueue_soon():
    asyncio.run(_enqueue(1, _defer_by=1))


def enqueue_every_state():
    async def work_off():
        pool = await arq.create_pool(SETTINGS)
        for name in ("fail", "fail_once"):
            await pool.enqueue_job(name)
        await pool.enqueue_job("task", 0)
        await Worker([task, fail, fail_once], redis_settings=SETTINGS, burst=True, max_burst_jobs=3, poll_delay=0.05,
                     handle_signals=False).async_run()
        await pool.enqueue_job("task")

    asyncio.run(work_off())


def work():
    return ["arq", "arq_app.WorkerSettings"]


def report():
    async def count():
        pool = await arq.create_pool(SETTINGS)
        return Counter([(await Job(job.job_id, pool).status()).value for job in await pool.queued_jobs()])

    counts = asyncio.run(count())
    return {"waiting": counts["queued"], "in_flight": counts["in_progress"], "delayed": counts["deferred"]}
