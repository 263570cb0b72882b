"""What is said to those who start the server wrongly, and that no secret is said to anybody."""

import os
import re
import subprocess

import pytest

from redis_server import RedisServer
from server_process import BINARY, READ, command, environment

GOOD = {"redis_url": "redis://127.0.0.1:1", "auth": "none", "bind_address": "127.0.0.1", "secure_port": 0}
SECRET = "hunter2-s3cr3t"


def run(flags, additions=None):
    """The outcome of a start that must fail."""
    return subprocess.run(command(flags), env=environment(additions), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, text=True, check=False)


def refused(*said, additions=None, **flags):
    """Starts with `flags` instead of good ones: exit code 1, nothing on standard output, everything `said` on the other."""
    result = run({**GOOD, **flags}, additions)
    assert (result.returncode, result.stdout) == (1, ""), result
    for text in said:
        assert text in result.stderr, result.stderr
    return result.stderr


def flags_named(said):
    """The flags that the lines begin with."""
    return {re.match("--[a-z-]+", line)[0] for line in said.splitlines()}


WRONG_VALUES = {
    "redis_url": "http://127.0.0.1",
    "redis_timeout": "soon",
    "bind_address": "localhost",
    "secure_port": "65536",
    "max_connections": "-1",
    "shutdown_delay_duration": "5",
    "tls_self_signed_hosts": ",",
    "auth": "open",
    "log_format": "xml",
    "log_level": "loud",
}


@pytest.mark.parametrize("name, value", WRONG_VALUES.items())
def test_a_wrong_value_is_named_with_its_flag(name, value):
    said = refused("--" + name.replace("_", "-"), **{name: value})
    assert name == "redis_url" or f'"{value}"' in said  # A URL may hold a password.
    assert len(flags_named(said)) == 1 or name == "bind_address"  # Which --auth=none needs to be right.


def test_all_wrong_values_are_named_at_once():
    said = refused(*("--" + name.replace("_", "-") for name in WRONG_VALUES), **WRONG_VALUES)
    assert len(flags_named(said)) == len(WRONG_VALUES)


@pytest.mark.parametrize("flags, said", [
    ({"redis_url": None}, "--redis-url"),
    ({"auth": None}, "--client-ca-file"),
    ({"auth": "client-certificate"}, "--client-ca-file"),
    ({"tls_cert_file": "/nowhere/tls.crt"}, "--tls-private-key-file"),
    ({"tls_private_key_file": "/nowhere/tls.key"}, "--tls-cert-file"),
    ({"tls_cert_file": "/a", "tls_private_key_file": "/b", "tls_ca_out_file": "/c"}, "--tls-ca-out-file"),
    ({"client_ca_file": "/dev/null"}, "--auth=none"),  # Nobody would be asked for a certificate of it.
    ({"redis_ca_file": "/dev/null", "redis_url": "redis://127.0.0.1"}, "--redis-ca-file"),
])
def test_what_is_missing_or_does_not_go_together_is_named(flags, said):
    refused(said, **flags)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "::ffff:127.0.0.1"])
def test_open_access_is_for_loopback_only(address):
    refused("--auth", "loopback", address, bind_address=address)


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_every_loopback_address_will_do(start_server, address):
    assert start_server(bind_address=address).address[0] == address


def test_unknown_flags_and_commands_are_refused():
    for arguments in (["serve", "--no-such-flag"], ["serve", "extra"], ["no-such-command"], []):
        result = subprocess.run([BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        assert (result.returncode, result.stdout) == (1, b""), arguments
        assert result.stderr != b""


def test_help_teaches_every_flag():
    result = subprocess.run([BINARY, "serve", "--help"], stdout=subprocess.PIPE, timeout=60, text=True, check=True)
    flags = {"redis-url", "redis-username-file", "redis-password-file", "redis-timeout", "bind-address", "secure-port",
             "tls-cert-file", "tls-private-key-file", "tls-self-signed-hosts", "tls-ca-out-file", "max-connections",
             "shutdown-delay-duration", "client-ca-file", "auth", "log-format", "log-level"}
    for text in [*("--" + flag for flag in flags), "REDIS_URL", "REDIS_PASSWORD", "REDIS_USERNAME"]:
        assert text in result.stdout, text


def test_a_port_in_use_is_named(server):
    host, port = server.address
    refused(f"{host}:{port}", "Address already in use", secure_port=port)


def test_an_address_of_another_machine_is_named(authority):
    refused("192.0.2.1:0", "Cannot assign requested address", bind_address="192.0.2.1", auth=None,
            client_ca_file=authority.file)


def test_unusable_files_are_named(tmp_path, authority):
    good, other = authority.issue_server(), authority.issue_server()
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not PEM\n")
    absent = tmp_path / "absent"
    refused(str(absent), "No such file", tls_cert_file=absent, tls_private_key_file=good.key)
    refused(str(absent), "No such file", tls_cert_file=good.chain, tls_private_key_file=absent)
    refused(str(absent), "No such file", auth=None, client_ca_file=absent)
    refused(str(absent), "No such file", redis_password_file=absent)
    refused("Is a directory", redis_password_file=tmp_path)
    refused(str(absent / "ca.crt"), tls_ca_out_file=absent / "ca.crt")
    refused(str(garbage), "certificate", tls_cert_file=garbage, tls_private_key_file=good.key)
    refused(str(good.chain), "private key", tls_cert_file=good.chain, tls_private_key_file=garbage)
    refused(str(good.chain), "does not belong", tls_cert_file=good.chain, tls_private_key_file=other.key)
    refused("client CA", auth=None, client_ca_file=garbage)


def test_all_unusable_files_and_hosts_are_told_at_once():
    refused(*(f'{flag}="{value}"' for flag, value in [
        ("--tls-cert-file", "/no/a"), ("--tls-private-key-file", "/no/b"), ("--client-ca-file", "/no/c"),
        ("--kubeconfig", "/no/d"), ("--tls-self-signed-hosts", "a b")]),
        tls_cert_file="/no/a", tls_private_key_file="/no/b", client_ca_file="/no/c", kubeconfig="/no/d",
        tls_self_signed_hosts="localhost, 127.0.0.1, a b")


def test_a_cluster_that_is_not_told_of_is_none():
    refused("--auth", "outside of a cluster", auth=None,
            additions={"KUBERNETES_SERVICE_HOST": "", "KUBERNETES_SERVICE_PORT": ""})


def test_an_encrypted_key_is_refused_and_not_asked_about(tmp_path, authority):
    good = authority.issue_server()
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", good.key, "-aes256", "-passout", f"pass:{SECRET}", "-out", locked], check=True)
    refused(str(good.chain), "unencrypted", tls_cert_file=good.chain, tls_private_key_file=locked)


# Secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [
    f"redis://user:{SECRET}@127.0.0.1:6379", f"redis://:{SECRET}@127.0.0.1", f"redis://user:{SECRET}@127.0.0.1:port",
    f"redis://user:{SECRET}@/0", f"rediss://user:{SECRET}@127.0.0.1", f"http://user:{SECRET}@127.0.0.1", SECRET,
    f"redis://user:{SECRET}%zz@127.0.0.1", f"redis://user:pass/{SECRET}@127.0.0.1", f"redis://127.0.0.1/{SECRET}",
    f"unix://user:{SECRET}@/run/redis.sock", f"redis://127.0.0.1:{SECRET}",
])
def test_a_url_is_never_repeated(url):
    assert SECRET not in refused("--redis-url", redis_url=url)


@pytest.mark.parametrize("url", [f"redis://user:{SECRET}@127.0.0.1:port", f"rediss://:{SECRET}@127.0.0.1/x", SECRET])
def test_a_url_of_the_environment_is_never_repeated(url):
    assert SECRET not in refused("REDIS_URL", redis_url=None, additions={"REDIS_URL": url})


@pytest.fixture
def locked_redis(tmp_path):
    directory = tmp_path / "locked"
    directory.mkdir()
    server = RedisServer(directory, "--requirepass", SECRET)
    server.start()
    yield server
    server.kill()


def test_a_password_opens_redis_wherever_it_comes_from(start_server, locked_redis, tmp_path):
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    socket = locked_redis.url.removeprefix("unix://")
    for server in (start_server(redis_url=locked_redis.url, redis_password_file=file),
                   start_server(redis_url=locked_redis.url, additions={"REDIS_PASSWORD": SECRET}),
                   start_server(redis_url=None, additions={"REDIS_URL": f"unix://:{SECRET}@{socket}"})):
        assert server.value() == "0"


@pytest.mark.parametrize("password", [SECRET, SECRET + "-wrong"])
def test_a_password_is_never_told(start_server, locked_redis, password):
    socket = locked_redis.url.removeprefix("unix://")
    server = start_server(redis_url=None, log_level="debug", additions={"REDIS_URL": f"unix://default:{password}@{socket}"})
    answers = [server.request(target).text for target in (READ, "/metrics", "/readyz?verbose", "/version", "/nothing")]
    assert ("503" in answers[0]) == (password != SECRET)
    locked_redis.kill()
    answers += [server.request(READ).text for _ in range(3)]
    assert all(SECRET not in text for text in [*answers, server.log, server.output])
    assert os.path.basename(socket) in server.log  # It was the server's log, and told of this Redis.
    assert SECRET not in server.arguments()
