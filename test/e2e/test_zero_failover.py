"""Redis fails over while a target is about to sleep: Sentinels, a master that dies and comes back empty-handed, and nobody misled."""

import json
import time

import pytest

from control_plane import KubectlError
from programs import wait_until
from system_under_test import WatchedRedis
from zero import NAMESPACE, Sleeper, Whole, grant

COOL_DOWN = 15


@pytest.fixture(scope="module")
def watched(directory):
    redis = WatchedRedis(directory / "watched")
    yield redis
    redis.stop()


@pytest.fixture
def sleeper(cluster, server, redis, watched, directory):
    """On the second Redis, which begins as the replica."""
    grant(cluster, directory, "wake")
    made = Sleeper(cluster, watched.second, "failover")
    source = {"sentinel": {"master": watched.NAME, "addresses": watched.sentinels}}
    configuration = {"redis": {"watched": source}, "defaults": {"redis": "watched"}, "queues": [{"name": made.queue, "layout": "list"}]}
    with Whole(cluster, server, redis, directory / "failover", configuration):
        yield made
        made.delete()


def test_a_failover_puts_nobody_to_sleep_before_a_whole_cool_down_of_real_readings(cluster, watched, sleeper, watch):
    def can_be_read() -> bool:
        path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/redis_queue_length?labelSelector=queue%3D{sleeper.queue}"
        try:
            return json.loads(cluster.kubectl("get", "--raw", path))["items"][0]["value"] == "0"
        except KubectlError:
            return False

    sleeper.apply(actions="wake,sleep", cool_down=f"{COOL_DOWN}s")
    watch.wait_for(sleeper.name)
    time.sleep(COOL_DOWN - 5)
    assert can_be_read()
    watched.first.kill()
    killed = time.monotonic()
    wait_until("it cannot be read", can_be_read, lambda can: not can)
    wait_until("the other one is master", can_be_read)
    back = time.monotonic()
    slept = watch.wait_for(sleeper.name, lambda size: size == 0)
    print(f"\nno master for {back - killed:.1f} s; asleep {slept - back:.1f} s after the next one could be read")
    assert slept - back > COOL_DOWN - 2, "it was seen to be readable a moment after it was"

    sleeper.add_jobs(2)
    sleeper.wait_for(2)
    sleeper.annotate(cool_down="1s")
    watched.first.start()  # As the master that it was, without any jobs, until the Sentinels tell it otherwise.
    wait_until("they have told it", lambda: watched.first("ROLE").splitlines()[0], lambda role: role == "slave")
    time.sleep(5)  # Whatever it might have caused would be there.
    assert watch.sizes(sleeper.name) == [1, 0, 2]
