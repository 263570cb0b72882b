"""Ten thousand configured queues: each request is one round trip to each node that has some of its queues, as Redis counts
them, and nothing piles up."""

import re
from functools import partial

from background import Background
from redis_topologies import Cluster
from server_process import MIB, VALUES

QUEUES = 10_000
IN_A_SELECTOR = 100
SELECTORS = 1_000
CLIENTS = 8


def config(tmp_path, source):
    path = tmp_path / "queues.yaml"
    lines = "".join(f"  - {{name: q{i}, layout: list}}\n" for i in range(QUEUES))
    path.write_text(f"redis: {{main: {{{source}, timeout: 30s}}}}\nqueues:\n{lines}")
    return path


def calls(nodes, command):
    stats = "".join(node.run("info", "commandstats") for node in nodes)
    return sum(map(int, re.findall(rf"^cmdstat_{re.escape(command)}:calls=(\d+)", stats, re.MULTILINE)))


def round_trips(server):
    return server.telemetry().get('queue_metrics_redis_round_trip_seconds_count{source="main"}', 0)


def names(selector):
    """Of the queues that it selects: another set for each, all over the configuration."""
    return [f"q{(selector * 7 + i * 97) % QUEUES}" for i in range(IN_A_SELECTOR)]


def read(connection, queues):
    response = connection.request(f"{VALUES}?labelSelector=queue+in+({','.join(queues)})")
    assert response.status == 200, response
    return {item["metricLabels"]["queue"]: item["value"] for item in response.json()["items"]}


def check(server, nodes, filled):
    expected = [{name: "3" if name in filled else "0" for name in names(i)} for i in range(SELECTORS)]
    wrong = []

    def ask(client):
        with server.connect() as connection:
            wrong.extend(i for i in range(client, SELECTORS, CLIENTS) if read(connection, names(i)) != expected[i])

    def ask_all():
        with Background(partial(ask, client) for client in range(CLIENTS)):
            pass  # Until each is done.

    server.wait_for_redis()
    before = [round_trips(server), calls(nodes, "llen"), calls(nodes, "cluster|slots")]
    for i in range(20):  # One after the other, so that no two share an answer.
        with server.connect() as connection:
            assert read(connection, names(i)) == expected[i]
    after = [round_trips(server), calls(nodes, "llen"), calls(nodes, "cluster|slots")]
    trips, lengths, slots = (b - a for a, b in zip(before, after))
    assert lengths == 20 * IN_A_SELECTOR
    # The cluster is asked now and then who has which slot; that question is counted before its answer, or given up without.
    assert 20 * len(nodes) <= trips <= 20 * len(nodes) + slots + 1 if len(nodes) > 1 else trips == 20

    ask_all()
    with server.unharmed(growth=4 * MIB, target=f"{VALUES}?labelSelector=queue%3Dq1"):
        before = round_trips(server)
        ask_all()
        asked = calls(nodes, "llen")
        assert asked <= 20 * IN_A_SELECTOR + 2 * SELECTORS * IN_A_SELECTOR + 1
        assert round_trips(server) - before <= (SELECTORS + 1) * len(nodes) + calls(nodes, "cluster|slots")
    assert not wrong


def test_one_redis(start_server, tmp_path, redis):
    filled = {f"q{i}" for i in range(0, QUEUES, 5)}
    for name in filled:
        redis.run("rpush", name, "1", "2", "3")
    check(start_server(redis_url=None, config=config(tmp_path, f"url: '{redis.url}'")), [redis], filled)


def test_a_cluster(start_server, tmp_path):
    with Cluster(tmp_path) as cluster:
        filled = {f"q{i}" for i in range(0, QUEUES, 50)}
        for name in filled:
            cluster.run(name, "rpush", name, "1", "2", "3")
        addresses = ", ".join(f"'{node.address}'" for node in cluster.nodes)
        check(start_server(redis_url=None, config=config(tmp_path, f"cluster: {{addresses: [{addresses}]}}")),
              cluster.nodes, filled)
