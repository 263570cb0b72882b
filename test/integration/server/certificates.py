"""Certificates made with the openssl command, valid, expired or otherwise unusual."""

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files. The chain begins with the leaf and leaves out the root."""
    chain: Path
    key: Path


class Authority:
    """A certificate authority, and everything it issues, in `directory`."""

    def __init__(self, directory, name, issuer=None):
        self._directory = directory
        self._issuer = issuer
        self._count = 0
        directory.mkdir()
        (directory / "index.txt").touch()
        (directory / "openssl.cnf").write_text(
            "[req]\ndistinguished_name = subject\nprompt = no\n[subject]\n"
            f"[ca]\ndefault_ca = authority\n[authority]\ndatabase = {directory}/index.txt\nnew_certs_dir = {directory}\n"
            "default_md = sha256\nrand_serial = yes\nunique_subject = no\npolicy = any\n[any]\norganizationName = optional\n"
            "commonName = optional\n"
            "[root]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\nsubjectKeyIdentifier = hash\n")
        self.file = directory / "ca.crt"
        self._key = directory / "ca.key"
        if issuer is None:
            self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                          "-subj", f"/CN={name}", "-extensions", "root", "-keyout", self._key, "-out", self.file)
        else:
            made = issuer.issue(f"/CN={name}", ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign"])
            self.file.write_bytes(made.chain.read_bytes())
            self._key.write_bytes(made.key.read_bytes())

    def issue_client(self, subject="/O=system:nodes/CN=front-proxy-client", usage="clientAuth", **validity):
        """`usage` None leaves the extended key usage out."""
        extensions = ["keyUsage = critical,digitalSignature"]
        return self.issue(subject, extensions + ([f"extendedKeyUsage = {usage}"] if usage else []), **validity)

    def issue_server(self, hosts="DNS:localhost,IP:127.0.0.1", algorithm="ec", **validity):
        extensions = ["keyUsage = critical,digitalSignature,keyEncipherment", "extendedKeyUsage = serverAuth",
                      f"subjectAltName = {hosts}"]
        return self.issue("/CN=queue-metrics-server", extensions, algorithm, **validity)

    def issue(self, subject, extensions, algorithm="ec", valid_from=timedelta(hours=-1), valid_for=timedelta(days=1)):
        """`valid_from` counts from now, `valid_for` from there."""
        self._count += 1
        stem = self._directory / f"issued-{self._count}"
        certificate = Certificate(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        request, extension_file = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        parameter = {"ec": "ec_paramgen_curve:P-256", "rsa": "rsa_keygen_bits:2048"}[algorithm]
        self._openssl("req", "-new", "-newkey", algorithm, "-pkeyopt", parameter, "-nodes", "-subj", subject,
                      "-keyout", certificate.key, "-out", request)
        extension_file.write_text("\n".join([*extensions, "subjectKeyIdentifier = hash", "authorityKeyIdentifier = keyid"]))
        start = datetime.now(timezone.utc) + valid_from
        self._openssl("ca", "-batch", "-notext", "-cert", self.file, "-keyfile", self._key, "-in", request,
                      "-out", certificate.chain, "-extfile", extension_file, "-preserveDN",
                      "-startdate", start.strftime("%Y%m%d%H%M%SZ"),
                      "-enddate", (start + valid_for).strftime("%Y%m%d%H%M%SZ"))
        if self._issuer is not None:
            certificate.chain.write_bytes(certificate.chain.read_bytes() + self.file.read_bytes())
        return certificate

    def _openssl(self, command, *arguments):
        subprocess.run(["openssl", command, "-config", self._directory / "openssl.cnf", *arguments], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
