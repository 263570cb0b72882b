"""What kube-apiserver's aggregator and kubectl ask before they ask for values."""

import json
import re

import pytest

from https_client import render_request
from server_process import VALUES
from shared_server import lasting_redis, lasting_server, redis, server  # Fixtures.
from wire_format import parse_message

GROUP = "/apis/external.metrics.k8s.io"
GROUP_VERSION = GROUP + "/v1beta1"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

VERSIONS = ('"versions":[{"groupVersion":"external.metrics.k8s.io/v1beta1","version":"v1beta1"}],'
            '"preferredVersion":{"groupVersion":"external.metrics.k8s.io/v1beta1","version":"v1beta1"}}')
API_GROUP_LIST = ('{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"external.metrics.k8s.io",' + VERSIONS + "]}\n")
API_GROUP = '{"kind":"APIGroup","apiVersion":"v1","name":"external.metrics.k8s.io",' + VERSIONS + "\n"
METRICS = ["redis_queue_delayed", "redis_queue_in_flight", "redis_queue_length", "redis_queue_oldest_age_seconds",
           "redis_queue_waiting"]
RESOURCE = '{"name":"%s","singularName":"","namespaced":true,"kind":"ExternalMetricValueList","verbs":["get"]}'
API_RESOURCE_LIST = ('{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"external.metrics.k8s.io/v1beta1",'
                     '"resources":[' + ",".join(RESOURCE % name for name in METRICS) + "]}\n")
LEGACY = {"/apis": API_GROUP_LIST, GROUP: API_GROUP, GROUP_VERSION: API_RESOURCE_LIST}
AGGREGATED_RESOURCE = ('{"resource":"%s","responseKind":{"group":"external.metrics.k8s.io","version":"v1beta1","kind":'
                       '"ExternalMetricValueList"},"scope":"Namespaced","singularResource":"","verbs":["get"]}')
AGGREGATED_LIST = ('{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":'
                   '{"name":"external.metrics.k8s.io"},"versions":[{"version":"v1beta1","resources":[' +
                   ",".join(AGGREGATED_RESOURCE % name for name in METRICS) + '],"freshness":"Current"}]}]}\n')


@pytest.mark.parametrize("path", LEGACY)
@pytest.mark.parametrize("slash", ["", "/"])
def test_legacy_documents_are_kubernetes_own_to_the_byte(server, path, slash):
    response = server.request(path + slash, headers={"Accept": "application/json"})
    assert (response.status, response.header("Content-Type"), response.text) == (200, "application/json", LEGACY[path])


def test_the_availability_probe_is_nothing_special(server):
    """It sends no Accept header, and closes the connection as soon as it has seen the status."""
    server.wait_for_first_lines()
    logged = server.log
    with server.unharmed():
        for _ in range(5):
            with server.connect() as connection:
                connection.send(render_request(GROUP_VERSION, headers={"User-Agent": "Go-http-client/2.0",
                                                                       "X-Remote-User": "system:kube-aggregator"}))
                assert connection.socket.recv(12) == b"HTTP/1.1 200"
    assert server.log == logged


def test_the_aggregated_document_is_cached_by_its_etag(server):
    first = server.request("/apis", headers={"Accept": AGGREGATED})
    assert (first.status, first.text) == (200, AGGREGATED_LIST)
    media_type, *parameters = first.header("Content-Type").split(";")
    assert media_type == "application/json"
    assert sorted(parameters) == ["as=APIGroupDiscoveryList", "g=apidiscovery.k8s.io", "v=v2"]
    assert (first.header("Vary"), first.header("Cache-Control")) == ("Accept", "public")
    etag = first.header("ETag")
    assert etag.startswith('"') and etag.endswith('"') and len(etag) > 2

    same = server.request("/apis", headers={"Accept": AGGREGATED, "If-None-Match": etag})
    assert (same.status, same.body, same.header("ETag")) == (304, b"", etag)
    assert same.header("Content-Length") is None  # RFC 9110 8.6: it would have to be that of the document.
    other = server.request("/apis", headers={"Accept": AGGREGATED, "If-None-Match": '"another"'})
    assert (other.status, other.text) == (200, AGGREGATED_LIST)


def test_a_304_leaves_the_connection_in_order(server):
    with server.connect() as connection:
        etag = connection.request("/apis", headers={"Accept": AGGREGATED}).header("ETag")
        assert connection.request("/apis", headers={"Accept": AGGREGATED, "If-None-Match": etag}).status == 304
        assert connection.request("/healthz").text == "ok"


def test_the_list_of_resources_knows_no_304(server):
    """The aggregator's fallback sends the ETag of /apis there and takes a 304 for an error."""
    etag = server.request("/apis", headers={"Accept": AGGREGATED}).header("ETag")
    response = server.request(GROUP_VERSION, headers={"Accept": "application/json", "If-None-Match": etag})
    assert (response.status, response.header("ETag"), response.text) == (200, None, API_RESOURCE_LIST)


@pytest.mark.parametrize("accept, code", [(AGGREGATED.replace("v=v2", "v=v2beta1"), 406),
                                          (AGGREGATED.replace("v=v2", "v=v2beta1") + ",application/json", 200)])
def test_the_old_aggregated_document_is_gone(server, accept, code):
    response = server.request("/apis", headers={"Accept": accept})
    assert response.status == code
    assert code == 406 or response.text == API_GROUP_LIST


def test_discovery_speaks_protobuf(server):
    response = server.request(GROUP_VERSION, headers={"Accept": "application/vnd.kubernetes.protobuf"})
    assert response.header("Content-Type") == "application/vnd.kubernetes.protobuf"
    unknown = parse_message(response.body[4:])
    assert parse_message(unknown[1][0])[2] == [b"APIResourceList"]
    resources = parse_message(unknown[2][0])
    assert resources[1] == [b"external.metrics.k8s.io/v1beta1"]
    assert [parse_message(resource)[1][0].decode() for resource in resources[2]] == METRICS


@pytest.mark.parametrize("path", ["/", "/api", "/apis/metrics.k8s.io", GROUP + "/v1", GROUP_VERSION + "/namespaces",
                                  GROUP_VERSION + "/namespaces/default", GROUP_VERSION + "/redis_queue_length",
                                  VALUES + "/name", VALUES.replace("/namespaces", "/watch/namespaces"), "/openapi",
                                  "/openapi/v3/apis/apps/v1", "/version/", "/metrics/", "/favicon.ico"])
def test_there_is_nothing_else(server, path):
    status = server.request(path).status_object()
    assert (status["code"], status["reason"]) == (404, "NotFound")
    assert status["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize("path", ["/apis", GROUP, GROUP_VERSION, "/openapi/v2", "/openapi/v3", "/version", "/metrics"])
def test_documents_can_only_be_read(server, path):
    assert server.request(path, "POST").status_object()["code"] == 405


def test_openapi_v2_has_each_metric_and_an_etag(server):
    response = server.request("/openapi/v2", headers={"Accept": "application/json"})
    document = response.json()
    assert (response.status, document["swagger"]) == (200, "2.0")
    path = GROUP_VERSION + "/namespaces/{namespace}/redis_queue_length"
    reference = document["paths"][path]["get"]["responses"]["200"]["schema"]["$ref"]
    assert reference.removeprefix("#/definitions/") in document["definitions"]
    again = server.request("/openapi/v2", headers={"If-None-Match": response.header("ETag")})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3", f"/openapi/v3{GROUP_VERSION}"])
def test_if_none_match_is_a_list_and_compared_weakly(server, path):
    etag = server.request(path).header("ETag")
    for known in (f"W/{etag}", f'"x", {etag}', f'"x",W/{etag} ,"y"', "*"):
        assert server.request(path, headers={"If-None-Match": known}).status == 304, known
    for unknown in ('"x"', etag[1:-1], f"{etag[:-1]}0\"", "", ","):
        assert server.request(path, headers={"If-None-Match": unknown}).status == 200, unknown


@pytest.mark.parametrize("path", ["/openapi/v2", "/metrics", "/healthz"])
def test_head_has_the_header_lines_of_get(server, path):
    names = [[name for name, _ in server.request(path, method).headers] for method in ("GET", "HEAD")]
    assert names[0] == names[1] and "accept-ranges" not in names[1]


def test_openapi_v3_leads_to_the_document_of_our_group(server):
    paths = server.request("/openapi/v3").json()["paths"]
    assert list(paths) == ["apis/external.metrics.k8s.io/v1beta1"]
    url = paths["apis/external.metrics.k8s.io/v1beta1"]["serverRelativeURL"]
    response = server.request(url, headers={"Accept": "application/json"})
    document = response.json()
    assert (response.status, document["openapi"][:2]) == (200, "3.")
    assert GROUP_VERSION + "/namespaces/{namespace}/redis_queue_length" in document["paths"]
    assert "immutable" in response.header("Cache-Control") and response.header("Expires")
    again = server.request(url, headers={"If-None-Match": response.header("ETag")})
    assert (again.status, again.body) == (304, b"")
    # The aggregator turns a redirect into 502, so an old hash leads to the current document as well.
    stale = server.request(url.split("?")[0] + "?hash=0123")
    assert (stale.status, stale.json()) == (200, document)
    assert "immutable" not in stale.header("Cache-Control")


@pytest.mark.parametrize("path, root", [("/openapi/v2", "definitions"),
                                        ("/openapi/v3" + GROUP_VERSION, "components/schemas")])
def test_every_reference_of_an_openapi_document_leads_somewhere(server, path, root):
    text = server.request(path).text
    definitions = json.loads(text)
    for name in root.split("/"):
        definitions = definitions[name]
    references = re.findall(r'"\$ref": ?"#/([^"]*)"', text)
    assert references and {*references} <= {f"{root}/{name}" for name in definitions}


def test_version_says_what_was_built(server):
    version = server.request("/version").json()
    assert sorted(version) == ["buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "major",
                               "minor", "platform"]
    assert all(isinstance(value, str) for value in version.values())
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")
