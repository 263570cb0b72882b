"""Who believes whom: kube-apiserver the server, by its CA; the server kube-apiserver, by that of the front proxy."""

import base64
import http.client
import json
import ssl
import subprocess
import time
from functools import partial

import pytest

from background import Background
from balancer import Balancer
from installation import APISERVICE, ROOT, availability, go_by_loopback, patch, wait_for_availability
from programs import wait_until
from system_under_test import Server

METRIC = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/redis_queue_length?labelSelector=queue%3Dany"
HOST = "queue-metrics-server.queue-metrics.svc"
SECRET = ["secret", "queue-metrics-server-serving", "-n", "queue-metrics"]


def ca_bundle(cluster) -> str:
    return base64.b64decode(cluster.get("apiservice", APISERVICE)["spec"].get("caBundle", "")).decode()


def shared(cluster) -> dict[str, str]:
    data = cluster.get(*SECRET).get("data", {})
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def certificates(pem: str) -> list[str]:
    end = "-----END CERTIFICATE-----\n"
    return [part + end for part in pem.split(end) if part]


def empty_the_secret(cluster) -> None:
    """By the command that the manifest gives."""
    text = (ROOT / "manifests/server/base/certificate.yaml").read_text()
    (command,) = (line.removeprefix("# Try it: ") for line in text.splitlines() if line.startswith("# Try it: "))
    subprocess.run(["sh", "-c", command], env=cluster.environment, check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_kube_apiserver_trusts_the_server_by_its_ca(cluster, server):
    assert not cluster.get("apiservice", APISERVICE)["spec"].get("insecureSkipTLSVerify")
    assert ca_bundle(cluster) == shared(cluster)["ca.crt"]


def test_a_ca_bundle_that_somebody_changed_is_mended(cluster, server):
    own = ca_bundle(cluster)
    # The proof that the CA is what makes it available: another one does not.
    stranger = base64.b64encode((cluster.pki / "ca.crt").read_bytes()).decode()
    patch(cluster, f"apiservice/{APISERVICE}", {"caBundle": stranger})
    wait_until("kube-apiserver notices", lambda: availability(cluster), lambda condition: "certificate" in condition["message"])
    wait_until("the server has mended it", lambda: ca_bundle(cluster), lambda found: found.startswith(own))
    wait_for_availability(cluster, "True")


def test_applying_the_manifests_again_keeps_certificate_and_trust(cluster, server):
    before = shared(cluster), ca_bundle(cluster)
    for flags in ([], ["--server-side", "--force-conflicts", "--dry-run=server"]):
        cluster.kubectl("apply", "-k", ROOT / "manifests/server/base", *flags)
        assert (shared(cluster), ca_bundle(cluster)) == before
    service = cluster.get("apiservice", APISERVICE)["spec"]["service"]
    assert service["port"] == 443
    go_by_loopback(cluster, server.port)
    wait_for_availability(cluster, "True")


def test_the_server_may_do_what_it_does_and_no_more(cluster, server):
    account = "--as=system:serviceaccount:queue-metrics:queue-metrics-server"

    def may(*request: str) -> bool:
        answer = subprocess.run(
            [ROOT / "build/controlplane/kubectl", "auth", "can-i", *request, account],
            env=cluster.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return answer.stdout.strip() == "yes"

    secret, other_secret = "secret/queue-metrics-server-serving", "secret/redis-credentials"
    api_service, other_api_service = f"apiservice/{APISERVICE}", "apiservice/v1.apps"
    for verb in ("get", "patch"):
        assert may(verb, secret, "-n", "queue-metrics")
        assert may(verb, api_service)
        assert not may(verb, other_secret, "-n", "queue-metrics")
        assert not may(verb, secret, "-n", "default")
        assert not may(verb, other_api_service)
    for verb in ("list", "watch", "create", "delete", "update"):
        assert not may(verb, secret, "-n", "queue-metrics")
        assert not may(verb, api_service)


def test_only_the_front_proxy_reaches_the_metrics(cluster, server):
    assert ask_directly(cluster, server.port, "/readyz") == 200
    assert ask_directly(cluster, server.port, METRIC) == 403
    admin = [("X-Remote-User", "admin"), ("X-Remote-Group", "system:masters")]
    assert ask_directly(cluster, server.port, METRIC, headers=admin) == 403
    assert ask_directly(cluster, server.port, METRIC, client="front-proxy", headers=admin) == 200


def ask_directly(cluster, port: int, path: str, client: str | None = None, headers=()) -> int:
    """On a new connection, as strict about the certificate as kube-apiserver with the caBundle of this moment."""
    context = ssl.create_default_context(cadata=ca_bundle(cluster))
    if client:
        context.load_cert_chain(cluster.pki / f"{client}.crt", cluster.pki / f"{client}.key")
    connection = ConnectionByName(port, context)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


class ConnectionByName(http.client.HTTPSConnection):
    """To a port of this machine, but verified by the name of our Service."""

    def __init__(self, port: int, context: ssl.SSLContext):
        super().__init__("127.0.0.1", port, timeout=30)
        self._verifying = context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._verifying.wrap_socket(self.sock, server_hostname=HOST)


class Readers(Background):
    """Two that read all the time: one through kube-apiserver, one on a new connection for each read, as strict as that.

    The first one also asks kube-apiserver whether it thinks the server available.
    """

    def __init__(self, cluster, port: int):
        reads = (self._through_kube_apiserver, self._directly)
        super().__init__(partial(self._run, number, read) for number, read in enumerate(reads))
        self.failures: list[object] = []
        self.reads = [0, 0]
        self._cluster = cluster
        self._port = port
        self._admin = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
        self._admin.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")

    def _run(self, number, read) -> None:
        while not self.stopping.is_set():
            try:
                outcome = read()
                if outcome is not None:
                    self.failures.append(outcome)
            except Exception as error:  # Whatever it is, it is a failed read.
                self.failures.append(error)
            self.reads[number] += 1
            time.sleep(0.02)

    def _through_kube_apiserver(self):
        for path in (METRIC, f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}"):
            connection = http.client.HTTPSConnection("127.0.0.1", self._cluster.port, context=self._admin, timeout=30)
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            connection.close()
            if response.status != 200:
                return response.status, body
        conditions = {condition["type"]: condition for condition in json.loads(body)["status"]["conditions"]}
        return None if conditions["Available"]["status"] == "True" else conditions["Available"]

    def _directly(self):
        status = ask_directly(self._cluster, self._port, METRIC)
        return None if status == 403 else status  # Nobody in particular asks; what counts is who answered.


@pytest.fixture
def replicas(cluster, server, redis, directory):
    """Two, behind one address, that share a Secret which is empty at first, and whose certificates last a minute."""
    assert server.stop() == 0
    empty_the_secret(cluster)
    patch(cluster, f"apiservice/{APISERVICE}", {"caBundle": None})
    balancer = Balancer()
    running = [
        Server(cluster, server.binary, directory / f"replica-{number}", redis, "--tls-certificate-lifetime=1m") for number in (1, 2)
    ]
    for replica in running:
        balancer.add(replica.port)
    go_by_loopback(cluster, balancer.address[1])
    wait_until("both are ready", lambda: balancer.ready, lambda ready: len(ready) == 2)
    wait_for_availability(cluster, "True")
    yield balancer, running
    for replica in running:
        assert replica.stop() == 0
    balancer.close()
    empty_the_secret(cluster)
    server.start()
    go_by_loopback(cluster, server.port)
    wait_for_availability(cluster, "True")


def test_two_replicas_share_one_certificate_and_renew_it_and_its_ca_without_a_failed_read(cluster, replicas):
    balancer, running = replicas
    first = shared(cluster)
    assert ca_bundle(cluster) == first["ca.crt"]
    assert logged(running, "made a new CA") == logged(running, "made a new serving certificate") == 1
    with Readers(cluster, balancer.address[1]) as readers:
        renewed = wait_until("the certificate is renewed", lambda: shared(cluster), lambda found: found["tls.crt"] != first["tls.crt"])
        assert renewed["ca.crt"] == first["ca.crt"]

        empty_the_secret(cluster)
        announced = wait_until("a new CA", lambda: shared(cluster), lambda found: "ca.crt" in found)
        assert announced["ca.crt"].endswith(first["ca.crt"])
        wait_until(
            "the old CA is gone, from the Secret and from the caBundle",
            lambda: (shared(cluster).get("ca.crt"), ca_bundle(cluster)),
            lambda found: certificates(announced["ca.crt"])[:1] == certificates(found[0]) == certificates(found[1]),
        )
        rotated = shared(cluster)
        assert rotated["tls.crt"] != announced["tls.crt"]
        assert rotated["tls.key"] != first["tls.key"]
    assert readers.failures == []
    assert min(readers.reads) > 30
    # One replica did each thing, though both wanted to; all of them serve the outcome.
    assert logged(running, "made a new CA") == 2
    for replica in running:
        assert ssl.get_server_certificate(("127.0.0.1", replica.port)) == shared(cluster)["tls.crt"]


def logged(running: list[Server], message: str) -> int:
    return sum(replica.log.count(message) for replica in running)


def test_a_kube_apiserver_that_is_away_is_told_and_does_not_hurt(cluster, server):
    """Neither a server that has its certificate, nor, in the end, one that has none yet."""
    cluster.apiserver.kill()
    try:
        wait_until("the server notices", lambda: server.log, lambda log: "cannot keep the shared certificate" in log)
        assert ask_health(server, "/readyz?verbose") == (200, "[-]certificate-rotation failed: reason withheld (not required)")
        assert server.stop() == 0
        server.start()
        wait_until("it lives", lambda: ask_health(server, "/livez"), lambda found: found == (200, ""))
        assert ask_health(server, "/readyz?verbose") == (500, "[-]shared-certificate failed: reason withheld")
    finally:
        cluster.start_apiserver()
    wait_until("it is ready", lambda: ask_health(server, "/readyz"), lambda found: found == (200, ""))
    wait_for_availability(cluster, "True")


def ask_health(server: Server, path: str) -> tuple[int | None, str]:
    """The status, and the first check about certificates that fails."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # As the kubelet does.
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        failed = [line for line in response.read().decode().splitlines() if line.startswith("[-]") and "certificate" in line]
        return response.status, failed[0] if failed else ""
    except OSError:
        return None, ""
    finally:
        connection.close()


def test_a_certificate_by_the_script_is_valid_and_leaves_the_one_in_use_trusted(cluster, server, directory):
    before = ca_bundle(cluster)
    subprocess.run([ROOT / "scripts/make-serving-cert.sh"], env=cluster.environment, check=True, timeout=60)
    bundle = ca_bundle(cluster)
    assert bundle.endswith(certificates(before)[0])
    wait_for_availability(cluster, "True")
    assert "ExternalMetricValueList" in cluster.kubectl("get", "--raw", METRIC)

    secret = cluster.get("secret", "queue-metrics-server-tls", "-n", "queue-metrics")["data"]
    leaf, roots = directory / "renewed.crt", directory / "renewed-roots.crt"
    leaf.write_bytes(base64.b64decode(secret["tls.crt"]))
    roots.write_text(bundle)
    subprocess.run(["openssl", "verify", "-CAfile", roots, "-purpose", "sslserver", "-verify_hostname", HOST, leaf], check=True)
