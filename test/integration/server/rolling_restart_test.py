"""Replicas are replaced one after the other, as a Deployment does it, and nobody who reads notices."""

import signal

import pytest

from balancer import Balancer
from eventually import eventually
from https_client import client_context
from readers import Readers


@pytest.fixture
def balancer():
    running = Balancer()
    yield running
    running.close()


def test_no_read_fails_while_every_replica_is_replaced(redis, start_server, authority, balancer):
    redis.run("rpush", "jobs", *Readers.JOBS)
    certificate = authority.issue_server()

    def start_replica():
        replica = start_server(tls_cert_file=certificate.chain, tls_private_key_file=certificate.key, tls_ca_out_file=None,
                               shutdown_delay_duration="20s")  # Within which the balancer must notice.
        balancer.add(replica.address[1])
        eventually(lambda: replica.address[1] in balancer.ready)
        return replica

    replicas = [start_replica(), start_replica()]
    leaving = []
    with Readers(balancer.address, lambda: client_context(authority.file)) as readers:
        for _ in range(2):
            replicas.append(start_replica())  # maxSurge: 1, not counting those that are leaving.
            leaving.append(replicas.pop(0))
            leaving[-1].signal(signal.SIGTERM)
            readers.read_on()
        for replica in leaving:
            assert replica.wait() == 0
            balancer.remove(replica.address[1])
            readers.read_on()
    assert readers.failures == []
    for replica in replicas:
        replica.signal(signal.SIGINT)  # Without the delay.
        assert replica.wait() == 0
