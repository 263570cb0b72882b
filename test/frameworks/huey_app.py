"""Huey, with priorities if PRIORITY is set: usage: huey_app.py enqueue | work | report"""

import json
import os
import sys
from datetime import datetime, timedelta

from huey import PriorityRedisHuey, RedisHuey

from marker import block

huey = (PriorityRedisHuey if "PRIORITY" in os.environ else RedisHuey)("my-jobs", url=os.environ["REDIS_URL"])


@huey.task()
def task():
    block()


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        for _ in range(5):
            task()
        huey.add_schedule(task.s(eta=datetime.now() + timedelta(hours=1)))
    elif sys.argv[1] == "work":
        program = os.path.join(os.path.dirname(sys.executable), "huey_consumer")
        os.execv(program, [program, "huey_app.huey", "--workers=2"])
    else:
        print(json.dumps({"waiting": huey.pending_count(), "delayed": huey.scheduled_count()}))
