"""/metrics: what the server tells Prometheus about itself, and that no client can make it grow."""

import re
import ssl

import pytest

from eventually import eventually
from server_process import READ, VALUES

REQUESTS = 'apiserver_request_total{code="%d",resource="%s",verb="%s"}'


def test_it_is_prometheus_text(server):
    response = server.request("/metrics")
    assert (response.status, response.header("Content-Type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
    series = re.compile(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+.e0-9a-zA-Z]+')
    assert all(series.fullmatch(line) for line in response.text.splitlines() if not line.startswith("#"))
    assert {"process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"} <= set(server.telemetry())


def test_requests_are_counted_by_verb_code_and_metric(server):
    before = server.telemetry()
    for target in (READ, READ, READ.replace("redis_queue_length", "REDIS_Queue_Length")):  # One metric, as it is to the API.
        assert server.request(target).status == 200
    server.request(VALUES)
    server.request(VALUES, "DELETE")
    server.request(VALUES + "?watch=1")
    server.request("/apis")
    after = server.telemetry()
    for code, resource, verb, count in ((200, "redis_queue_length", "list", 3), (404, "redis_queue_length", "list", 1),
                                        (405, "redis_queue_length", "deletecollection", 1),
                                        (405, "redis_queue_length", "watch", 1), (200, "", "get", 1)):
        name = REQUESTS % (code, resource, verb)
        grown = after[name] - before.get(name, 0)
        assert grown == count + (resource == ""), name  # The first reading of /metrics is a "get", too.
    assert after['apiserver_request_duration_seconds_count{resource="redis_queue_length",verb="list"}'] == 4


def test_open_connections_come_and_go(server):
    assert server.telemetry()["queue_metrics_open_connections"] == 1
    connections = [server.connect() for _ in range(10)]
    assert server.telemetry()["queue_metrics_open_connections"] == 11
    for connection in connections:
        connection.close()
    eventually(lambda: server.telemetry()["queue_metrics_open_connections"] == 1)


def test_what_never_became_a_request_is_counted(server):
    with server.connect() as connection:
        connection.send(b"NONSENSE\r\n\r\n")
        assert [response.status for response in connection.read_responses()] == [400]
    with pytest.raises(OSError):
        server.connect(ssl.create_default_context())  # Does not know the server's CA.
    assert server.telemetry()['queue_metrics_rejected_requests_total{code="400"}'] == 1
    eventually(lambda: server.telemetry()["apiserver_tls_handshake_errors_total"] == 1)


def test_redis_is_seen_coming_and_going(redis, server):
    server.request(READ)
    telemetry = server.telemetry()
    assert telemetry['queue_metrics_redis_up{source="default"}'] == 1
    assert telemetry['queue_metrics_redis_round_trip_seconds_count{source="default"}'] == 1
    redis.kill()
    eventually(lambda: server.telemetry()['queue_metrics_redis_up{source="default"}'] == 0)
    for _ in range(3):
        assert server.request(READ).status == 503
    assert server.telemetry()['queue_metrics_redis_errors_total{kind="connection",source="default"}'] == 3
    redis.start()
    eventually(lambda: server.telemetry()['queue_metrics_redis_up{source="default"}'] == 1)


def test_a_wrong_type_is_an_error_of_its_kind(redis, server):
    redis.run("set", "jobs", "text")
    server.request(READ)
    telemetry = server.telemetry()
    assert telemetry['queue_metrics_redis_errors_total{kind="wrong_type",source="default"}'] == 1
    assert telemetry['queue_metrics_redis_up{source="default"}'] == 1


def test_certificate_and_build_are_told(server):
    telemetry = server.telemetry()
    version = server.request("/version").json()["gitVersion"]
    assert telemetry[f'queue_metrics_build_info{{version="{version}"}}'] == 1
    expiry = telemetry["queue_metrics_serving_certificate_expiration_timestamp_seconds"]
    year = 365 * 24 * 3600
    # Both are cut off to seconds, and the certificate is made after the start.
    assert 0.99 * year < expiry - telemetry["process_start_time_seconds"] <= year + 600


def test_no_client_can_add_series(server):
    """Whatever it puts where a name is expected; after the first of each kind nothing new appears."""

    def attack(i):
        with server.connect() as connection:
            connection.request(VALUES.replace("redis_queue_length", f"metric-{i}"))
            connection.request(VALUES.replace("default", f"namespace-{i}") + f"?labelSelector=queue%3Dq{i}")
            connection.request(f"/apis/group-{i}/v{i}/resource-{i}/name-{i}/subresource-{i}")
            connection.request(f"/apis/external.metrics.k8s.io/v1beta1/proxy/proxied-{i}")
            connection.request(f"/api/v1/namespaces/n{i}/pods-{i}")
            connection.request(f"/path-{i}")
            connection.request(VALUES + "%22%7D%201%0Afake_total%20" + str(i))
            connection.request(VALUES, f"METHOD-{i}")
            connection.request(f"/path-{i}", f"METHOD-{i}")
            connection.request(READ, headers={"User-Agent": f"agent-{i}", "X-Remote-User": f"user-{i}",
                                              "Accept": f"text/x-{i}"})

    server.telemetry()  # Is a request, too.
    attack(0)
    before = set(server.telemetry())
    for i in range(1, 30):
        attack(i)
    assert set(server.telemetry()) == before
    assert "fake_total" not in server.request("/metrics").text
