"""arq: usage: arq_app.py enqueue | work | report"""

import asyncio
import json
import os
import sys
from collections import Counter

import arq
from arq.connections import RedisSettings
from arq.jobs import Job

from marker import block

settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def task(_context):
    await asyncio.get_running_loop().run_in_executor(None, block)


class WorkerSettings:
    functions = [task]
    redis_settings = settings
    max_jobs = 2


async def enqueue():
    pool = await arq.create_pool(settings)
    for _ in range(5):
        await pool.enqueue_job("task")
    await pool.enqueue_job("task", _defer_by=3600)


async def report():
    pool = await arq.create_pool(settings)
    counts = Counter([(await Job(job.job_id, pool).status()).value for job in await pool.queued_jobs()])
    print(json.dumps({"waiting": counts["queued"], "in_flight": counts["in_progress"], "delayed": counts["deferred"]}))


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        asyncio.run(enqueue())
    elif sys.argv[1] == "work":
        program = os.path.join(os.path.dirname(sys.executable), "arq")
        os.execv(program, [program, "arq_app.WorkerSettings"])
    else:
        asyncio.run(report())
