"""Dramatiq."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from marker import block

broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="jobs")
def task():
    block()


def enqueue():
    for _ in range(5):
        task.send()
    task.send_with_options(delay=3_600_000)


def work():
    return ["dramatiq", "--processes", "1", "--threads", "2", "dramatiq_app"]


def report():
    """All that the broker tells is one number, of messages in whatever state."""
    return {"all": broker.do_qsize("jobs")}
