"""/livez, /readyz and /healthz in kube-apiserver's words."""

import pytest

from shared_server import lasting_redis, lasting_server, redis, server  # Fixtures.

ENDPOINTS = ["healthz", "livez", "readyz"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_healthy_server_says_ok_whatever_the_method(server, endpoint, method):
    response = server.request(f"/{endpoint}", method)
    assert (response.status, response.text) == (200, "ok")
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("query", ["verbose", "verbose=", "verbose=false"])
def test_verbose_lists_every_check(server, endpoint, query):
    response = server.request(f"/{endpoint}?{query}")
    *checks, last = response.text.splitlines()
    assert response.status == 200
    assert "[+]ping ok" in checks and all(line.startswith("[+]") for line in checks)
    assert last == f"{endpoint} check passed"
    assert response.text.endswith("\n")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_check_can_be_asked_alone_and_left_out(server, endpoint):
    lines = server.request(f"/{endpoint}?verbose").text.splitlines()[:-1]
    names = [line.removeprefix("[+]").removesuffix(" ok") for line in lines]
    assert "ping" in names
    for name in names:
        alone = server.request(f"/{endpoint}/{name}")
        assert (alone.status, alone.text) == (200, "ok")
        assert f"[+]{name} excluded: ok\n" in server.request(f"/{endpoint}?verbose&exclude={name}").text


def test_excluding_what_is_not_there_is_told(server):
    response = server.request("/readyz?verbose&exclude=nope&exclude=ping")
    assert response.status == 200
    assert "[+]ping excluded: ok\n" in response.text
    assert 'warn: some health checks cannot be excluded: no matches for "nope"\n' in response.text


@pytest.mark.parametrize("path", ["/healthz/nope", "/readyz/ping/more", "/healthz/", "/HEALTHZ"])
def test_checks_that_are_not_there_are_not_found(server, path):
    assert server.request(path).status == 404
