"""A real Kubernetes control plane on loopback: etcd, kube-apiserver with aggregation, controller-manager, scheduler.

It has no node: pods are created, admitted and counted, but stay Pending.
"""

import base64
import json
import os
import subprocess
from pathlib import Path

from programs import Program, free_port, wait_until

# Keys are made anew for each run and live only as long.
_OPENSSL_CONFIG = """
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[leaf]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth,clientAuth
[server]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.0.0.1
"""


class KubectlError(Exception):
    """What kubectl wrote to standard error."""


class ControlPlane:
    """Up after construction, until stop(). `parts` is the folder with the links kube-apiserver, etcd, kubectl, …"""

    def __init__(self, parts: Path, directory: Path, hpa_sync_period: str = "2s", feature_gates: str = ""):
        """`feature_gates` are for kube-apiserver and kube-controller-manager alike, such as "HPAScaleToZero=false"."""
        self._parts = parts
        self._directory = directory
        self._feature_flags = [f"--feature-gates={feature_gates}"] if feature_gates else []
        self.pki = directory / "pki"
        self._logs = directory / "logs"
        self._apiserver_log = self._logs / "kube-apiserver.log"
        self.port = free_port()
        self._programs: list[Program] = []
        self.pki.mkdir(parents=True)
        self._logs.mkdir()
        self._make_pki()
        for name in ("admin", "controller-manager", "scheduler"):
            self._write_kubeconfig(name)
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(directory / "admin.kubeconfig"),
            "KUBECACHEDIR": str(directory / "kubectl-cache"),
            "PATH": f"{parts}:{os.environ['PATH']}",
        }
        try:
            self._start(hpa_sync_period)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        while self._programs:
            self._programs.pop().stop()

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Runs kubectl as cluster admin and returns its output. Throws KubectlError."""
        done = subprocess.run(
            [self._parts / "kubectl", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr)
        return done.stdout

    def get(self, *arguments: str) -> dict:
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, objects: list[dict], *flags: str) -> None:
        self.kubectl("apply", "-f", "-", *flags, stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def mark_apiserver_log(self) -> None:
        """From here on, complaints count."""
        self._mark = self._apiserver_log.stat().st_size

    def complaints_about(self, subject: str) -> list[str]:
        """Lines of kube-apiserver's log since the mark that name the subject, other than information."""
        lines = self._apiserver_log.read_bytes()[self._mark :].decode().splitlines()
        return [line for line in lines if subject in line and not line.startswith("I")]

    def start_apiserver(self) -> None:
        """For the first time, or again after apiserver.kill()."""
        self.apiserver = self._start_part(
            "kube-apiserver",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--etcd-servers={self._etcd}",
            f"--tls-cert-file={self.pki / 'apiserver.crt'}",
            f"--tls-private-key-file={self.pki / 'apiserver.key'}",
            f"--client-ca-file={self.pki / 'ca.crt'}",
            f"--requestheader-client-ca-file={self.pki / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={self.pki / 'front-proxy.crt'}",
            f"--proxy-client-key-file={self.pki / 'front-proxy.key'}",
            f"--service-account-key-file={self.pki / 'service-account.key'}",
            f"--service-account-signing-key-file={self.pki / 'service-account.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            *self._feature_flags,
        )
        # Always stopped last but etcd: it waits for those who watch it.
        self._programs.insert(1, self._programs.pop())
        wait_until("kube-apiserver is ready", lambda: self._answers(self.apiserver, "get", "--raw=/readyz"), timeout=120)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.pki, check=True, capture_output=True)

    def _certificate(self, name: str, subject: str, extensions: str, ca: str | None = None) -> None:
        signer = ["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key"] if ca else []
        self._openssl(
            *("req", "-config", "openssl.cnf", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", subject, "-extensions", extensions, "-keyout", f"{name}.key", "-out", f"{name}.crt", *signer),
        )

    def _make_pki(self) -> None:
        (self.pki / "openssl.cnf").write_text(_OPENSSL_CONFIG)
        self._certificate("ca", "/CN=kubernetes", "ca")
        self._certificate("front-proxy-ca", "/CN=front-proxy-ca", "ca")
        self._certificate("apiserver", "/CN=kube-apiserver", "server", "ca")
        self._certificate("front-proxy", "/CN=front-proxy-client", "leaf", "front-proxy-ca")
        self._certificate("admin", "/O=system:masters/CN=admin", "leaf", "ca")
        self._certificate("controller-manager", "/CN=system:kube-controller-manager", "leaf", "ca")
        self._certificate("scheduler", "/CN=system:kube-scheduler", "leaf", "ca")
        self._openssl("genrsa", "-out", "service-account.key", "2048")

    def _write_kubeconfig(self, user: str) -> None:
        def embedded(file: str) -> str:
            return base64.b64encode((self.pki / file).read_bytes()).decode()

        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "e2e", "cluster": {"server": f"https://127.0.0.1:{self.port}", "certificate-authority-data": embedded("ca.crt")}}
            ],
            "users": [
                {"name": user, "user": {"client-certificate-data": embedded(f"{user}.crt"), "client-key-data": embedded(f"{user}.key")}}
            ],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user}}],
            "current-context": "e2e",
        }
        self._kubeconfig(user).write_text(json.dumps(config))

    def _kubeconfig(self, user: str) -> Path:
        return self._directory / f"{user}.kubeconfig"

    def _start_part(self, part: str, *flags: str) -> Program:
        program = Program([self._parts / part, *flags], self._logs / f"{part}.log")
        self._programs.append(program)
        return program

    def _start(self, hpa_sync_period: str) -> None:
        self._etcd = etcd = f"http://127.0.0.1:{free_port()}"
        etcd_peer = f"http://127.0.0.1:{free_port()}"
        self._start_part(
            "etcd",
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={etcd_peer}",
            f"--initial-advertise-peer-urls={etcd_peer}",
            f"--initial-cluster=default={etcd_peer}",
            "--unsafe-no-fsync",
        )
        self.start_apiserver()
        controller_manager = self._start_part(
            "kube-controller-manager",
            *self._identity_flags("controller-manager"),
            f"--service-account-private-key-file={self.pki / 'service-account.key'}",
            f"--root-ca-file={self.pki / 'ca.crt'}",
            "--use-service-account-credentials",  # The HPA controller then has the identity it has in any real cluster.
            f"--horizontal-pod-autoscaler-sync-period={hpa_sync_period}",
            *self._feature_flags,
        )
        self._start_part("kube-scheduler", *self._identity_flags("scheduler"))
        wait_until(
            "the controllers work", lambda: self._answers(controller_manager, "get", "serviceaccount", "default", "--namespace=default")
        )

    def _identity_flags(self, user: str) -> list[str]:
        config = self._kubeconfig(user)
        return [
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={free_port()}",
            "--leader-elect=false",
        ]

    def _answers(self, program: Program, *arguments: str) -> bool:
        program.check_running()
        try:
            self.kubectl(*arguments)
        except KubectlError:
            return False
        return True
