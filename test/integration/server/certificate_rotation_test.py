"""Certificates and CAs are replaced while the server runs and is read from: by renames, and as a Kubernetes volume does it."""

import os
import shutil
import ssl
from datetime import timedelta

import pytest

from eventually import eventually
from https_client import client_context
from readers import Readers
from server_process import READ

FILES = ("tls.crt", "tls.key", "clients.crt")


class RenamedFiles:
    """One after the other, each in one step."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def write(self, **contents):
        for name, content in contents.items():
            path = self.folder / name.replace("_", ".")
            path.with_suffix(".new").write_bytes(content)
            path.with_suffix(".new").replace(path)


class Volume:
    """All at once: the files are links into `..data`, which is itself a link, and is swapped."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._count = 0
        for name in FILES:
            (folder / name).symlink_to(f"..data/{name}")

    def write(self, **contents):
        self._count += 1
        version = self.folder / f"..{self._count}"
        old = self.folder / "..data"
        if old.exists():
            shutil.copytree(old, version)
        else:
            version.mkdir()
        for name, content in contents.items():
            (version / name.replace("_", ".")).write_bytes(content)
        os.symlink(version.name, self.folder / "..data_tmp")
        (self.folder / "..data_tmp").replace(old)


def pair(certificate):
    return {"tls_crt": certificate.chain.read_bytes(), "tls_key": certificate.key.read_bytes()}


def start(start_server, files):
    return start_server(auth=None, tls_cert_file=files.folder / "tls.crt", tls_private_key_file=files.folder / "tls.key",
                        client_ca_file=files.folder / "clients.crt", tls_ca_out_file=None)


def reloads(server):
    return server.log.count("certificates reloaded")


@pytest.mark.parametrize("kind", [RenamedFiles, Volume])
def test_no_read_fails_while_every_certificate_and_ca_is_replaced(redis, start_server, tmp_path, authority, foreign_authority, kind):
    redis.run("rpush", "jobs", *Readers.JOBS)
    old, new = authority, foreign_authority
    trust = tmp_path / "both.crt"  # The clients': in the right order, both are trusted before either is used.
    trust.write_bytes(old.file.read_bytes() + new.file.read_bytes())
    files = kind(tmp_path / "files")
    files.write(**pair(old.issue_server()), clients_crt=old.file.read_bytes())
    server = start(start_server, files)

    def change(**contents):
        before = reloads(server)
        files.write(**contents)
        eventually(lambda: reloads(server) > before)
        readers.read_on()

    old_client = client_context(trust, old.issue_client())
    new_client = client_context(trust, new.issue_client())
    client = old_client
    with Readers(server.address, lambda: client) as readers:
        readers.read_on()
        change(clients_crt=trust.read_bytes())
        client = new_client
        readers.read_on()
        change(**pair(new.issue_server()))
        change(clients_crt=new.file.read_bytes())
    assert readers.failures == []
    # It was not all in vain: the old ones count no more.
    assert server.request(READ, context=old_client).status in (401, 403)
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connect(client_context(old.file))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_from_before_is_not_resumed_and_does_no_harm(start_server, tmp_path, authority, version):
    """Its keys are gone with the certificate; a ticket would otherwise outlive a CA that is trusted no more."""
    files = RenamedFiles(tmp_path / "files")
    files.write(**pair(authority.issue_server()), clients_crt=authority.file.read_bytes())
    server = start(start_server, files)
    context = client_context(authority.file, authority.issue_client())
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as first:
        assert first.request(READ).status == 200
        session = first.socket.session
    files.write(**pair(authority.issue_server()))
    eventually(lambda: reloads(server) == 1)
    for resumed in (False, True):
        with server.connect(context, session=session) as connection:
            assert connection.socket.session_reused == resumed
            assert connection.request(READ).status == 200
            session = connection.socket.session


def test_a_pair_that_cannot_be_used_is_told_loudly_and_changes_nothing(redis, start_server, tmp_path, authority):
    redis.run("rpush", "jobs", *Readers.JOBS)
    files = Volume(tmp_path / "files")  # A look between two renames would find another bad pair.
    good = pair(authority.issue_server())
    files.write(**good, clients_crt=authority.file.read_bytes())
    server = start(start_server, files)
    client = client_context(authority.file, authority.issue_client())

    def errors():
        with server.connect(client) as connection:
            return server.telemetry(connection)["queue_metrics_certificate_reload_errors_total"]

    expired = pair(authority.issue_server(valid_from=timedelta(days=-2)))
    with Readers(server.address, lambda: client) as readers:
        for count, bad in enumerate(({"tls_crt": b"garbage"}, {"tls_crt": authority.issue_server().chain.read_bytes()},
                                     {"clients_crt": b""}, expired), start=1):
            files.write(**bad)
            eventually(lambda: errors() == count)
            readiness = server.request("/readyz?verbose", context=client)
            assert (readiness.status, "[-]certificate failed: reason withheld (not required)" in readiness.text) == (200, True)
            assert "tls.crt" in server.request("/readyz/certificate", context=client).text or count >= 3
            readers.read_on()
            files.write(**good, clients_crt=authority.file.read_bytes())
            eventually(lambda: "[+]certificate ok" in server.request("/readyz?verbose", context=client).text)
    assert readers.failures == []
    eventually(lambda: server.log.count("cannot use the new certificates, keeping the old ones") == 4)
    assert reloads(server) == 0


def test_an_expired_certificate_to_start_with_is_told_loudly(start_server, tmp_path, authority):
    files = RenamedFiles(tmp_path / "files")
    files.write(**pair(authority.issue_server(valid_from=timedelta(days=-2))), clients_crt=authority.file.read_bytes())
    server = start(start_server, files)
    assert "the serving certificate has expired" in server.log
    client = client_context(authority.file, authority.issue_client())
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    assert "[-]certificate failed" in server.request("/readyz?verbose", context=client).text
    files.write(**pair(authority.issue_server()))
    eventually(lambda: "[+]certificate ok" in server.request("/readyz?verbose", context=client).text)
