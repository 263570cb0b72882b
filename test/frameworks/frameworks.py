"""How each framework is made to enqueue, work and report, and what its queue then holds."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = Path(os.environ["FRAMEWORKS_TOOLS"])  # What scripts/frameworks.sh has installed.
PYTHON = TOOLS / "venv/bin/python"
PYTHON_ARQ = TOOLS / "venv-arq/bin/python"  # arq and SAQ want an older Redis client.


@dataclass(frozen=True)
class Framework:
    name: str
    layout: str  # As a configuration of a queue spells it.
    program: list
    needs: Path  # Not there: the framework could not be installed.
    enqueued: dict  # What the queue holds before there is a worker,
    working: dict  # while two jobs run, and after their worker was killed.
    queue: str = "jobs"
    workers: int = 1  # Processes that it takes for two jobs at once.
    work: list = None  # If not `program work`.
    environment: dict = field(default_factory=dict)

    def __str__(self):
        return self.name


def counts(waiting, in_flight=None, delayed=None):
    given = {"waiting": waiting, "in_flight": in_flight, "delayed": delayed}
    return {part: count for part, count in given.items() if count is not None}


def python(module, interpreter=PYTHON):
    return [interpreter, HERE / f"{module}.py"]


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
              counts(5, 0, 1), counts(3, 2, 1), workers=2),
    Framework("celery with late acks", "celery", python("celery_app"), site_package(PYTHON, "celery"),
              counts(5, 0, 0), counts(3, 2, 0)),
    # Running tasks are in no key; what is in flight is prefetched. With as many slots, one more for each slot.
    Framework("celery with early acks", "celery", python("celery_app"), site_package(PYTHON, "celery"),
              counts(5, 0, 0), counts(1, 2, 0), environment={"EARLY_ACKS": "1"}),
    # Prefetches twice as many messages as it has threads.
    Framework("dramatiq", "dramatiq", python("dramatiq_app"), site_package(PYTHON, "dramatiq"),
              counts(5, 0, 1), counts(1, 4, 1)),
    Framework("huey", "huey", python("huey_app"), site_package(PYTHON, "huey"),
              counts(5, None, 1), counts(3, None, 1), queue="my-jobs"),
    Framework("huey with priorities", "huey, options: {priority: true}", python("huey_app"), site_package(PYTHON, "huey"),
              counts(5, None, 1), counts(3, None, 1), queue="my-jobs", environment={"PRIORITY": "1"}),
    Framework("taskiq", "taskiq-list", python("taskiq_app"), site_package(PYTHON, "taskiq_redis"),
              counts(5), counts(3)),
    Framework("taskiq on a stream", "taskiq-stream", python("taskiq_app"), site_package(PYTHON, "taskiq_redis"),
              counts(5, 0), counts(3, 2), environment={"STREAM": "1"}),
    Framework("arq", "arq", python("arq_app", PYTHON_ARQ), site_package(PYTHON_ARQ, "arq"),
              counts(5, 0, 1), counts(3, 2, 1), queue="arq:queue"),
    Framework("saq", "saq", python("saq_app", PYTHON_ARQ), site_package(PYTHON_ARQ, "saq"),
              counts(5, 0, 1), counts(3, 2, 1)),
    Framework("bullmq", "bullmq", javascript("bullmq"), TOOLS / "node_modules/bullmq",
              counts(5, 0, 1), counts(3, 2, 1)),
    Framework("bull", "bull", javascript("bull"), TOOLS / "node_modules/bull",
              counts(5, 0, 1), counts(3, 2, 1)),
    Framework("bee-queue", "bee-queue", javascript("bee-queue"), TOOLS / "node_modules/bee-queue",
              counts(5, 0, 1), counts(3, 2, 1)),
    Framework("asynq", "asynq", [TOOLS / "asynq"], TOOLS / "asynq",
              counts(6, 0, 1), counts(4, 2, 1)),  # One more is in a group.
    Framework("sidekiq", "sidekiq", [command("ruby"), HERE / "sidekiq_app.rb"], command("sidekiq"),
              counts(5, 0, 1), counts(3, 2, 1),
              work=[command("sidekiq"), "-r", HERE / "sidekiq_app.rb", "-c", "2", "-q", "jobs"]),
]

SKIPPED = {
    "resque": "neither Debian nor the registries that the tests use have it",
    "laravel": "it takes an application of its own, with PHP and Composer's registry",
}
