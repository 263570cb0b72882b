"""Celery, with late acknowledgement unless EARLY_ACKS is set: usage: celery_app.py enqueue | work | report"""

import json
import os
import sys

from celery import Celery

from marker import block

app = Celery("celery_app", broker=os.environ["REDIS_URL"])
early = "EARLY_ACKS" in os.environ
app.conf.update(task_default_queue="jobs", task_acks_late=not early, worker_prefetch_multiplier=1,
                broker_connection_retry_on_startup=True)


@app.task(name="block")
def task():
    block()


def report():
    with app.connection_for_read() as connection:
        waiting = connection.default_channel.queue_declare("jobs", passive=True).message_count
    numbers = {"waiting": waiting}
    workers = app.control.inspect(timeout=5)
    active = workers.active()
    if active:  # Nobody reports what a dead worker has.
        held = [active, workers.reserved()] if not early else [workers.reserved()]
        numbers["in_flight"] = sum(len(tasks) for kind in held for tasks in kind.values())
        numbers["delayed"] = sum(len(tasks) for tasks in workers.scheduled().values())
    return numbers


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        for priority in (0, 0, 3, 9, 9):
            task.apply_async(priority=priority)
    elif sys.argv[1] == "enqueue-later":  # A worker that fetches it keeps it until it is due.
        task.apply_async(countdown=3600)
    elif sys.argv[1] == "work":
        app.worker_main(["worker", "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle"])
    else:
        print(json.dumps(report()))
