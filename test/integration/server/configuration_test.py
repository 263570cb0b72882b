"""A configuration file: several Redis, who sees what, what is answered while one is down, and that it can be changed."""

import os
import subprocess
import time

import pytest

from background import Background
from eventually import eventually
from redis_server import RedisServer
from server_process import BINARY, REDIS_TIMEOUT, VALUES, command, environment

PATH = "/apis/external.metrics.k8s.io/v1beta1/namespaces/%s/%s?labelSelector=%s"


class File:
    """A configuration that is replaced as the kubelet replaces a ConfigMap, by swapping the symlink ..data, or by a rename."""

    def __init__(self, directory, text):
        self._directory = directory
        self._generation = 0
        self.path = directory / "queues.yaml"
        directory.mkdir()
        self.swap(text)
        self.path.symlink_to("..data/queues.yaml")

    def swap(self, text):
        self._generation += 1
        folder = self._directory / f"..{self._generation}"
        folder.mkdir()
        (folder / "queues.yaml").write_text(text)
        link = self._directory / "..data_tmp"
        link.symlink_to(folder.name)
        link.rename(self._directory / "..data")

    def rename(self, text):
        new = self._directory / "new"
        new.write_text(text)
        new.rename(self.path)


def get(server, selector, metric="redis_queue_length", namespace="default"):
    return server.request(PATH % (namespace, metric, selector.replace("=", "%3D").replace(" ", "+")))


def values(server, selector, **where):
    """The answer, by queue (and Redis, if it tells)."""
    response = get(server, selector, **where)
    assert response.status == 200, response.text
    return {item["metricLabels"]["queue"] + ("@" + item["metricLabels"]["redis"] if "redis" in item["metricLabels"] else ""):
            int(item["value"]) for item in response.json()["items"]}


def refusal(server, selector, code, **where):
    response = get(server, selector, **where)
    assert response.status == code, response.text
    return response.status_object()["message"]


@pytest.fixture
def other_redis(tmp_path):
    directory = tmp_path / "other"
    directory.mkdir()
    server = RedisServer(directory)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def configured(start_server, tmp_path):
    """A file, and a server that goes by it."""
    def start(text, **flags):
        file = File(tmp_path / f"config-{len(list(tmp_path.iterdir()))}", text)
        return file, start_server(redis_url=None, config=file.path, **flags)
    return start


def at(url, *more):
    """A Redis as it is configured."""
    return "{" + ", ".join([f"url: '{url}'", f"timeout: {REDIS_TIMEOUT}", *more]) + "}"


def two(redis, other, queues):
    return f"redis:\n  a: {at(redis.url)}\n  b: {at(other.url)}\n" + queues


BOTH = """
queues:
  - {name: jobs, redis: a, layout: list}
  - {name: jobs, redis: b, layout: list, labels: {team: blue}}
  - {name: mails, redis: b, layout: reliable-list}
  - {name: held, redis: b, layout: list, onError: {hold: 60s}}
  - {name: briefly, redis: b, layout: list, onError: {hold: 1s}}
  - {name: fixed, redis: b, layout: reliable-list, onError: {value: 7}}
  - {name: secret, redis: a, layout: list, namespaces: [vault]}
"""


def test_queues_of_two_redis_are_read_together(configured, redis, other_redis):
    _, server = configured(two(redis, other_redis, BOTH))
    redis.run("rpush", "jobs", "1", "2")
    other_redis.run("rpush", "jobs", "1", "2", "3")
    other_redis.run("rpush", "mails", "1")
    other_redis.run("rpush", "mails:processing", "1", "2")
    assert values(server, "queue=jobs") == {"jobs@a": 2, "jobs@b": 3}
    assert values(server, "queue=jobs,redis=b") == {"jobs@b": 3}
    assert values(server, "team=blue") == {"jobs@b": 3}
    assert values(server, "queue=mails") == {"mails@b": 3}
    assert values(server, "queue=mails", metric="redis_queue_waiting") == {"mails@b": 1}
    assert values(server, "queue=mails", metric="redis_queue_in_flight") == {"mails@b": 2}
    assert values(server, "queue!=secret,redis=b,queue!=held") == {"jobs@b": 3, "mails@b": 3, "briefly@b": 0, "fixed@b": 0}


def test_what_a_layout_does_not_tell_is_not_found(configured, redis, other_redis):
    _, server = configured(two(redis, other_redis, BOTH))
    assert "its layout list only tells redis_queue_length, redis_queue_waiting" in refusal(
        server, "queue=jobs", 404, metric="redis_queue_in_flight")


def test_a_namespace_does_not_see_what_is_not_for_it(configured, redis, other_redis):
    _, server = configured(two(redis, other_redis, BOTH))
    assert values(server, "queue=secret", namespace="vault") == {"secret@a": 0}
    message = refusal(server, "queue=secret", 404)
    assert "queue=jobs,redis=a" in message and "secret,redis" not in message


def test_one_dead_redis_leaves_the_answers_of_the_other_alone(configured, redis, other_redis):
    _, server = configured(two(redis, other_redis, BOTH))
    redis.run("rpush", "jobs", "1")
    assert values(server, "queue=jobs") == {"jobs@a": 1, "jobs@b": 0}
    other_redis.kill()
    for _ in range(5):
        assert values(server, "queue=jobs,redis=a") == {"jobs@a": 1}
        refusal(server, "queue=jobs,redis=b", 503)
        refusal(server, "queue=jobs", 503)  # A part of the sum would be a lie.
    assert server.request("/readyz").status == 200
    assert "b: " in eventually(lambda: server.request("/readyz/redis").text)
    other_redis.start()
    eventually(lambda: get(server, "queue=jobs").status == 200)
    assert server.request("/readyz/redis").text == "ok"


def test_policies_say_what_is_answered_while_a_redis_is_down(configured, redis, other_redis):
    _, server = configured(two(redis, other_redis, BOTH))
    other_redis.run("rpush", "held", "1", "2")
    assert values(server, "queue in (held,briefly)") == {"held@b": 2, "briefly@b": 0}
    [item] = get(server, "queue=held").json()["items"]
    other_redis.kill()
    assert "Redis at" in refusal(server, "queue=mails", 503)
    assert values(server, "queue=held") == {"held@b": 2}
    time.sleep(1.1)  # The clock of the timestamp has whole seconds.
    assert get(server, "queue=held").json()["items"] == [item]  # With the time of the reading.
    assert values(server, "queue=fixed") == {"fixed@b": 7}
    assert values(server, "queue=fixed", metric="redis_queue_waiting") == {"fixed@b": 7}
    refusal(server, "queue=fixed", 503, metric="redis_queue_in_flight")
    assert values(server, "queue=held", metric="redis_queue_waiting") == {"held@b": 2}  # All that a list tells.
    eventually(lambda: get(server, "queue=briefly").status == 503)
    assert values(server, "queue=held") == {"held@b": 2}
    assert any(name.startswith('queue_metrics_redis_errors_total{') and 'source="b"' in name for name in server.telemetry())


def test_no_policy_stands_in_for_an_answer_that_its_client_did_not_wait_for(configured, redis):
    queues = "queues: [{name: held, onError: {hold: 60s}}, {name: fixed, onError: {value: 7}}]"
    _, server = configured(f"redis: {{main: {at(redis.url)}}}\n{queues}")
    redis.run("rpush", "held", "1")
    assert values(server, "queue=held") == {"held": 1}
    redis.freeze()
    for queue in "held", "fixed":
        assert server.request(f"{VALUES}?labelSelector=queue%3D{queue}&timeout=100ms").status == 504
    redis.thaw()


def test_readings_are_answered_again_only_where_that_is_wanted(configured, redis):
    _, server = configured(f"redis: {{main: {at(redis.url)}}}\nqueues:\n"
                           "  - {name: cached, layout: list, maxAge: 5m}\n  - {name: fresh, layout: list}\n")
    assert values(server, "queue in (cached,fresh)") == {"cached": 0, "fresh": 0}
    redis.run("rpush", "cached", "1")
    redis.run("rpush", "fresh", "1")
    assert values(server, "queue in (cached,fresh)") == {"cached": 0, "fresh": 1}
    assert values(server, "queue=cached", metric="redis_queue_waiting") == {"cached": 0}  # The same part of the queue.


def test_the_queues_that_a_framework_has_noted_need_no_name(configured, redis):
    _, server = configured(f"redis: {{main: {at(redis.url)}}}\nqueues:\n"
                           "  - {pattern: 'evaluation-*', layout: rq, labels: {team: red}}\n")
    assert "may see queue=evaluation-*" in refusal(server, "team=red", 404)
    for name in ("evaluation-small", "evaluation-large", "other"):
        redis.run("sadd", "rq:queues", "rq:queue:" + name)
        redis.run("rpush", "rq:queue:" + name, "1")
    assert values(server, "team=red") == {"evaluation-small": 1, "evaluation-large": 1}
    assert values(server, "queue!=evaluation-small") == {"evaluation-large": 1}
    assert values(server, "queue=evaluation-unheard-of") == {"evaluation-unheard-of": 0}
    redis.run("sadd", "rq:queues", *(f"rq:queue:evaluation-{i}" for i in range(1000)))
    assert "names more than 1000 queues" in refusal(server, "team=red", 404)
    redis.run("set", "rq:queues", "text")
    assert "SRANDMEMBER" in refusal(server, "team=red", 503)


def test_without_a_file_a_layout_and_namespaces_hold_for_all(start_server, redis):
    redis.run("rpush", "rq:queue:jobs", "1", "2")
    server = start_server(layout="rq", namespaces="jobs,mail")
    assert values(server, "queue=jobs", namespace="mail") == {"jobs": 2}
    redis.run("sadd", "rq:queues", "rq:queue:jobs", "rq:queue:idle")
    assert values(server, "", namespace="mail") == {"jobs": 2, "idle": 0}
    assert "may see none" in refusal(server, "queue=jobs", 404, namespace="web")


def one(redis, *queues, source="main"):
    lines = "".join(f"  - {{name: {name}, layout: list}}\n" for name in queues)
    return f"redis: {{{source}: {at(redis.url)}}}\nqueues:\n{lines}"


@pytest.mark.parametrize("how", ["swap", "rename"])
def test_a_new_file_is_in_force_within_two_seconds(configured, redis, how):
    file, server = configured(one(redis, "first"))
    assert values(server, "queue=first") == {"first": 0}
    refusal(server, "queue=second", 404)
    getattr(file, how)(one(redis, "second"))
    eventually(lambda: get(server, "queue=second").status == 200)
    refusal(server, "queue=first", 404)
    eventually(lambda: '"configuration reloaded"' in server.log)


def test_a_bad_file_keeps_the_old_one_and_says_so(configured, redis):
    file, server = configured(one(redis, "jobs"))
    assert server.telemetry()["queue_metrics_config_up_to_date"] == 1
    file.swap(one(redis, "jobs").replace("layout", "layot"))
    eventually(lambda: server.telemetry()["queue_metrics_config_up_to_date"] == 0)
    assert values(server, "queue=jobs") == {"jobs": 0}
    ready = server.request("/readyz?verbose")
    assert ready.status == 200 and "[-]configuration failed" in ready.text
    problem = f'{file.path}:3:18: a queue has no key "layot"; did you mean "layout"?'
    assert problem in server.request("/readyz/configuration").text
    eventually(lambda: problem in server.log.replace('\\"', '"'))
    assert server.telemetry()["queue_metrics_config_reload_errors_total"] == 1
    file.swap(one(redis, "jobs"))  # Exactly what is in use.
    eventually(lambda: server.telemetry()["queue_metrics_config_up_to_date"] == 1)
    assert "[+]configuration ok" in server.request("/readyz?verbose").text
    file.path.unlink()
    eventually(lambda: "cannot read" in server.request("/readyz/configuration").text)
    assert values(server, "queue=jobs") == {"jobs": 0}


def clients(redis):
    """The ids of those that the server has there."""
    lines = redis.run("client", "list").splitlines()
    return {line.split()[0] for line in lines if "cmd=client" not in line}


def test_reloads_under_load_fail_no_read_and_keep_connections(configured, redis, other_redis):
    """Queues come and go, and so does another Redis; the reads of what is always there see nothing of it."""
    redis.run("rpush", "jobs", "1", "2", "3")
    always = f"redis:\n  a: {at(redis.url)}\n"
    plain = always + "queues:\n  - {name: jobs, redis: a, layout: list}\n"
    more = always + f"  b: {at(other_redis.url)}\n" + "queues:\n  - {name: jobs, redis: a, layout: list}\n" + "".join(
        f"  - {{name: more-{i}, redis: b, layout: list, onError: {{hold: 60s}}}}\n" for i in range(200))
    file, server = configured(plain)
    assert values(server, "queue=jobs") == {"jobs": 3}
    before = clients(redis)
    seen = set()

    def read():
        with server.connect() as connection:
            while not readers.stopping.is_set():
                response = connection.request(PATH % ("default", "redis_queue_length", "queue%3Djobs"))
                seen.add(response.json()["items"][0]["value"] if response.status == 200 else response.text)

    readers = Background([read] * 4)
    with readers:
        for _ in range(2):
            file.swap(more)
            eventually(lambda: get(server, "queue=more-199").status == 200)
            file.swap(plain)
            eventually(lambda: get(server, "queue=more-199").status == 404)
    assert seen == {"3"}
    assert clients(redis) == before and len(before) == 1
    eventually(lambda: not clients(other_redis))  # Nobody needs that any more.
    eventually(lambda: 'queue_metrics_redis_up{source="b"}' not in server.telemetry())


def test_what_was_last_read_outlives_a_change_of_something_else(configured, redis, other_redis):
    queue = "  - {name: %s, redis: b, layout: %s, %s}\n"
    kept = queue % ("held", "sidekiq", "prefix: 'app:', onError: {hold: 1h}") + queue % ("cached", "list", "maxAge: 5m")
    changed = queue % ("changed", "sidekiq", "prefix: '%s', onError: {hold: 1h}")
    file, server = configured(two(redis, other_redis, "queues:\n" + kept + changed % "app:"))
    other_redis.run("rpush", "app:queue:held", "1", "2")
    other_redis.run("rpush", "app:queue:changed", "1", "2")
    other_redis.run("rpush", "cached", "1")
    everything = "queue in (held,cached,changed)"
    assert values(server, everything) == {"held@b": 2, "cached@b": 1, "changed@b": 2}
    [item] = get(server, "queue=held").json()["items"]
    other_redis.kill()
    # Another order, another Redis, another queue, and one that is something else now.
    text = two(redis, other_redis, "queues:\n" + queue % ("new", "list", "maxAge: 1s") + changed % "web:" + kept)
    file.swap(text.replace("redis:\n", f"redis:\n  c: {at(redis.url)}\n", 1))
    eventually(lambda: "new,redis" in refusal(server, "queue=unheard-of", 404))
    assert get(server, "queue=held").json()["items"] == [item]
    assert values(server, "queue=cached") == {"cached@b": 1}
    refusal(server, "queue=changed", 503)


def test_a_redis_that_moves_is_followed(configured, redis, other_redis):
    other_redis.run("rpush", "jobs", "1")
    file, server = configured(one(redis, "jobs"))
    assert values(server, "queue=jobs") == {"jobs": 0}
    file.swap(one(other_redis, "jobs"))
    eventually(lambda: values(server, "queue=jobs") == {"jobs": 1})
    assert server.telemetry()['queue_metrics_redis_up{source="main"}'] == 1


def test_ten_thousand_queues(configured, redis):
    file, server = configured(one(redis, *(f"q{i}" for i in range(10_000))))
    redis.run("rpush", "q7777", "1")
    assert values(server, "queue=q7777") == {"q7777": 1}
    assert len(values(server, "queue in (" + ",".join(f"q{i}" for i in range(1000)) + ")")) == 1000
    assert "10000 queues" in refusal(server, "queue", 404)
    file.swap(one(redis, *(f"p{i}" for i in range(10_000))))
    eventually(lambda: get(server, "queue=p1").status == 200)


def test_credentials_come_from_files_that_rotate(configured, redis, tmp_path):
    redis.run("acl", "setuser", "reader", "on", ">right", "~*", "+llen", "+ping")
    redis.run("acl", "setuser", "default", "off")
    (tmp_path / "username").write_text("reader\n")
    (tmp_path / "password").write_text("wrong\n")
    main = at(redis.url, f"usernameFile: {tmp_path}/username", f"passwordFile: {tmp_path}/password")
    _, server = configured(f"redis: {{main: {main}}}\nqueues: [{{name: jobs, layout: list}}]\n")
    assert "WRONGPASS" in refusal(server, "queue=jobs", 503)
    (tmp_path / "password").write_text("right\n")
    eventually(lambda: get(server, "queue=jobs").status == 200)


def test_the_flags_redis_is_used_if_the_file_names_none(start_server, redis, tmp_path):
    file = File(tmp_path / "config", "queues: [{name: jobs, layout: list}]")
    server = start_server(config=file.path)
    assert values(server, "queue=jobs") == {"jobs": 0}


def run(*arguments, additions=None):
    return subprocess.run([BINARY, *map(str, arguments)], env=environment(additions), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True, check=False)


@pytest.mark.parametrize("start", [
    lambda file: run("check", "--config", file),
    lambda file: run(*command({"config": file, "auth": "none", "bind_address": "127.0.0.1", "secure_port": 0})[1:]),
], ids=["check", "serve"])
def test_every_problem_is_told_with_its_place(start, tmp_path):
    file = tmp_path / "queues.yaml"
    file.write_text("redis: {main: {url: 'redis://x', timeout: 5}}\nqueues:\n  - {name: a/b}\n  - {name: c, onError: never}\n")
    result = start(file)
    assert (result.returncode, result.stdout) == (1, "")
    first, second, third = result.stderr.splitlines()[-3:]  # After what is logged.
    assert first == f'{file}:1:43: timeout "5" must be a duration from 1ms to 30s, such as 1s'
    assert second.startswith(f'{file}:3:12: the name "a/b" must be ')
    assert third == f'{file}:4:24: onError "never" must be error, {{hold: 60s}} or {{value: 1}}'


def test_check_shows_what_a_configuration_says(tmp_path):
    file = tmp_path / "queues.yaml"
    file.write_text("redis:\n  main: {url: 'rediss://redis:7000'}\n  shards: {cluster: {addresses: [r0, r1]}}\n"
                    "queues:\n  - {name: jobs, redis: main, layout: rq, namespaces: [a, b], onError: {hold: 60s}}\n"
                    "  - {pattern: 'eval-*', nameInRedis: 'eval:*', redis: shards}\n")
    result = run("check", "--config", file)
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["REDIS", "TLS", "TIMEOUT", "SERVERS"],
        ["main", "yes", "1000ms", "redis:7000"],
        ["shards", "no", "1000ms", "Cluster", "of", "r0:6379,r1:6379"],
        [],
        ["QUEUE", "IN", "REDIS", "REDIS", "LAYOUT", "NAMESPACES", "ON", "ERROR"],
        ["jobs", '"jobs"', "main", "rq", "a,b", "hold", "60s"],
        ["eval-*", '"eval:*"', "shards", "by-type", "all", "error"]]


def test_check_can_show_what_the_queues_hold(redis, tmp_path):
    file = tmp_path / "queues.yaml"
    file.write_text(f"redis:\n  main: {at(redis.url)}\n  gone: {at(f'unix://{tmp_path}/nowhere')}\n"
                    "queues:\n  - {name: jobs, redis: main, layout: reliable-list, delayed: 'later'}\n"
                    "  - {name: lost, redis: gone, layout: list}\n")
    redis.run("rpush", "jobs", "1", "2")
    redis.run("rpush", "jobs:processing", "1")
    redis.run("zadd", "later", "99999999999", "1")
    result = run("check", "--config", file, "--connect")
    assert (result.returncode, result.stderr) == (1, "")
    jobs, lost = result.stdout.splitlines()[-2:]
    assert jobs.split()[-4:] == ["2", "1", "1", "-"]
    assert "?  " in lost and "cannot be reached: No such file or directory" in lost
    # Whose job it is does not matter here.
    redis.run("rpush", "bull:jobs:active", "1")
    redis.run("hset", "bull:jobs:1", "processedOn", "1700000000000")
    file.write_text(f"redis:\n  main: {at(redis.url)}\nqueues: [{{name: jobs, layout: bullmq}}]\n")
    result = run("check", "--config", file, "--connect")
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].split()[-4:] == ["0", "1", "0", "0s"]


def test_check_shows_what_can_be_known_of_a_queue_beside_what_cannot(redis, tmp_path):
    file = tmp_path / "queues.yaml"
    file.write_text(f"redis: {{main: {at(redis.url)}}}\nqueues:\n"
                    "  - {name: jobs, layout: rq}\n  - {name: fine, layout: rq}\n")
    redis.run("rpush", "rq:queue:jobs", "gone", "lost")  # Jobs whose hashes have expired, with their times.
    redis.run("rpush", "rq:queue:fine", "job")
    redis.run("hset", "rq:job:job", "enqueued_at", "2020-01-01T00:00:00.000000Z")
    result = run("check", "--config", file, "--connect")
    assert (result.returncode, result.stderr) == (1, "")
    jobs, fine = result.stdout.splitlines()[-2:]
    numbers, problem = jobs.split('error  ')[1].split("?  ")
    assert numbers.split() == ["2", "0", "0"]
    assert "the age of the oldest job of the queue" in problem
    assert fine.split()[-4:-1] == ["1", "0", "0"] and fine.endswith("s")


@pytest.mark.parametrize("flags, said", [
    (["--layout", "kafka"], '--layout="kafka": must be one of by-type, '),
    (["--namespaces", "a,B"], '--namespaces="B": is not a name'),
    (["--config", "x", "--layout", "rq"], "--config: does not go with --layout and --namespaces"),
    (["--config", "/nowhere"], '--config="/nowhere": cannot be read'),
])
def test_flags_that_are_wrong_are_named(flags, said):
    result = run("check", *flags, additions={"REDIS_URL": "redis://127.0.0.1:1"})
    assert result.returncode == 1 and said in result.stderr


def test_what_is_no_file_is_refused_at_once(configured, redis, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    endless = tmp_path / "endless"
    endless.touch()
    os.truncate(endless, 1 << 40)
    for path, said in (fifo, "which is no regular file"), ("/dev/zero", "which is no regular file"), \
                      (endless, "File too large"), (tmp_path, "Is a directory"):
        result = run("check", "--config", path)
        assert result.returncode == 1 and f"cannot read {path}" in result.stderr and said in result.stderr
    file, server = configured(one(redis, "jobs"))
    file.path.unlink()
    os.mkfifo(file.path)
    eventually(lambda: "which is no regular file" in server.log)
    assert values(server, "queue=jobs") == {"jobs": 0}  # And the server ends in order, as each does.


def test_two_places_for_the_redis_are_one_too_many(redis, tmp_path):
    file = tmp_path / "queues.yaml"
    file.write_text(one(redis, "jobs"))
    result = run("check", "--config", file, "--redis-url", "redis://x")
    assert result.returncode == 1 and f'{file}:1:8: names its own "redis", so leave out --redis-url' in result.stderr
    file.write_text("queues: [{name: jobs, layuot: list}]")
    result = run("check", "--config", file)
    assert result.returncode == 1 and f'{file}:1:1: must have "redis" where there is no --redis-url' in result.stderr
    assert f'{file}:1:23: a queue has no key "layuot"' in result.stderr  # All problems at once.
