"""Celery, with late acknowledgement unless EARLY_ACKS is set; workers take tasks of the QUEUES."""

import os

from celery import Celery

from marker import BRIEF, BRIEF_JOBS, block

EARLY = "EARLY_ACKS" in os.environ

app = Celery("celery_app", broker=os.environ["REDIS_URL"])
app.conf.update(task_default_queue="jobs", task_acks_late=not EARLY, broker_connection_retry_on_startup=True,
                worker_prefetch_multiplier=int(os.environ.get("PREFETCH", 1)),
                broker_transport_options={"visibility_timeout": int(os.environ.get("VISIBILITY_TIMEOUT", 3600))})


@app.task(name="fail_once", bind=True)
def fail_once(self):
    raise self.retry(countdown=3600)


@app.task(name="task")
def task(seconds=600.0):
    block(seconds)


def enqueue():
    for priority in (0, 0, 3, 9, 9):
        task.apply_async(priority=priority)


def enqueue_for_two_queues():
    for queue in ("jobs", "others") * 3:
        task.apply_async(queue=queue)


def enqueue_later():
    task.apply_async(countdown=3600)


def enqueue_one_to_retry():
    fail_once.delay()


def enqueue_brief():
    for _ in range(BRIEF_JOBS):
        task.delay(BRIEF)


def work():
    return ["celery", "-A", "celery_app", "worker", "--concurrency=2", "--without-gossip", "--without-mingle",
            "--queues", os.environ.get("QUEUES", "jobs")]


def report():
    with app.connection_for_read() as connection:
        numbers = {"waiting": connection.default_channel._size("jobs")}  # queue_declare() fails for an empty queue.

    def count(tasks_of_workers, of=lambda task: task):
        return sum(of(task)["delivery_info"]["routing_key"] == "jobs"
                   for tasks in tasks_of_workers.values() for task in tasks)

    workers = app.control.inspect(timeout=5)
    active = workers.active()
    if active:
        numbers["in_flight"] = count(workers.reserved()) + (0 if EARLY else count(active))
        numbers["delayed"] = count(workers.scheduled(), lambda task: task["request"])
    return numbers
