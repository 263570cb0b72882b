"""Fixtures for files whose tests leave the server as they found it: imported, they share one among the whole file."""

import pytest

from redis_server import RedisServer
from server_process import REDIS_TIMEOUT, ServerProcess


@pytest.fixture(scope="module")
def lasting_redis(tmp_path_factory):
    redis_server = RedisServer(tmp_path_factory.mktemp("redis"))
    redis_server.start()
    yield redis_server
    redis_server.kill()


@pytest.fixture(scope="module")
def lasting_server(lasting_redis, tmp_path_factory):
    flags = {"redis_url": lasting_redis.url, "redis_timeout": REDIS_TIMEOUT}
    process = ServerProcess(tmp_path_factory.mktemp("server"), flags)
    try:
        process.wait_for_redis()
        yield process
    finally:
        process.finish()


@pytest.fixture
def redis(lasting_redis):
    """Empty."""
    lasting_redis.run("FLUSHALL")
    return lasting_redis


@pytest.fixture
def server(redis, lasting_server):
    yield lasting_server
    print(f"--- log of the server\n{lasting_server.log}")  # pytest shows it if the test failed.
