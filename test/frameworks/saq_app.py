"""SAQ: usage: saq_app.py enqueue | work | report"""

import asyncio
import json
import os
import sys
import time

from saq import Queue

from marker import block

queue = Queue.from_url(os.environ["REDIS_URL"], name="jobs")


async def task(_context):
    await asyncio.get_running_loop().run_in_executor(None, block)


settings = {"queue": queue, "functions": [task], "concurrency": 2}


async def enqueue():
    for _ in range(5):
        await queue.enqueue("task", timeout=600)
    await queue.enqueue("task", scheduled=time.time() + 3600)


async def report():
    queued, active, incomplete = [await queue.count(kind) for kind in ("queued", "active", "incomplete")]
    print(json.dumps({"waiting": queued, "in_flight": active, "delayed": incomplete - queued - active}))


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        asyncio.run(enqueue())
    elif sys.argv[1] == "work":
        program = os.path.join(os.path.dirname(sys.executable), "saq")
        os.execv(program, [program, "saq_app.settings"])
    else:
        asyncio.run(report())
