"""The server is upgraded while targets wake: as its Deployment does it, one new replica before each old one goes, the leader first."""

import time

import pytest

from programs import wait_until
from zero import Sleeper

HAND_OVER = 15  # Seconds, at the most.


@pytest.fixture
def make_sleeper(cluster, redis, replicas):
    made = []

    def make(name: str, **settings) -> Sleeper:
        made.append(Sleeper(cluster, redis, name).apply(**settings))
        return made[-1]

    yield make
    for sleeper in made:
        sleeper.delete()


def test_a_rolling_upgrade_loses_no_wake_and_puts_nobody_busy_to_sleep(replicas, make_sleeper, watch):
    old = [replicas("old-1"), replicas("old-2")]
    wait_until("one of them leads", lambda: any(replica.leads() for replica in old))
    busy = make_sleeper("busy", actions="wake,sleep", cool_down="1s")
    busy.add_jobs(1)
    busy.wait_for(1)
    woken = []
    for number in (1, 2):
        before, after = (make_sleeper(f"job-{when}-end-{number}", replicas=0, actions="wake,sleep", cool_down="5m") for when in ("before", "after"))
        wait_until("both are asleep", lambda: watch.sizes(before.name) == watch.sizes(after.name) == [0])
        replicas(f"new-{number}")
        leader = next((replica for replica in old if replica.leads()), old[0])
        old.remove(leader)
        first_job = time.monotonic()
        before.add_jobs(2)
        assert leader.stop() == 0
        second_job = time.monotonic()
        after.add_jobs(3)
        waits = watch.wait_for(before.name) - first_job, watch.wait_for(after.name) - second_job
        print(f"\n{leader.name} ends: woken {waits[0]:.1f} s after a job just before, {waits[1]:.1f} s after one just after")
        assert max(waits) < HAND_OVER
        woken += [(before, 2), (after, 3)]
    time.sleep(5)  # Whatever might undo it would have.
    assert watch.sizes(busy.name) == [1]
    for sleeper, jobs in woken:
        assert watch.sizes(sleeper.name) == [0, jobs]
        assert len(sleeper.events("Woken")) == 1
