"""How each framework is made to enqueue, work and report, and what its queue then holds."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = Path(os.environ["FRAMEWORKS_TOOLS"])  # What scripts/frameworks.sh has installed.
PYTHON = TOOLS / "venv/bin/python"
PYTHON_OLDER = TOOLS / "venv-older/bin/python"  # arq and SAQ want older Redis clients.


@dataclass(frozen=True)
class Framework:
    name: str
    layout: str
    program: list
    needs: Path  # Not there: the framework could not be installed.
    enqueued: dict  # What the queue holds before there is a worker,
    working: dict  # while two jobs run, and after their worker was killed.
    # With a job in each state that there is: failed and finished, retried and deferred, paused and so on.
    every_state: dict = None
    age: int = 200  # The status of an answer about the age: 404 if no job has a time, 503 if this version writes none.
    options: str = ""  # Of the layout, as a configuration spells them.
    name_in_redis: str = "jobs"
    workers: int = 1  # Processes that it takes for two jobs at once.
    work: list = None  # If not `program work`.
    environment: dict = field(default_factory=dict)
    # How many jobs may be on their way to a worker and in no key meanwhile. None: those that run are in no key either.
    on_the_way: int = 0

    def __str__(self):
        return self.name


def counts(waiting, in_flight=None, delayed=None):
    given = {"waiting": waiting, "in_flight": in_flight, "delayed": delayed}
    return {part: count for part, count in given.items() if count is not None}


def python(module, interpreter=PYTHON):
    return [interpreter, HERE / "run.py", module]


def site_package(interpreter, name):
    """The folder of a package in an interpreter's environment, there or not."""
    found = list(interpreter.parent.parent.glob(f"lib/python3*/site-packages/{name}"))
    return found[0] if found else interpreter.parent / f"no {name}"


def javascript(name):
    return [shutil.which("node") or "node", HERE / "js_app.js", name]


def command(name):
    return Path(shutil.which(name) or f"/no {name}")


FRAMEWORKS = [
    Framework("rq", "rq", python("rq_app"), site_package(PYTHON, "rq"),
              counts(5, 0, 1), counts(3, 2, 1), counts(1, 0, 1), workers=2),
    # Between its list and `unacked` a message is in its worker's memory only.
    Framework("celery with late acks", "celery", python("celery_app"), site_package(PYTHON, "celery"),
              counts(5, 0, 0), counts(3, 2, 0), on_the_way=1, age=404),
    # Running tasks are in no key; what is in flight is prefetched. With as many slots, one more for each slot.
    Framework("celery with early acks", "celery", python("celery_app"), site_package(PYTHON, "celery"),
              counts(5, 0, 0), counts(1, 2, 0), environment={"EARLY_ACKS": "1"}, on_the_way=None, age=404),
    # Prefetches twice as many messages as it has threads.
    Framework("dramatiq", "dramatiq", python("dramatiq_app"), site_package(PYTHON, "dramatiq"),
              counts(5, 0, 1), counts(1, 4, 1), counts(1, 0, 1)),
    Framework("huey", "huey", python("huey_app"), site_package(PYTHON, "huey"),
              counts(5, None, 1), counts(3, None, 1), counts(2, None, 1),
              name_in_redis="my-jobs", on_the_way=None, age=404),
    Framework("huey with priorities", "huey", python("huey_app"), site_package(PYTHON, "huey"),
              counts(5, None, 1), counts(3, None, 1), counts(2, None, 1),
              options="priority: true", name_in_redis="my-jobs", environment={"PRIORITY": "1"}, on_the_way=None),
    Framework("taskiq", "taskiq-list", python("taskiq_app"), site_package(PYTHON, "taskiq_redis"),
              counts(5), counts(3), on_the_way=None, age=404),
    Framework("taskiq on a stream", "taskiq-stream", python("taskiq_app"), site_package(PYTHON, "taskiq_redis"),
              counts(5, 0), counts(3, 2), environment={"STREAM": "1"}),
    Framework("arq", "arq", python("arq_app", PYTHON_OLDER), site_package(PYTHON_OLDER, "arq"),
              counts(5, 0, 1), counts(3, 2, 1), counts(1, 0, 1), name_in_redis="arq:queue"),
    Framework("bullmq", "bullmq", javascript("bullmq"), TOOLS / "node_modules/bullmq",
              counts(5, 0, 1), counts(3, 2, 1), counts(3, 0, 2)),
    Framework("bull", "bull", javascript("bull"), TOOLS / "node_modules/bull",
              counts(5, 0, 1), counts(3, 2, 1), counts(2, 0, 2)),
    Framework("bee-queue", "bee-queue", javascript("bee-queue"), TOOLS / "node_modules/bee-queue",
              counts(5, 0, 1), counts(3, 2, 1), counts(1, 0, 1)),
    Framework("saq", "saq", python("saq_app", PYTHON_OLDER), site_package(PYTHON_OLDER, "saq"),
              counts(5, 0, 1), counts(3, 2, 1), counts(1, 0, 1)),
    # What node-resque writes is what Resque and resque-scheduler do, for which Debian has no package.
    Framework("resque", "resque", javascript("resque"), TOOLS / "node_modules/node-resque",
              counts(5, 0, 1), counts(3, 2, 1), counts(1, 0, 0), workers=2, age=404),
    Framework("laravel", "laravel", [command("php"), HERE / "laravel_app.php"],
              Path("/usr/share/php/Illuminate/Queue"),
              counts(5, 0, 1), counts(3, 2, 1), counts(2, 1, 1), options='prefix: "app_database_"', workers=2, age=503),
    Framework("asynq", "asynq", [TOOLS / "asynq"], TOOLS / "asynq",
              counts(6, 0, 1), counts(4, 2, 1), counts(3, 0, 1)),  # One more is in a group.
    Framework("sidekiq", "sidekiq", [command("ruby"), HERE / "sidekiq_app.rb"], command("sidekiq"),
              counts(5, 0, 1), counts(3, 2, 1), counts(1, 0, 1),
              work=[command("sidekiq"), "-r", HERE / "sidekiq_app.rb", "-c", "2", "-q", "jobs"], on_the_way=None),
]
