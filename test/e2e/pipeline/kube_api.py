"""The Kubernetes API as cluster admin, without a process per call: the simulators look several times a second."""

import base64
import http.client
import json
import ssl
import tempfile
import threading
import urllib.parse
from pathlib import Path

import yaml


class ApiError(Exception):
    """A Status other than success; `code` is its HTTP status."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


class KubeApi:
    """Safe to call from several threads: each keeps its own connection."""

    def __init__(self, kubeconfig: Path):
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urllib.parse.urlsplit(cluster["server"]).netloc
        self._tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pair.flush()
            self._tls.load_cert_chain(pair.name)
        self._local = threading.local()

    def call(self, method: str, path: str, body: dict | None = None, content: str = "application/json") -> dict:
        try:
            return self._call(method, path, body, content)
        except (http.client.HTTPException, ConnectionError):  # A kept connection that the server has closed.
            self._local.connection = None
            return self._call(method, path, body, content)

    def _call(self, method, path, body, content):
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPSConnection(self._address, context=self._tls, timeout=30)
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": content})
        answer = connection.getresponse()
        result = json.loads(answer.read())
        if answer.status >= 400:
            raise ApiError(answer.status, result.get("message", ""))
        return result

    def list(self, path: str) -> list[dict]:
        return self.call("GET", path)["items"]

    def get(self, path: str) -> dict:
        return self.call("GET", path)

    def patch(self, path: str, change: dict, content: str = "application/merge-patch+json") -> dict:
        return self.call("PATCH", path, change, content)

    def create(self, path: str, obj: dict) -> dict:
        return self.call("POST", path, obj)

    def delete(self, path: str, grace: int | None = None) -> None:
        """Deletes; what is not there is deleted."""
        try:
            self.call("DELETE", path, {} if grace is None else {"gracePeriodSeconds": grace})
        except ApiError as error:
            if error.code != 404:
                raise
