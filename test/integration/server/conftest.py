"""What the tests start from: a Redis and a server of their own, certificates, all gone after each test."""

import pytest

from certificates import Authority
from redis_server import RedisServer
from server_process import REDIS_TIMEOUT, ServerProcess


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
    print(f"--- log of Redis\n{server.log_file.read_text()}")  # pytest shows it if the test failed.


@pytest.fixture
def start_server(tmp_path, redis):
    """Starts a server that reads from `redis`. Keywords are flags: max_connections=64 is --max-connections=64."""
    servers = []

    def start(additions=None, descriptor_limit=None, **flags):
        directory = tmp_path / f"server-{len(servers)}"
        directory.mkdir()
        flags = {"redis_url": redis.url, "redis_timeout": REDIS_TIMEOUT, **flags}
        servers.append(ServerProcess(directory, flags, additions, descriptor_limit))
        return servers[-1]

    yield start
    for server in servers:
        server.finish()


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Trusted by whoever is told to."""
    return Authority(tmp_path_factory.mktemp("certificates") / "trusted", "trusted CA")


@pytest.fixture(scope="session")
def foreign_authority(tmp_path_factory):
    """Trusted by nobody."""
    return Authority(tmp_path_factory.mktemp("certificates") / "foreign", "foreign CA")
