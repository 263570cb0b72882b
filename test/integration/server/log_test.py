"""What the server tells its operators."""

import json
import os
import re
import signal
import subprocess
import time
from datetime import datetime, timezone

import pytest

from eventually import eventually
from https_client import Connection, client_context, connect
from server_process import READ, command, environment

FAILED_READ = "cannot read queue length"


def lines(server):
    """Those that are written to their ends."""
    return [json.loads(line) for line in server.log.splitlines(keepends=True) if line.endswith("\n")]


def test_lines_are_json_when_nobody_watches(redis, server):
    server.request(READ)
    redis.kill()
    server.request(READ)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    for line in lines(server):
        assert {"ts", "level", "msg"} <= set(line), line
        written = datetime.strptime(line["ts"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        assert abs(datetime.now(timezone.utc) - written).total_seconds() < 120
    said = {line["msg"]: line for line in lines(server)}
    assert {"serving", "redis connection is up", "redis connection is down", FAILED_READ, "shutting down",
            "stopped"} <= set(said)
    assert said["serving"]["port"] == str(server.address[1])
    assert said[FAILED_READ]["kind"] == "connection" and str(redis.url.removeprefix("unix://")) in said[FAILED_READ]["cause"]


def test_lines_are_text_on_a_terminal(redis, tmp_path):
    try:
        ours, theirs = os.openpty()
    except OSError:
        pytest.skip("there are no terminals here")
    flags = {"redis_url": redis.url, "auth": "none", "bind_address": "127.0.0.1", "secure_port": 0,
             "tls_ca_out_file": tmp_path / "ca.crt"}
    with subprocess.Popen(command(flags), stdout=subprocess.PIPE, stderr=theirs, env=environment()) as process:
        assert process.stdout.readline().startswith(b"listening on https://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    written = os.read(ours, 65536).decode().splitlines()
    os.close(theirs)
    os.close(ours)
    assert written
    for line in written:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) ", line), line


def test_the_level_is_kept(redis, start_server):
    server = start_server(log_level="error")
    redis.kill()
    server.request(READ)
    assert server.log == ""


def test_failed_reads_are_one_line_a_second_and_none_is_forgotten(redis, server):
    server.request(READ)
    redis.kill()
    begin = time.monotonic()
    with server.connect() as connection:
        for _ in range(200):
            assert connection.request(READ).status == 503
        took = time.monotonic() - begin
        assert 1 <= len([line for line in lines(server) if line["msg"] == FAILED_READ]) <= took + 2
        time.sleep(1.1)
        assert connection.request(READ).status == 503
    failed = [line for line in lines(server) if line["msg"] == FAILED_READ]
    assert len(failed) + sum(int(line["suppressed"]) for line in failed) == 201


def test_a_connection_that_stays_down_is_told_once(redis, server):
    server.request(READ)
    redis.kill()
    eventually(lambda: any(line["msg"] == "redis connection is down" for line in lines(server)))
    time.sleep(2)  # Several attempts to connect.
    assert len([line for line in lines(server) if line["msg"] == "redis connection is down"]) <= 2  # Lost, then refused.


@pytest.fixture
def server_with_a_pipe(redis, tmp_path):
    """A process that audits into a pipe which nobody reads, and how to connect to it."""
    flags = {"redis_url": redis.url, "auth": "none", "bind_address": "127.0.0.1", "secure_port": 0,
             "tls_ca_out_file": tmp_path / "ca.crt", "log_level": "audit", "shutdown_delay_duration": "10m"}
    with subprocess.Popen(command(flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        port = int(process.stdout.readline().rsplit(b":", 1)[1])
        yield process, lambda: Connection(connect(("127.0.0.1", port)), client_context(tmp_path / "ca.crt"))
        process.kill()


def test_a_log_that_nobody_reads_stops_nobody_and_what_is_dropped_is_told(server_with_a_pipe):
    process, connect_to_it = server_with_a_pipe
    asked = 8000  # Their lines are more than a pipe and a mebibyte.
    with connect_to_it() as connection:
        for _ in range(asked):
            assert connection.request("/livez").status == 200
    audited = 0
    while (line := json.loads(process.stderr.readline()))["msg"] != "log lines were dropped, since nobody took them":
        audited += line["level"] == "audit"
    assert audited + int(line["count"]) == asked and audited > 0


def test_a_second_signal_ends_it_though_nobody_reads_the_log(server_with_a_pipe):
    process, connect_to_it = server_with_a_pipe
    with connect_to_it() as connection:
        for _ in range(1000):
            assert connection.request("/livez").status == 200

    def is_leaving():
        with connect_to_it() as connection:
            return connection.request("/readyz").status == 500

    process.send_signal(signal.SIGTERM)
    eventually(is_leaving)  # To the kernel, two at once are one.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM


def test_no_client_can_write_lines(server):
    server.wait_for_first_lines()
    before = len(server.log.splitlines())
    for target in (READ + "%0A%7B%22msg%22%3A%22forged%22%7D", "/%0a%7b%22msg%22%3a%22forged%22%7d"):
        server.request(target, headers={"User-Agent": '{"msg":"forged"}'})
    with server.connect() as connection:
        connection.send(b'GET /\n{"msg":"forged"}\n HTTP/1.1\r\n\r\n')
        connection.read_responses()
    assert "forged" not in [line["msg"] for line in lines(server)]
    assert len(server.log.splitlines()) == before


def test_no_header_changes_what_the_audit_says(start_server):
    """Neither where a request came from, nor how many lines it is worth."""
    server = start_server(log_level="audit")
    forged = {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "1", "LOCAL_ADDR": "192.0.2.1", "X-Forwarded-For": "192.0.2.1",
              "X-Real-IP": "192.0.2.1", "Forwarded": "for=192.0.2.1", "Audit-Id": 'a","user":"admin'}
    with server.unharmed(), server.connect() as connection:
        address = "{}:{}".format(*connection.socket.getsockname())
        connection.request("/forged%0A%7B%22level%22%3A%22audit%22%7D%1b%5b2J%ff", headers=forged)
    [line] = eventually(lambda: [line for line in lines(server) if line.get("path", "").startswith("/forged")])
    assert (line["address"], line["user"], line["audit_id"]) == (address, "", forged["Audit-Id"])
    assert "192.0.2.1" not in server.log and "\x1b" not in server.log
