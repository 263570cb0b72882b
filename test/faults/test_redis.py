"""The Redis dies, freezes, or is cut off: no wrong number, errors while that lasts and a while more, nothing left behind."""

import random
import time

import pytest

from eventually import eventually
from server_process import MIB, SANITIZED


def go_through(readers, cycles, make_fault):
    for _ in cycles:
        with readers.fault():
            make_fault()
        readers.recover()


def test_a_redis_that_is_killed_and_comes_back(redis, readers, cycles):
    def die():
        redis.kill()
        readers.wait_for_mishap()
        redis.start()

    go_through(readers, cycles, die)


def test_a_redis_that_freezes(redis, readers, cycles, redis_timeout):
    """Shorter than the timeout of a read, and longer."""
    lasting = random.Random(1)

    def freeze():
        redis.freeze()
        time.sleep(redis_timeout * lasting.choice((0.05, 0.5, 1.5)))
        redis.thaw()

    go_through(readers, cycles, freeze)
    assert readers.longest < 30


def go_through_network(readers, cycles, make_fault, seconds):
    def fail():
        with make_fault():
            time.sleep(seconds)

    go_through(readers, cycles, fail)
    assert readers.longest < 30


@pytest.mark.parametrize("name, arguments, seconds", [
    ("resetting", (), 0.3),
    ("delaying", (0.2,), 1.0),
    ("crumbling", (), 0.5),
    *(("cutting", (after,), 0.3) for after in (0, 1, 4, 5, 7, 20)),
])
def test_a_network_that_fails(proxy, readers, cycles, name, arguments, seconds):
    go_through_network(readers, cycles, lambda: getattr(proxy, name)(*arguments), seconds)


@pytest.mark.parametrize("name, delays, timeouts", [("holding", (), 1.5), ("dropping", (), 1.5), ("delaying", (1.3,), 2.0)])
def test_a_network_that_fails_for_longer_than_the_timeout(proxy, readers, cycles, redis_timeout, name, delays, timeouts):
    """Times are multiples of that."""
    delays = [delay * redis_timeout for delay in delays]
    go_through_network(readers, cycles, lambda: getattr(proxy, name)(*delays), timeouts * redis_timeout)


def test_a_slow_network_costs_no_answer(proxy, start_server, readers_of):
    """Below the timeout, nothing is an error."""
    with readers_of(start_server(redis_timeout="30s")) as readers:
        with proxy.delaying(0.1):
            time.sleep(1)
        with proxy.crumbling():
            time.sleep(1)
    readers.check()
    assert readers.mishaps == []


def test_faults_leave_nothing_behind(redis, proxy, server, readers, cycles):
    def fail():
        for name, arguments in (("resetting", ()), ("cutting", (3,)), ("dropping", ())):
            with getattr(proxy, name)(*arguments):
                time.sleep(0.05)

    go_through(readers, range(3), fail)  # By then it has all the memory it needs.
    before = server.resources()
    go_through(readers, cycles, fail)
    eventually(lambda: server.resources().descriptors <= before.descriptors)
    after = server.resources()
    assert after.threads == before.threads
    assert SANITIZED or after.resident <= before.resident * 1.1 + MIB
