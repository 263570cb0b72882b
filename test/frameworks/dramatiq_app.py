"""Dramatiq: usage: dramatiq_app.py enqueue | work | report"""

import json
import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from marker import block

broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="jobs")
def task():
    block()


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        for _ in range(5):
            task.send()
        task.send_with_options(delay=3_600_000)
    elif sys.argv[1] == "work":
        program = os.path.join(os.path.dirname(sys.executable), "dramatiq")
        os.execv(program, [program, "--processes", "1", "--threads", "2", "dramatiq_app"])
    else:  # do_qsize() has what is fetched and what is delayed, too.
        print(json.dumps({"all": broker.do_qsize("jobs")}))
