"""RQ: usage: rq_app.py enqueue | work | report"""

import json
import os
import sys
from datetime import timedelta

from redis import Redis
from rq import Queue
from rq.registry import ScheduledJobRegistry, StartedJobRegistry

from marker import block

queue = Queue("jobs", connection=Redis.from_url(os.environ["REDIS_URL"]))

if sys.argv[1] == "enqueue":
    for _ in range(5):
        queue.enqueue(block)
    queue.enqueue_in(timedelta(hours=1), block)
elif sys.argv[1] == "work":  # A worker has one slot.
    program = os.path.join(os.path.dirname(sys.executable), "rq")
    os.execv(program, [program, "worker", "--url", os.environ["REDIS_URL"], "jobs"])
else:
    print(json.dumps({"waiting": queue.count, "in_flight": StartedJobRegistry(queue=queue).count,
                      "delayed": ScheduledJobRegistry(queue=queue).count}))
