"""--client-ca-file: who is let in by a certificate, and who is not."""

import ssl
import time
from datetime import timedelta

import pytest

from certificates import Authority
from https_client import client_context
from server_process import READ

CLOSED = [READ, "/apis", "/openapi/v2", "/version", "/metrics", "/nothing", "/readyz/ping", "/healthz/nope"]
OPEN = ["/healthz", "/livez", "/readyz", "/readyz?verbose"]


@pytest.fixture
def server(start_server, authority):
    return start_server(auth=None, client_ca_file=authority.file)


def request(server, certificate, target=READ, headers=None):
    return server.request(target, headers=headers, context=client_context(server.ca_file, certificate))


def refused(response):
    """Not let in, and told so by a Status."""
    return response.status in (401, 403) and response.status_object()["reason"] in ("Unauthorized", "Forbidden")


def test_a_certificate_of_the_client_ca_opens_everything(server, authority):
    certificate = authority.issue_client()
    for target in (READ, "/apis", "/openapi/v2", "/version", "/metrics", "/healthz", "/readyz/ping"):
        assert request(server, certificate, target).status == 200, target


@pytest.mark.parametrize("usage", ["clientAuth", None, "serverAuth,clientAuth", "anyExtendedKeyUsage,clientAuth"])
def test_usages_that_let_a_client_in(server, authority, usage):
    assert request(server, authority.issue_client(usage=usage)).status == 200


@pytest.mark.parametrize("options", [{"usage": "serverAuth"}, {"usage": "codeSigning"},
                                     {"valid_from": timedelta(days=-2), "valid_for": timedelta(days=1)},
                                     {"valid_from": timedelta(days=1)}],
                         ids=["serverAuth only", "codeSigning only", "expired", "not yet valid"])
def test_certificates_that_let_nobody_in(server, authority, options):
    certificate = authority.issue_client(**options)
    for target in CLOSED:
        assert refused(request(server, certificate, target)), target


def test_a_foreign_ca_vouches_for_nobody(server, foreign_authority):
    for target in CLOSED + OPEN:  # As kube-apiserver: whoever shows a certificate must be known by it.
        assert request(server, foreign_authority.issue_client(), target).status == 401, target


def test_a_certificate_that_signs_itself_lets_nobody_in(server, tmp_path):
    own = Authority(tmp_path / "own", "trusted CA")  # The name of the real one.
    assert refused(request(server, own.issue_client()))


def test_an_intermediate_is_taken_from_the_handshake(server, tmp_path, authority):
    intermediate = Authority(tmp_path / "intermediate", "intermediate CA", issuer=authority)
    assert request(server, intermediate.issue_client()).status == 200


def test_without_certificate_only_health_is_open(server):
    for target in CLOSED:
        assert refused(server.request(target)), target
    for target in OPEN:
        assert server.request(target).status == 200, target


@pytest.mark.parametrize("headers", [
    {"X-Remote-User": "system:kube-aggregator", "X-Remote-Group": "system:masters"},
    {"Authorization": "Bearer token"},
    {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
    {"Impersonate-User": "admin"},
    {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "1"},
    {"X-SSL-Client-Verify": "SUCCESS", "X-Client-Cert": "CN=admin", "SSL_CLIENT_S_DN": "CN=admin"},
])
def test_no_header_stands_for_a_certificate(server, headers):
    with server.unharmed(target="/healthz"):
        assert refused(server.request(READ, headers=headers))


@pytest.mark.parametrize("target", [
    "/healthz/../metrics", "/healthz/..%2fmetrics", "/healthz%2f..%2fmetrics", "/healthz/%2e%2e/metrics", "/healthz;/metrics",
    "/healthz?/../metrics", "//healthz/../metrics", "/metrics/", "//metrics", "/metrics%00", "/%6detrics", "/metrics?/healthz",
    "/metrics;/healthz", "https://localhost/metrics", "/./metrics", "/healthz%20/metrics", "/livez/../apis", "/METRICS",
])
def test_no_spelling_of_a_path_gets_past(server, target):
    with server.unharmed(target="/healthz"):
        response = server.request(target)
        assert response.text == "ok" or response.status >= 400
        assert "apiserver_request_total" not in response.text and "APIGroup" not in response.text


def test_impersonation_is_refused_rather_than_ignored(server, authority):
    response = request(server, authority.issue_client(), headers={"Impersonate-User": "jane"})
    assert response.status_object()["code"] == 403


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_is_still_the_same_client(server, authority, version):
    context = client_context(server.ca_file, authority.issue_client())
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as first:
        assert first.request(READ).status == 200
        session = first.socket.session
    with server.connect(context, session=session) as resumed:
        assert resumed.socket.session_reused
        assert resumed.request(READ).status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_resumed_session_outlives_its_certificate(server, authority, version):
    for seconds in (3, 10, 30):  # Longer if this machine was too slow to use it in time.
        certificate = authority.issue_client(valid_for=timedelta(hours=1, seconds=seconds))  # From an hour ago.
        end = time.time() + seconds
        context = client_context(server.ca_file, certificate)
        context.minimum_version = context.maximum_version = version
        with server.connect(context) as first:
            let_in = first.request(READ).status == 200
            session = first.socket.session
        if let_in:
            break
    assert let_in
    time.sleep(max(0.0, end + 1.5 - time.time()))
    with server.connect(context, session=session) as resumed:
        assert refused(resumed.request(READ))
