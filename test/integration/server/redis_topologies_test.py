"""Sentinel and Cluster by a configuration file: checked, served, and followed through a promotion and resharding; also over
TLS, with client certificates and passwords."""

import subprocess

import pytest

from background import Background
from certificates import Authority
from eventually import eventually
from redis_topologies import Cluster, Tls, Watched
from server_process import BINARY, VALUES, environment

PASSWORD, SENTINEL_PASSWORD = "of-the-queues", "of-the-sentinels"


@pytest.fixture
def write(tmp_path):
    """Writes a file, and returns its path."""
    def to(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return to


@pytest.fixture
def sentinel_authority(tmp_path):
    """Another one than that of the queues' servers."""
    return Authority(tmp_path / "sentinel-ca", "CA of the Sentinels")


def client_tls(authority):
    """For our configuration."""
    issued = authority.issue_client("/CN=queue-metrics-server")
    return f"{{caFile: {authority.file}, certFile: {issued.chain}, keyFile: {issued.key}}}"


def serve(start_server, config):
    server = start_server(redis_url=None, config=config)
    server.wait_for_redis()  # Before that, a Sentinel or a node that is slow to tell where to ask makes errors.
    return server


def check(config):
    """What `check --connect` says, and whether it finds everything in order."""
    result = subprocess.run([BINARY, "check", "--config", config, "--connect"], env=environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True, check=False)
    assert PASSWORD not in result.stdout + result.stderr and SENTINEL_PASSWORD not in result.stdout + result.stderr
    return result.returncode, result.stdout + result.stderr


def read(server, *queues):
    """The lengths of the queues, or the message of the error."""
    response = server.request(f"{VALUES}?labelSelector=queue+in+({','.join(queues)})")
    if response.status == 200:
        return {item["metricLabels"]["queue"]: int(item["value"]) for item in response.json()["items"]}
    assert response.status == 503, response.text
    return response.status_object()["message"]


class Watcher(Background):
    """Reads all the time, and remembers every answer that there was."""

    def __init__(self, server, *queues):
        super().__init__([self._run])
        self.answers = []
        self._server = server
        self._queues = queues

    def _run(self):
        with self._server.connect() as connection:
            while not self.stopping.is_set():
                self.answers.append(read(connection, *self._queues))

    def read_on(self, count=20):
        before = len(self.answers)
        eventually(lambda: len(self.answers) >= before + count)


def sentinel_config(write, watched, tls="", sentinel_tls="", password=SENTINEL_PASSWORD, protocol=2):
    return write("queues.yaml", f"""
redis:
  jobs:
    protocol: {protocol}
    timeout: 30s
    sentinel:
      master: jobs
      addresses: ['{"', '".join(sentinel.address for sentinel in watched.sentinels)}']
      passwordFile: {write("sentinel-password", password)}
      {sentinel_tls and "tls: " + sentinel_tls}
    passwordFile: {write("password", PASSWORD)}
    {tls and "tls: " + tls}
queues:
  - {{name: jobs, layout: reliable-list}}
""")


def follows_a_promotion(watched, config, start_server):
    watched.master.run("rpush", "jobs", "1", "2")
    watched.master.run("rpush", "jobs:processing", "3")
    eventually(lambda: watched.replica.run("llen", "jobs:processing") == 1)
    code, table = check(config)
    assert code == 0, table
    assert "master jobs of Sentinels " in table and table.splitlines()[-1].split()[-4:] == ["2", "1", "-", "-"]
    server = serve(start_server, config)
    assert read(server, "jobs") == {"jobs": 3}
    with Watcher(server, "jobs") as watcher:
        watcher.read_on()
        master = watched.promote()
        master.run("rpush", "jobs", "4")
        eventually(lambda: read(server, "jobs") == {"jobs": 4})
        watcher.read_on()
    numbers = [answer["jobs"] for answer in watcher.answers if isinstance(answer, dict)]
    assert set(numbers) == {3, 4} and numbers == sorted(numbers)
    assert PASSWORD not in server.log and SENTINEL_PASSWORD not in server.log
    code, table = check(config)
    assert code == 0 and table.splitlines()[-1].split()[-4:] == ["3", "1", "-", "-"], table


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_promotion_is_followed(start_server, write, tmp_path, protocol):
    with Watched(tmp_path, PASSWORD, SENTINEL_PASSWORD) as watched:
        follows_a_promotion(watched, sentinel_config(write, watched, protocol=protocol), start_server)


def test_tls_to_sentinels_and_master(start_server, write, tmp_path, authority, sentinel_authority):
    """Each with a CA, a client certificate and a password of its own."""
    both = write("both.crt", authority.file.read_text() + sentinel_authority.file.read_text())
    tls, sentinel_tls = Tls.issued_by(authority, both), Tls.issued_by(sentinel_authority, both)
    with Watched(tmp_path, PASSWORD, SENTINEL_PASSWORD, tls, sentinel_tls) as watched:
        ours, ours_for_sentinels = client_tls(authority), client_tls(sentinel_authority)
        config = sentinel_config(write, watched, ours)  # The same for the Sentinels, whose CA it does not know.
        code, table = check(config)
        assert code == 1 and 'master "jobs" is not told by any of its Sentinels' in table
        assert "has a certificate that is not trusted" in table
        config = sentinel_config(write, watched, f"{{caFile: {authority.file}}}", ours_for_sentinels)
        code, table = check(config)
        assert code == 1 and "certificate required" in table and f"Redis at {watched.master.address} " in table
        config = sentinel_config(write, watched, ours, ours_for_sentinels, password=PASSWORD + "x")
        code, table = check(config)
        assert code == 1 and "refused the credentials (WRONGPASS)" in table
        follows_a_promotion(watched, sentinel_config(write, watched, ours, ours_for_sentinels), start_server)


KEYS = 12


def cluster_config(write, cluster, tls=""):
    queues = "\n".join(f"  - {{name: q{i}, layout: list}}" for i in range(1, KEYS + 1))
    return write("queues.yaml", f"""
redis:
  shards:
    cluster: {{addresses: ['{cluster.nodes[0].address}']}}
    timeout: 30s
    usernameFile: {write("username", "reader")}
    passwordFile: {write("password", PASSWORD)}
    {tls and "tls: " + tls}
queues:
{queues}
  - {{name: pair, nameInRedis: '{{pair}}', layout: reliable-list}}
""")


def follows_resharding(cluster, config, start_server):
    for node in cluster.nodes:
        node.run("acl", "setuser", "reader", "on", ">" + PASSWORD, "~*", "+llen", "+ping", "+cluster|slots", "+multi", "+exec",
                 "+asking")
    expected = {"pair": 3}
    for i in range(1, KEYS + 1):
        cluster.run(f"q{i}", "rpush", f"q{i}", *(["job"] * i))
        expected[f"q{i}"] = i
    cluster.run("{pair}", "rpush", "{pair}", "1", "2")
    cluster.run("{pair}", "rpush", "{pair}:processing", "3")
    code, table = check(config)
    assert code == 0, table
    assert "Cluster of " + cluster.nodes[0].address in table and table.splitlines()[-1].split()[-4:] == ["2", "1", "-", "-"]
    server = serve(start_server, config)
    with Watcher(server, *expected) as watcher:
        watcher.read_on()
        for key in ("{pair}", *(f"q{i}" for i in range(1, KEYS + 1))):
            cluster.move(key)
            watcher.read_on(3)
        watcher.read_on()
    assert all(answer == expected for answer in watcher.answers), [a for a in watcher.answers if a != expected][:3]
    assert PASSWORD not in server.log
    code, table = check(config)
    assert code == 0, table


def test_resharding_is_not_noticed(start_server, write, tmp_path):
    with Cluster(tmp_path) as cluster:
        follows_resharding(cluster, cluster_config(write, cluster), start_server)


def test_tls_to_a_cluster(start_server, write, tmp_path, authority, foreign_authority):
    with Cluster(tmp_path, Tls.issued_by(authority, authority.file)) as cluster:
        foreign = client_tls(foreign_authority)
        code, table = check(cluster_config(write, cluster, foreign))
        assert code == 1 and "has a certificate that is not trusted" in table
        code, table = check(cluster_config(write, cluster, f"{{caFile: {authority.file}}}"))
        assert code == 1 and "certificate required" in table
        follows_resharding(cluster, cluster_config(write, cluster, client_tls(authority)), start_server)
