"""What the HPA and kubectl read: live Redis queue lengths through the external metrics API."""

import gzip
import re
import time
from calendar import timegm

import pytest

from ports import free_port
from redis_server import RedisServer
from server_process import READ, VALUES
from shared_server import lasting_redis, lasting_server, redis, server  # Fixtures.
from wire_format import parse_message

TYPES = {
    "list": ("rpush", "jobs", "a", "b", "c"),
    "set": ("sadd", "jobs", "a", "b", "c"),
    "sorted set": ("zadd", "jobs", "1", "a", "2", "b", "3", "c"),
    "hash": ("hset", "jobs", "a", "1", "b", "2", "c", "3"),
    "stream": ("eval", "for i = 1, 3 do redis.call('xadd', KEYS[1], '*', 'job', i) end", "1", "jobs"),
}
PROTOBUF = "application/vnd.kubernetes.protobuf"
KUBECTL_GET = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"


@pytest.mark.parametrize("add", TYPES.values(), ids=TYPES.keys())
def test_a_queue_is_as_long_as_its_key_of_whatever_type(redis, server, add):
    redis.run(*add)
    assert server.value("jobs") == "3"


def test_an_absent_key_is_an_empty_queue(server):
    assert server.value("nobody-used-it-yet") == "0"


def test_every_read_is_live(redis, server):
    lengths = []
    for _ in range(5):
        redis.run("rpush", "jobs", "x")
        lengths.append(server.value("jobs"))
    redis.run("del", "jobs")
    assert [*lengths, server.value("jobs")] == ["1", "2", "3", "4", "5", "0"]


def test_the_document_is_kubernetes_own_to_the_byte(redis, server):
    redis.run("rpush", "jobs", "a", "b")
    before = int(time.time())
    response = server.request(READ)
    after = int(time.time())
    text = re.fullmatch(
        r'{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":\['
        r'{"metricName":"redis_queue_length","metricLabels":{"queue":"jobs"},"timestamp":"([^"]*)","value":"2"}\]}\n',
        response.text)
    assert text, response.text
    assert before <= timegm(time.strptime(text[1], "%Y-%m-%dT%H:%M:%SZ")) <= after
    assert (response.status, response.header("Content-Type")) == (200, "application/json")
    assert response.header("Cache-Control") == "no-cache, private"
    assert response.header("Content-Length") == str(len(response.body))


def test_several_queues_are_several_items(redis, server):
    redis.run("rpush", "b", "1", "2")
    redis.run("sadd", "a", "1")
    items = server.request(VALUES + "?labelSelector=queue+in+%28b%2Ca%2Cabsent%29").json()["items"]
    assert [(item["metricLabels"], item["value"]) for item in items] == [
        ({"queue": "a"}, "1"), ({"queue": "absent"}, "0"), ({"queue": "b"}, "2")]


@pytest.mark.parametrize("length, text", [(999, "999"), (1000, "1k"), (1500, "1500"), (12000, "12k")])
def test_values_are_canonical_quantities(redis, server, length, text):
    redis.run("eval", f"for i = 1, {length} do redis.call('rpush', KEYS[1], i) end", "1", "jobs")
    assert server.value("jobs") == text


def test_a_thousand_queues_are_read_in_one_round_trip(redis, server):
    redis.run("rpush", "q999", "x")
    server.request(READ)
    round_trips = 'queue_metrics_redis_round_trip_seconds_count{source="default"}'
    before = server.telemetry()[round_trips]
    response = server.request(VALUES + "?labelSelector=queue+in+(" + ",".join(f"q{i}" for i in range(1000)) + ")")
    values = {item["metricLabels"]["queue"]: item["value"] for item in response.json()["items"]}
    assert values == {f"q{i}": "1" if i == 999 else "0" for i in range(1000)}
    assert server.telemetry()[round_trips] == before + 1


def test_metric_names_are_case_insensitive_and_the_namespace_does_not_matter(redis, server):
    redis.run("rpush", "jobs", "x")
    for path in (VALUES.replace("redis_queue_length", "Redis_Queue_LENGTH"), VALUES.replace("default", "elsewhere"),
                 VALUES + "/"):
        response = server.request(path + "?labelSelector=queue%3Djobs")
        assert [item["value"] for item in response.json()["items"]] == ["1"], path


@pytest.mark.parametrize("selector, names", {
    "queue%3Da": ["a"],
    "queue%3D%3Da": ["a"],
    "+queue+in+%28+b+%2C+a+%29+": ["a", "b"],
    "queue+in+(a,b),queue+notin+(a)": ["b"],
    "queue%3Da%2C%21gone": ["a"],
}.items())
def test_selectors_pick_queues(server, selector, names):
    items = server.request(f"{VALUES}?labelSelector={selector}").json()["items"]
    assert [item["metricLabels"]["queue"] for item in items] == names


@pytest.mark.parametrize("selector, message", {
    "a+b": "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    "x%2C": "found '', expected: identifier after ','",
    "x%3D%28a%29": "unable to parse requirement: found '(', expected: identifier",
    "x+in+%28a": "unable to parse requirement: found '', expected: ',' or ')'",
}.items())
def test_a_selector_that_is_none_is_refused_in_kubernetes_words(server, selector, message):
    response = server.request(f"{VALUES}?labelSelector={selector}")
    status = response.status_object()
    assert (response.status, status["reason"], status["message"]) == (400, "BadRequest", message)


@pytest.mark.parametrize("target, said", {
    VALUES.replace("redis_queue_length", "unheard-of") + "?labelSelector=queue%3Da": "unheard-of",
    VALUES: "must be named, by queue=NAME",
    VALUES + "?labelSelector=queue%21%3Da": "must be named, by queue=NAME",
    VALUES + "?labelSelector=queue%3Da%2Cteam%3Dx": "no queue matches",
    VALUES + "?labelSelector=queue+in+(" + ",".join(f"q{i}" for i in range(1001)) + ")": "1001 queues",
}.items(), ids=["metric", "no selector", "open selector", "unknown label", "too many"])
def test_what_nobody_configured_is_not_found(server, target, said):
    status = server.request(target).status_object()
    assert (status["code"], status["reason"]) == (404, "NotFound")
    assert said in status["message"]


@pytest.mark.parametrize("query, code, message", [
    ("watch=true", 405, 'watch is not supported on resources of kind "*.external.metrics.k8s.io"'),
    ("limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
    ("timeout=5", 400, 'invalid timeout specified in the request URL - time: missing unit in duration "5"'),
    ("resourceVersionMatch=Exact", 422, 'ListOptions.meta.k8s.io "" is invalid: '),
])
def test_list_options_are_checked(server, query, code, message):
    status = server.request(f"{READ}&{query}").status_object()
    assert status["code"] == code
    assert status["message"].startswith(message)


@pytest.mark.parametrize("query", ["limit=500", "timeoutSeconds=5", "timeout=5s", "foo=bar", "watch=0", "labelSelector=a+b"])
def test_parameters_without_a_meaning_here_are_ignored(server, query):
    assert server.request(f"{READ}&{query}").status == 200


@pytest.mark.parametrize("accept", [f"{PROTOBUF}, */*", f"application/json;q=0.5, {PROTOBUF}", PROTOBUF])
def test_protobuf_says_the_same(redis, server, accept):
    redis.run("rpush", "jobs", "a", "b")
    response = server.request(READ, headers={"Accept": accept})
    assert (response.status, response.header("Content-Type")) == (200, PROTOBUF)
    assert response.body.startswith(b"k8s\0")
    unknown = parse_message(response.body[4:])
    type_meta = parse_message(unknown[1][0])
    assert (type_meta[1], type_meta[2]) == ([b"external.metrics.k8s.io/v1beta1"], [b"ExternalMetricValueList"])
    [item] = map(parse_message, parse_message(unknown[2][0])[2])
    label, quantity, timestamp = (parse_message(item[field][0]) for field in (2, 5, 3))
    assert item[1] == [b"redis_queue_length"]
    assert (label[1], label[2]) == ([b"queue"], [b"jobs"])
    assert quantity[1] == [b"2"]
    assert abs(timestamp[1][0] - time.time()) < 60


def test_errors_are_protobuf_for_those_who_read_that(server):
    response = server.request(VALUES + "?labelSelector=a+b", headers={"Accept": f"{PROTOBUF}, */*"})
    assert (response.status, response.header("Content-Type")) == (400, PROTOBUF)
    unknown = parse_message(response.body[4:])
    assert parse_message(unknown[1][0])[2] == [b"Status"]
    status = parse_message(unknown[2][0])
    assert status[3] == [b"unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"]
    assert (status[4], status[6]) == ([b"BadRequest"], [400])


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, */*", "application/json;charset=utf-8",
                                    f"{PROTOBUF};q=0.1, application/json", "text/html, */*;q=0.1"])
def test_json_for_everybody_else(server, accept):
    response = server.request(READ, headers={"Accept": accept})
    assert (response.status, response.header("Content-Type")) == (200, "application/json")


def test_what_cannot_be_served_is_406(server):
    response = server.request(READ, headers={"Accept": "text/html"})
    assert (response.status_object()["code"], response.status_object()["reason"]) == (406, "NotAcceptable")


def test_kubectl_get_shows_a_table(redis, server):
    redis.run("rpush", "jobs", "a", "b")
    table = server.request(READ + "&limit=500", headers={"Accept": KUBECTL_GET}).json()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    [row] = table["rows"]
    columns = [column["name"] for column in table["columnDefinitions"]]
    assert dict(zip(columns, row["cells"])) == {"Metric": "redis_queue_length", "Queue": "queue=jobs", "Value": "2"}


def test_people_with_curl_get_it_indented(server):
    response = server.request(READ, headers={"User-Agent": "curl/7.88.1"})
    assert response.text.startswith('{\n  "kind": "ExternalMetricValueList",\n') and not response.text.endswith("\n")
    assert "\n" not in server.request(READ + "&pretty=false", headers={"User-Agent": "curl/7.88.1"}).text[:-1]


def test_large_answers_are_compressed_for_those_who_ask(server):
    target = VALUES + "?labelSelector=queue+in+(" + ",".join(f"q{i}" for i in range(1000)) + ")"
    plain = server.request(target, headers={"Accept-Encoding": "gzip;q=0"})
    compressed = server.request(target, headers={"Accept-Encoding": "gzip"})
    assert plain.header("Content-Encoding") is None
    assert compressed.header("Content-Encoding") == "gzip"
    assert len(compressed.body) < len(plain.body) / 4
    without_time = lambda text: re.sub(r'"timestamp":"[^"]*"', "", text)
    assert without_time(gzip.decompress(compressed.body).decode()) == without_time(plain.text)
    assert server.request(READ, headers={"Accept-Encoding": "gzip"}).header("Content-Encoding") is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "BREW"])
def test_metrics_can_only_be_read(server, method):
    response = server.request(READ, method)
    assert (response.status, response.status_object()["reason"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("path", ["/apis", "/openapi/v2", "/healthz", "/version", VALUES])
def test_a_timeout_that_is_none_is_refused_on_every_path(server, path):
    status = server.request(path + "?timeout=junk").status_object()
    assert (status["code"], status["reason"]) == (400, "BadRequest")
    assert status["message"].startswith("invalid timeout specified in the request URL"), status


def test_a_user_of_many_groups_may_ask(server):
    """The front proxy sends a line for each."""
    with server.connect() as connection:
        connection.send(f"GET {READ} HTTP/1.1\r\nHost: x\r\n".encode() + b"X-Remote-Group: team\r\n" * 1000 + b"\r\n")
        assert connection.read_response().status == 200


def test_head_has_no_body(server):
    with server.connect() as connection:
        assert connection.request(READ, "HEAD").status == 405
        assert connection.request("/healthz", "HEAD").status == 200
        assert connection.request("/healthz").text == "ok"  # Nothing of the others is in the way.


def test_a_connection_serves_many_requests(redis, server):
    with server.connect() as connection:
        for length in range(1, 101):
            redis.run("rpush", "jobs", "x")
            response = connection.request(READ)
            assert response.header("Connection") != "close"
            assert response.json()["items"][0]["value"] == str(length)


def test_the_audit_id_comes_back(server):
    assert server.request(READ, headers={"Audit-Id": "c0ffee"}).header("Audit-Id") == "c0ffee"
    made = [server.request(READ).header("Audit-Id") for _ in range(2)]
    assert made[0] != made[1] and all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name) for name in made)


def test_redis_is_reached_over_tcp(start_server, tmp_path):
    port = free_port()
    directory = tmp_path / "tcp"
    directory.mkdir()
    redis = RedisServer(directory, "--bind", "127.0.0.1", "--port", str(port))
    redis.start()
    try:
        redis.run("rpush", "jobs", "x")
        for host in ("127.0.0.1", "localhost"):
            assert start_server(redis_url=f"redis://{host}:{port}").value("jobs") == "1"
        assert start_server(redis_url=f"redis://127.0.0.1:{port}/1").value("jobs") == "0"
    finally:
        redis.kill()


def test_a_database_of_the_url_is_read(redis, start_server):
    redis.run("rpush", "jobs", "x", database=3)
    assert start_server(redis_url=redis.url + "?db=3").value("jobs") == "1"
    assert start_server(redis_url=redis.url + "?db=4").value("jobs") == "0"
