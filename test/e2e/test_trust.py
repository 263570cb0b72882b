"""Who believes whom: kube-apiserver the server, by its CA; the server kube-apiserver, by that of the front proxy."""

import base64
import http.client
import json
import ssl
import subprocess

import pytest

from installation import APISERVICE, ROOT, availability, make_serving_certificate, patch, wait_for_availability

pytestmark = pytest.mark.usefixtures("server")
METRIC = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/redis_queue_length?labelSelector=queue%3Dany"


def test_kube_apiserver_trusts_the_server_by_its_ca(cluster):
    spec = cluster.get("apiservice", APISERVICE)["spec"]
    assert not spec.get("insecureSkipTLSVerify")
    # The proof that the CA is what makes it available: another one does not.
    stranger = base64.b64encode((cluster.pki / "ca.crt").read_bytes()).decode()
    patch(cluster, f"apiservice/{APISERVICE}", {"caBundle": stranger})
    wait_for_availability(cluster, "False")
    assert "certificate" in availability(cluster)["message"]
    patch(cluster, f"apiservice/{APISERVICE}", {"caBundle": spec["caBundle"]})
    wait_for_availability(cluster, "True")


def test_applying_the_manifest_again_keeps_the_trust(cluster):
    manifest = ROOT / "manifests/server/base/apiservice.yaml"
    applied = json.loads(cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-f", manifest))
    assert applied["spec"]["caBundle"] == cluster.get("apiservice", APISERVICE)["spec"]["caBundle"]


@pytest.mark.parametrize("client", [None, "admin"], ids=["no certificate", "a certificate of another CA"])
def test_only_the_front_proxy_reaches_the_metrics(cluster, server, client):
    assert ask_directly(cluster, server, "/readyz", None) == 200
    assert ask_directly(cluster, server, METRIC, "front-proxy") == 200
    assert ask_directly(cluster, server, METRIC, client) in (401, 403)


def ca_bundle(cluster) -> str:
    return base64.b64decode(cluster.get("apiservice", APISERVICE)["spec"]["caBundle"]).decode()


def ask_directly(cluster, server, path: str, client: str | None) -> int:
    context = ssl.create_default_context(cadata=ca_bundle(cluster))
    if client:
        context.load_cert_chain(cluster.pki / f"{client}.crt", cluster.pki / f"{client}.key")
    context.check_hostname = False  # Verified by name through kube-apiserver; here we come by address.
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_new_certificate_leaves_the_one_in_use_trusted(cluster, directory):
    before = ca_bundle(cluster)
    make_serving_certificate(cluster)
    assert ca_bundle(cluster).endswith(before)
    wait_for_availability(cluster, "True")
    assert "ExternalMetricValueList" in cluster.kubectl("get", "--raw", METRIC)

    secret = cluster.get("secret", "queue-metrics-server-serving", "-n", "queue-metrics")["data"]
    leaf, roots = directory / "renewed.crt", directory / "renewed-roots.crt"
    leaf.write_bytes(base64.b64decode(secret["tls.crt"]))
    roots.write_text(ca_bundle(cluster))
    purpose = ["-purpose", "sslserver", "-verify_hostname", "queue-metrics-server.queue-metrics.svc"]
    subprocess.run(["openssl", "verify", "-CAfile", roots, *purpose, leaf], check=True)
