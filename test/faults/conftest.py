"""A server that reads from a Redis behind a proxy, under constant reads."""

import pytest

from certificates import Authority
from https_client import client_context
from loopback_proxy import LoopbackProxy
from readers import Readers, fill
from redis_server import RedisServer
from server_process import ServerProcess


def pytest_addoption(parser):
    parser.addoption("--cycles", type=int, default=3, help="how often each fault happens")
    parser.addoption("--redis-timeout", type=float, default=5.0,
                     help="what the server has, in seconds; with less, a busy machine makes errors of its own")


@pytest.fixture
def cycles(request):
    return range(request.config.getoption("--cycles"))


@pytest.fixture
def redis_timeout(request):
    """The server's, in seconds. Errors are forgiven for twice as long after a fault."""
    return request.config.getoption("--redis-timeout")


@pytest.fixture
def redis(tmp_path):
    """Keeps what was written when it is killed."""
    server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "no")
    server.start()
    fill(server)
    yield server
    server.kill()
    print(f"--- log of Redis\n{server.log_file.read_text()}")  # pytest shows it if the test failed.


@pytest.fixture
def proxy(redis):
    between = LoopbackProxy(redis.url.removeprefix("unix://"))
    yield between
    between.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates") / "trusted", "trusted CA")


@pytest.fixture
def context(authority):
    return client_context(authority.file)


@pytest.fixture
def start_server(tmp_path, proxy, authority, redis_timeout):
    """Keywords are flags. Every server has the same certificate, so that one can follow another."""
    servers = []
    certificate = authority.issue_server()

    def start(additions=None, descriptor_limit=None, **flags):
        directory = tmp_path / f"server-{len(servers)}"
        directory.mkdir()
        flags = {"redis_url": proxy.url, "redis_timeout": f"{redis_timeout * 1000:.0f}ms", "tls_cert_file": certificate.chain,
                 "tls_private_key_file": certificate.key, "tls_ca_out_file": None, **flags}
        servers.append(ServerProcess(directory, flags, additions, descriptor_limit))
        servers[-1].ca_file = authority.file
        return servers[-1]

    yield start
    for server in servers:
        server.finish()


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def readers_of(context, redis_timeout):
    """Makes readers of a server."""
    return lambda server: Readers(server.address, context, grace=2 * redis_timeout)


@pytest.fixture
def readers(server, readers_of):
    with readers_of(server) as running:
        yield running
    running.check()
    print(f"{running.values} values, {len(running.mishaps)} errors, the longest read took {running.longest:.3f} s")
