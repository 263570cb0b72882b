"""Zero, before and after Kubernetes 1.37: targets are woken by their first job and put to sleep when there are none,
whatever breaks on the way. FEATURE_GATES=HPAScaleToZero=false makes a control plane of 1.37 like the ones before."""

import time

import pytest

from control_plane import KubectlError
from programs import wait_until
from zero import NAMESPACE, Sleeper, grant, holder, render


@pytest.fixture(scope="module")
def component(cluster, server, directory):
    grant(cluster, directory, "wake")
    return render(cluster, directory, "wake")


@pytest.fixture(scope="module")
def hpa_scales_to_zero(cluster, redis, component):
    """Whether this control plane does so by itself."""
    try:
        cluster.apply(Sleeper(cluster, redis, "probe").objects(minimum=0), "--dry-run=server")
    except KubectlError as error:
        assert "must be greater than or equal to 1" in str(error)
        return False
    return True


@pytest.fixture(scope="module")
def leader(component, replicas):
    first = replicas("first")
    wait_until("the first replica leads", first.leads)
    return first


@pytest.fixture
def sleeper(cluster, redis, leader, request):
    """A fresh one for each test, named after it."""
    made = Sleeper(cluster, redis, request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-"))
    yield made
    made.delete()


def test_the_component_adds_the_flag_and_the_token_that_it_needs(component):
    (deployment,) = (obj for obj in component if obj["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert "--wake" in pod["containers"][0]["args"]
    assert pod["automountServiceAccountToken"]


def test_asleep_and_awake_and_asleep(sleeper):
    sleeper.apply(actions="wake,sleep", cool_down="3s")
    sleeper.wait_for(0)
    (told,) = wait_until("an event", lambda: sleeper.events("PutToSleep"))
    assert "no job has waited or been in flight for 3 s" in told
    sleeper.stays_at(0, seconds=5)
    began = time.monotonic()
    sleeper.add_jobs(3)
    wait_until("the first pod is there", sleeper.pods, timeout=30)
    print(f"\nfrom the first job to the first pod, measured by kubectl: {time.monotonic() - began:.2f} s")
    sleeper.wait_for(3)
    (told,) = wait_until("an event", lambda: sleeper.events("Woken"))
    assert f"from 0 to 3: redis_queue_length{{queue={sleeper.queue}}} is 3" in told
    sleeper.stays_at(3, seconds=8)  # The HPA has taken over, and agrees.
    sleeper.add_jobs(2)
    sleeper.wait_for(5)
    sleeper.drain()
    sleeper.wait_for(0)


def test_a_zero_in_the_manifest_is_woken(sleeper, hpa_scales_to_zero):
    minimum = 0 if hpa_scales_to_zero else 1
    sleeper.apply(minimum=minimum, replicas=0, actions="wake")
    sleeper.stays_at(0, seconds=5)
    assert sleeper.condition("ScaledToZero") != "True"
    sleeper.add_jobs(2)
    sleeper.wait_for(2)
    sleeper.stays_at(2, seconds=5)


def test_a_zero_is_handed_over_to_the_hpa(sleeper, hpa_scales_to_zero):
    if not hpa_scales_to_zero:
        return  # There is nothing to hand over: the API refuses such an HPA.
    sleeper.apply(minimum=0, replicas=0, actions="mend")
    wait_until("the HPA owns the zero", lambda: sleeper.condition("ScaledToZero"), lambda status: status == "True")
    sleeper.stays_at(0, seconds=5)
    sleeper.add_jobs(4)
    sleeper.wait_for(4)  # By the HPA itself: we were not asked to wake.
    assert not sleeper.events("Woken")
    assert len(sleeper.events("ZeroHandedOver")) == 1


def test_two_targets_of_one_queue_are_woken_and_put_to_sleep(cluster, redis, sleeper):
    other = Sleeper(cluster, redis, f"{sleeper.name}-too")
    other.queue = sleeper.queue
    both = (sleeper, other)
    try:
        for each in both:
            each.apply(replicas=0, actions="wake,sleep", cool_down="3s")
        sleeper.add_jobs(2)
        for each in both:
            each.wait_for(2)
        sleeper.drain()
        for each in both:
            each.wait_for(0)
    finally:
        other.delete()


def test_an_activation_threshold_is_waited_for(sleeper):
    sleeper.apply(replicas=0, actions="wake", activation_threshold="2")
    sleeper.add_jobs(2)
    sleeper.stays_at(0, seconds=5)
    sleeper.add_jobs(1)
    sleeper.wait_for(3)


def test_a_pause_is_kept(sleeper, watch):
    sleeper.apply(replicas=0, actions="wake,sleep", cool_down="2s", paused="true")
    sleeper.add_jobs(1)
    sleeper.stays_at(0, seconds=5)
    sleeper.annotate(paused=None)
    sleeper.wait_for(1)
    sleeper.annotate(paused_at="0")
    sleeper.wait_for(0)
    sleeper.stays_at(0, seconds=6)
    sleeper.annotate(paused_at="2")
    watch.wait_for(sleeper.name, lambda size: size == 2)
    sleeper.wait_for(1)  # Sizes above 0 are the HPA's, from its next sync on.
    sleeper.annotate(paused_at=None)
    sleeper.drain()
    sleeper.wait_for(0)


def test_a_wrong_annotation_is_told_and_left_alone(sleeper):
    sleeper.apply(replicas=0, actions="wake", cool_down="five minutes")
    sleeper.add_jobs(1)
    (told,) = wait_until("an event", lambda: sleeper.events("ZeroMisconfigured"))
    assert 'cool-down="five minutes": must be a duration from 1s to 24h, such as 5m' in told
    sleeper.stays_at(0, seconds=4)
    sleeper.annotate(cool_down="5m")
    sleeper.wait_for(1)


def test_a_version_that_is_not_served_is_found_as_the_hpa_finds_it(cluster, sleeper):
    deployment, hpa = sleeper.objects(replicas=0, actions="wake")
    hpa["spec"]["scaleTargetRef"]["apiVersion"] = "apps/v1beta2"
    cluster.apply([deployment, hpa])
    sleeper.add_jobs(2)
    sleeper.wait_for(2)
    sleeper.stays_at(2, seconds=5)


def test_a_kind_that_we_may_not_scale_is_told(cluster, sleeper):
    deployment, hpa = sleeper.objects(actions="wake")
    deployment["kind"] = hpa["spec"]["scaleTargetRef"]["kind"] = "ReplicaSet"
    deployment["spec"]["replicas"] = 0
    cluster.apply([deployment, hpa])
    sleeper.add_jobs(1)
    told = wait_until("an event", lambda: sleeper.events("FailedToLook"))
    assert 'cannot get resource "replicasets/scale"' in told[0]
    cluster.kubectl("delete", "replicaset", sleeper.name, "-n", NAMESPACE)


def test_a_dead_redis_puts_nobody_to_sleep_and_wakes_nobody(redis, sleeper):
    sleeper.apply(actions="wake,sleep", cool_down="8s")
    sleeper.wait_for(1)
    time.sleep(3)  # Into the cool-down.
    redis.stop()
    try:
        sleeper.stays_at(1, seconds=12)
    finally:
        redis.start()
    back = time.monotonic()
    sleeper.wait_for(0)
    assert time.monotonic() - back > 6, "the cool-down begins anew after a time of doubt"
    sleeper.add_jobs(2)  # Before it dies, so that they are there when it is back.
    sleeper.wait_for(2)
    sleeper.drain()
    sleeper.wait_for(0)
    redis.stop()
    try:
        sleeper.stays_at(0, seconds=4)
    finally:
        redis.start()
    sleeper.add_jobs(1)
    sleeper.wait_for(1)


def test_an_api_server_that_dies_is_survived(cluster, sleeper, leader):
    sleeper.apply(replicas=0, actions="wake")
    sleeper.stays_at(0, seconds=3)
    cluster.apiserver.kill()
    sleeper.add_jobs(2)
    time.sleep(3)
    cluster.start_apiserver()
    sleeper.wait_for(2)
    wait_until("it leads again", leader.leads)


def test_an_api_server_that_answers_late_scales_nobody_down(cluster, sleeper):
    sleeper.apply(actions="wake,sleep", cool_down="4s")
    sleeper.wait_for(1)
    cluster.apiserver.freeze()
    time.sleep(8)
    sleeper.add_jobs(1)  # What was asked while nobody was busy must not be done now.
    cluster.apiserver.thaw()
    sleeper.stays_at(1, seconds=10)


def test_one_of_several_leads_and_another_follows(cluster, sleeper, leader, replicas):
    second, third = replicas("second"), replicas("third")
    sleeper.apply(replicas=0, actions="wake,sleep", cool_down="2s")
    time.sleep(3)
    assert [replica.leads() for replica in (leader, second, third)] == [True, False, False]

    killed = time.monotonic()
    leader.kill()
    sleeper.add_jobs(1)
    sleeper.wait_for(1)
    print(f"\nfrom a leader's sudden death to its successor's first act: {time.monotonic() - killed:.1f} s")
    next_leader, other = (second, third) if second.leads() else (third, second)
    assert next_leader.leads() and not other.leads()

    ended = time.monotonic()
    before = holder(cluster)
    assert next_leader.stop() == 0
    wait_until("it was handed over", lambda: other.leads())
    print(f"\nfrom a leader's SIGTERM to its successor: {time.monotonic() - ended:.1f} s")
    assert holder(cluster) not in ("", before)

    fourth = replicas("fourth")
    other.freeze()  # It does not know how long it will have been away.
    wait_until("the frozen one is followed", fourth.leads)
    other.thaw()
    wait_until("the frozen one has noticed", lambda: not other.leads())
    assert fourth.leads()
    sleeper.drain()
    sleeper.wait_for(0)


