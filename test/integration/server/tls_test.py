"""How the server speaks TLS, as clients of every kind see it."""

import socket
import ssl
import stat
import subprocess

import pytest

from certificates import Authority
from https_client import client_context, read_to_end
from server_process import READ

DEFAULT_HOSTS = ["localhost", "127.0.0.1", "::1", "queue-metrics-server.queue-metrics.svc"]
AEAD_SUITES = {"AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"}


def lenient_context(version):
    """Offers every suite this OpenSSL knows, in one version of TLS, and believes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # Else OpenSSL itself would not try the old versions.
    context.minimum_version = context.maximum_version = version
    return context


def test_the_self_made_certificate_is_for_every_default_host(server):
    for host in DEFAULT_HOSTS:
        with server.connect(server_hostname=host) as connection:
            assert connection.request("/healthz").status == 200
    for host in ("example.com", "127.0.0.2", "queue-metrics-server.other.svc"):
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            server.connect(server_hostname=host)


def test_the_self_made_certificate_is_for_the_hosts_given(start_server):
    server = start_server(tls_self_signed_hosts="metrics.example.com,*.wild.example,192.0.2.7,2001:db8::7")
    for host in ("metrics.example.com", "any.wild.example", "192.0.2.7", "2001:db8::7"):
        with server.connect(server_hostname=host) as connection:
            assert connection.request("/healthz").status == 200
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        server.connect(server_hostname="localhost")


def test_only_the_written_ca_is_its_ca(start_server):
    """Every start makes a CA of its own."""
    one, other = start_server(), start_server()
    with pytest.raises(ssl.SSLCertVerificationError):
        one.connect(client_context(other.ca_file))


def test_the_ca_file_holds_one_certificate_and_no_key(server):
    text = server.ca_file.read_text()
    assert text.count("-----BEGIN") == 1 and text.startswith("-----BEGIN CERTIFICATE-----\n")
    mode = stat.S_IMODE(server.ca_file.stat().st_mode)
    assert mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_IXUSR) == 0, oct(mode)


def test_the_ca_can_go_to_standard_output(start_server, tmp_path):
    server = start_server(tls_ca_out_file="-")
    pem, last_line = server.output.rstrip("\n").rsplit("\n", 1)
    assert last_line.startswith("listening on ")
    ca_file = tmp_path / "printed.crt"
    ca_file.write_text(pem)
    assert server.request("/healthz", context=client_context(ca_file)).status == 200


def test_a_certificate_from_files_is_served_with_its_chain(start_server, tmp_path, authority):
    intermediate = Authority(tmp_path / "intermediate", "intermediate CA", issuer=authority)
    certificate = intermediate.issue_server()
    server = start_server(tls_cert_file=certificate.chain, tls_private_key_file=certificate.key, tls_ca_out_file=None)
    assert server.request(READ, context=client_context(authority.file)).status == 200


def test_a_client_without_server_name_is_served(server):
    context = client_context(server.ca_file)
    context.check_hostname = False
    assert server.connect(context, server_hostname=None).request("/healthz").status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # They are deprecated, which is the point.
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(server, version):
    with pytest.raises(ssl.SSLError) as refused:
        server.connect(lenient_context(version))
    assert refused.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"  # Said by the server, not by this client.


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_current_versions_work(server, version, name):
    context = client_context(server.ca_file)
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as connection:
        assert connection.socket.version() == name
        assert connection.socket.compression() is None
        assert connection.request(READ).status == 200


@pytest.mark.parametrize("algorithm, prefix", [("rsa", "ECDHE-RSA-"), ("ec", "ECDHE-ECDSA-")])
def test_only_forward_secret_authenticated_suites_are_spoken(start_server, authority, algorithm, prefix):
    certificate = authority.issue_server(algorithm=algorithm)
    server = start_server(tls_cert_file=certificate.chain, tls_private_key_file=certificate.key, tls_ca_out_file=None)
    offered = [suite["name"] for suite in lenient_context(ssl.TLSVersion.TLSv1_2).get_ciphers()
               if suite["protocol"] != "TLSv1.3"]
    assert {"AES128-GCM-SHA256", prefix + "AES128-SHA256"} <= set(offered)  # Else this OpenSSL knows too few to tell.
    accepted = set()
    for suite in offered:
        context = lenient_context(ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(f"{suite}:@SECLEVEL=0")
        try:
            server.connect(context).close()
            accepted.add(suite)
        except ssl.SSLError as refused:
            # The second is said by this client, of suites for keys that it does not have.
            assert refused.reason in ("SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE"), suite
    assert accepted == {prefix + suite for suite in AEAD_SUITES}


def test_renegotiation_is_refused(server):
    host, port = server.address
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_2", "-CAfile", str(server.ca_file)]
    with server.unharmed():
        result = subprocess.run(command, input=b"R\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                                check=False)
        assert b"Verify return code: 0 (ok)" in result.stdout and b"RENEGOTIATING" in result.stdout
        assert b"no renegotiation" in result.stdout
        assert result.returncode != 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(server, version):
    context = client_context(server.ca_file)
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as first:
        assert first.request(READ).status == 200  # In TLS 1.3 the ticket comes after the handshake.
        session = first.socket.session
    for _ in range(3):
        with server.connect(context, session=session) as connection:
            assert connection.socket.session_reused
            assert connection.request(READ).status == 200


def test_plain_http_is_told_what_is_wrong(server):
    """Even if there is more of the request than the server reads, so that closing would reset the connection."""
    with server.unharmed():
        for size in (1, 100_000):
            with socket.create_connection(server.address, timeout=60) as plain:
                plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * size + b"\r\n\r\n")
                answer = read_to_end(plain)
                assert answer.startswith(b"HTTP/1.0 400 ") and b"HTTPS" in answer
