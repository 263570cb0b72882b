"""One pipeline per module of tests, at zero and empty-handed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "manifests"))

from pipeline import Pipeline
from repository import Repository


@pytest.fixture(scope="module")
def pipeline(cluster, server, redis, directory):
    redis("FLUSHALL")
    running = Pipeline(cluster, f"redis://{redis.address}", directory, Repository.load())
    yield running
    running.stop()
