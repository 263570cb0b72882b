"""taskiq, on a stream if STREAM is set: usage: taskiq_app.py enqueue | work | report"""

import asyncio
import json
import os
import sys

from redis import Redis
from taskiq_redis import ListQueueBroker, RedisStreamBroker

from marker import block

url = os.environ["REDIS_URL"]
if "STREAM" in os.environ:
    broker = RedisStreamBroker(url, queue_name="jobs", xread_count=1)
else:
    broker = ListQueueBroker(url, queue_name="jobs")


@broker.task
def task():
    block()


async def enqueue():
    await broker.startup()
    for _ in range(5):
        await task.kiq()
    await broker.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        asyncio.run(enqueue())
    elif sys.argv[1] == "work":
        program = os.path.join(os.path.dirname(sys.executable), "taskiq")
        os.execv(program, [program, "worker", "taskiq_app:broker", "--workers=2", "--max-threadpool-threads=1",
                           "--max-async-tasks=1", "--max-prefetch=0"])
    else:  # It has no report of its own.
        redis = Redis.from_url(url)
        if "STREAM" in os.environ:
            group = redis.xinfo_groups("jobs")[0]
            print(json.dumps({"waiting": group["lag"], "in_flight": group["pending"]}))
        else:
            print(json.dumps({"waiting": redis.llen("jobs")}))
