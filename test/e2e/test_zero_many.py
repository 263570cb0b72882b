"""Many targets asleep: each is still woken by its first job, and what it costs while nothing happens.

SLEEPERS=500 HPA_SYNC_PERIOD=15s scripts/e2e.sh -s -k many     for numbers worth reporting
"""

import os
import re
import time
from pathlib import Path

import pytest

from programs import wait_until
from zero import NAMESPACE, Sleeper

COUNT = int(os.environ.get("SLEEPERS", 50))
WAKES = 10
IDLE_SECONDS = 10


@pytest.fixture(scope="module")
def replica(replicas):
    return replicas("many")


@pytest.fixture(scope="module")
def sleepers(cluster, redis, replica):
    made = [Sleeper(cluster, redis, f"many-{i}") for i in range(COUNT)]
    for begin in range(0, COUNT, 50):
        cluster.apply([obj for sleeper in made[begin : begin + 50] for obj in sleeper.objects(replicas=0, actions="wake,sleep")])
    wait_until("all are asleep", lambda: replica.metric('queue_metrics_zero_hpas{state="asleep"}'), lambda n: n >= COUNT, timeout=120)

    def unseen() -> int:
        deployments = cluster.get("deployments", "-n", NAMESPACE)["items"]
        return sum("observedGeneration" not in deployment.get("status", {}) for deployment in deployments)

    wait_until("Kubernetes' own controllers have caught up", unseen, lambda count: count == 0, timeout=240)
    return made


def test_the_first_job_wakes_one_of_many(sleepers, watch):
    wait_until("all are watched", lambda: all(watch.sizes(sleeper.name) for sleeper in sleepers))
    waits = []
    for sleeper in sleepers[:: COUNT // WAKES][:WAKES]:
        began = time.monotonic()
        sleeper.add_jobs(1)
        waits.append(watch.wait_for(sleeper.name) - began)
        time.sleep(0.37)  # At another moment of the second each time.
    waits.sort()
    print(f"\n{COUNT} asleep: from a job to the scale of its target, of {WAKES}: {waits[0]:.2f} to {waits[-1]:.2f} s, half within {waits[len(waits) // 2]:.2f} s")
    assert waits[-1] < 10


def test_many_cost_little_while_they_sleep(cluster, redis, sleepers, replica):
    def seconds_of_cpu(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def counts() -> tuple:
        commands = {name: int(calls) for name, calls in re.findall(r"cmdstat_(\w+):calls=(\d+)", redis("INFO", "commandstats"))}
        requests = cluster.kubectl("get", "--raw", "/metrics")
        ours = re.findall(r'apiserver_request_total\{.*resource="leases".*verb="(GET|PUT)".*\} (\d+)', requests)
        return commands, sum(int(count) for _, count in ours), seconds_of_cpu(replica.pid)

    for sleeper in sleepers[:: COUNT // WAKES][:WAKES]:
        sleeper.drain()
    before = counts()
    time.sleep(IDLE_SECONDS)
    after = counts()
    reads = sum(after[0].values()) - sum(before[0].values())
    print(
        f"\n{COUNT} managed, a second: {reads / IDLE_SECONDS:.0f} commands to Redis, {(after[1] - before[1]) / IDLE_SECONDS:.1f} requests "
        f"for the Lease, {100 * (after[2] - before[2]) / IDLE_SECONDS:.1f} % of a core for the replica"
    )
    rounds = replica.metric("queue_metrics_zero_reading_seconds_count")
    print(f"a round of readings takes {1000 * replica.metric('queue_metrics_zero_reading_seconds_sum') / rounds:.1f} ms")
    assert reads > COUNT, "the queues are read"


def test_many_wake_at_once(redis, sleepers, watch):
    woken = sleepers[1::5]  # None of those above.
    wait_until("all are watched", lambda: all(watch.sizes(sleeper.name) for sleeper in woken))
    began = time.monotonic()
    redis("EVAL", "for _, queue in ipairs(KEYS) do redis.call('RPUSH', queue, 'a', 'b') end", len(woken), *(sleeper.queue for sleeper in woken))
    waits = sorted(watch.wait_for(sleeper.name) - began for sleeper in woken)
    print(f"\n{len(woken)} of {COUNT} have their first jobs at once: scaled within {waits[0]:.2f} to {waits[-1]:.2f} s, half within {waits[len(waits) // 2]:.2f} s")
    time.sleep(5)  # Whatever might undo it would have.
    assert [watch.sizes(sleeper.name) for sleeper in woken] == [[0, 2]] * len(woken)
    assert waits[-1] < 30
