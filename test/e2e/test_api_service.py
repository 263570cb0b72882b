"""What people and programs see of the metrics through kube-apiserver."""

import json
from urllib.parse import quote

import pytest

from control_plane import KubectlError
from programs import wait_until

GROUP_VERSION = "external.metrics.k8s.io/v1beta1"


def path_of(selector: str, metric: str = "redis_queue_length", namespace: str = "default") -> str:
    return f"/apis/{GROUP_VERSION}/namespaces/{namespace}/{metric}?labelSelector={quote(selector)}"


def read(cluster, selector: str) -> dict[str, str]:
    """queue → value, through the aggregator."""
    answer = json.loads(cluster.kubectl("get", "--raw", path_of(selector)))
    assert (answer["kind"], answer["apiVersion"]) == ("ExternalMetricValueList", GROUP_VERSION)
    assert {item["metricName"] for item in answer["items"]} == {"redis_queue_length"}
    return {item["metricLabels"]["queue"]: item["value"] for item in answer["items"]}


pytestmark = pytest.mark.usefixtures("server")


@pytest.mark.parametrize(
    "fill",
    [
        ["RPUSH", "{queue}", "a", "b", "c"],
        ["SADD", "{queue}", "a", "b", "c"],
        ["ZADD", "{queue}", "1", "a", "2", "b", "3", "c"],
        ["HSET", "{queue}", "a", "1", "b", "2", "c", "3"],
    ],
    ids=lambda command: command[0],
)
def test_a_key_of_each_type_is_counted(cluster, redis, fill):
    queue = f"by-type-{fill[0].lower()}"
    assert redis(*(word.format(queue=queue) for word in fill)) == "3"
    assert read(cluster, f"queue={queue}") == {queue: "3"}


def test_a_stream_is_counted(cluster, redis):
    redis("XADD", "by-type-stream", "*", "job", "1")
    redis("XADD", "by-type-stream", "*", "job", "2")
    assert read(cluster, "queue=by-type-stream") == {"by-type-stream": "2"}


def test_values_are_live(cluster, redis):
    for length in range(1, 4):
        redis("RPUSH", "live", "job")
        assert read(cluster, "queue=live") == {"live": str(length)}
    redis("DEL", "live")
    assert read(cluster, "queue=live") == {"live": "0"}


def test_several_queues_in_one_answer(cluster, redis):
    redis("RPUSH", "emails", "1", "2")
    redis("SADD", "invoices", "1")
    assert read(cluster, "queue in (emails, invoices, unused)") == {"emails": "2", "invoices": "1", "unused": "0"}


def test_a_key_that_is_no_queue_is_an_error_with_its_cause(cluster, redis):
    redis("SET", "a-string", "hello")
    with pytest.raises(KubectlError, match=r"(?i)ServiceUnavailable.*a-string.*string"):
        cluster.kubectl("get", "--raw", path_of("queue=a-string"))


def test_an_unknown_metric_is_not_found(cluster):
    with pytest.raises(KubectlError, match="NotFound"):
        cluster.kubectl("get", "--raw", path_of("queue=emails", metric="no_such_metric"))


def test_the_group_is_discovered(cluster):
    assert GROUP_VERSION in cluster.kubectl("api-versions").split()
    command = ["api-resources", "--api-group=external.metrics.k8s.io", "--no-headers"]
    resources = wait_until(
        "kubectl api-resources lists redis_queue_length",
        lambda: [line.split() for line in cluster.kubectl(*command).splitlines()],
        lambda lines: "redis_queue_length" in [line[0] for line in lines],
    )
    for _, group_version, namespaced, _ in resources:
        assert (group_version, namespaced) == (GROUP_VERSION, "true")


def test_kubectl_get_prints_a_table(cluster, redis):
    redis("RPUSH", "table", "1", "2", "3", "4")
    header, row = cluster.kubectl("get", "redis_queue_length", "-n", "default", "-l", "queue=table").splitlines()
    assert "VALUE" in header
    assert "4" in row.split()


def test_kubectl_explains_the_metric(cluster):
    explanation = wait_until("an explanation", lambda: explain(cluster), lambda text: "FIELDS:" in text)
    assert "external.metrics.k8s.io" in explanation
    assert "FIELD: value <string>" in cluster.kubectl("explain", "redis_queue_length.items.value")


def explain(cluster) -> str:
    try:
        return cluster.kubectl("explain", "redis_queue_length")
    except KubectlError as error:
        return str(error)


def test_openapi_holds_the_metric(cluster):
    path = f"/apis/{GROUP_VERSION}/namespaces/{{namespace}}/redis_queue_length"
    wait_until(
        "the cluster's OpenAPI v2 has it",
        lambda: json.loads(cluster.kubectl("get", "--raw", "/openapi/v2"))["paths"],
        lambda paths: path in paths,
        timeout=90,
    )
    index = wait_until(
        "the cluster's OpenAPI v3 lists it",
        lambda: json.loads(cluster.kubectl("get", "--raw", "/openapi/v3"))["paths"],
        lambda paths: f"apis/{GROUP_VERSION}" in paths,
    )
    document = json.loads(cluster.kubectl("get", "--raw", index[f"apis/{GROUP_VERSION}"]["serverRelativeURL"]))
    assert path in document["paths"]


def test_a_viewer_of_a_namespace_may_read_its_metrics_and_nobody_else(cluster):
    request = ["get", "--raw", path_of("queue=emails"), "--as=jane"]
    with pytest.raises(KubectlError, match="Forbidden"):
        cluster.kubectl(*request)
    cluster.kubectl("create", "rolebinding", "jane", "--clusterrole=view", "--user=jane", "--namespace=default")

    def allowed() -> bool:
        try:
            return "ExternalMetricValueList" in cluster.kubectl(*request)
        except KubectlError:
            return False

    wait_until("jane may read", allowed)
    with pytest.raises(KubectlError, match="Forbidden"):
        cluster.kubectl("get", "--raw", path_of("queue=emails", namespace="kube-system"), "--as=jane")


def test_kube_apiserver_has_nothing_to_complain_of(cluster):
    """The last of this file: until here nothing was broken on purpose."""
    assert cluster.complaints_about("external.metrics.k8s.io") == []
