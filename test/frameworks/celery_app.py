"""Celery, with late acknowledgement unless EARLY_ACKS is set."""

import os

from celery import Celery

from marker import block

EARLY = "EARLY_ACKS" in os.environ

app = Celery("celery_app", broker=os.environ["REDIS_URL"])
app.conf.update(task_default_queue="jobs", task_acks_late=not EARLY, worker_prefetch_multiplier=1,
                broker_connection_retry_on_startup=True)


@app.task(name="task")
def task():
    block()


def enqueue():
    for priority in (0, 0, 3, 9, 9):
        task.apply_async(priority=priority)


def enqueue_later():
    task.apply_async(countdown=3600)


def work():
    return ["celery", "-A", "celery_app", "worker", "--concurrency=2", "--without-gossip", "--without-mingle"]


def report():
    with app.connection_for_read() as connection:
        numbers = {"waiting": connection.default_channel.queue_declare("jobs", passive=True).message_count}
    workers = app.control.inspect(timeout=5)
    active = workers.active()
    if active:
        unacked = [workers.reserved()] if EARLY else [active, workers.reserved()]
        numbers["in_flight"] = sum(len(tasks) for kind in unacked for tasks in kind.values())
        numbers["delayed"] = sum(len(tasks) for tasks in workers.scheduled().values())
    return numbers
