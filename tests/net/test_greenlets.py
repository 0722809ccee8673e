import gc
import socket
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event
from greenlet import greenlet

from net import greenlets as module
from net.greenlets import MOST_IDLE, SLICE, Greenlets, OneByOne


class Turn:
    """A task that does one thing."""

    def __init__(self, do: Callable[[], object]) -> None:
        self.turn = do


@pytest.fixture
def pool() -> Greenlets:
    return Greenlets()


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    with gevent.Timeout(10):
        yield


def finish(pool: Greenlets) -> None:
    while not pool.idle:
        gevent.sleep(0.001)


def greenlets_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, greenlet) and not thing.dead for thing in gc.get_objects())


def test_turns_are_given_in_the_order_in_which_they_were_asked_for(pool: Greenlets) -> None:
    given: list[int] = []
    for number in range(100):
        pool.ready(Turn(lambda number=number: given.append(number)))
    finish(pool)
    assert given == list(range(100))


def test_nothing_runs_before_ready_returns(pool: Greenlets) -> None:
    given: list[int] = []
    pool.ready(Turn(lambda: given.append(1)))
    assert given == []
    assert not pool.idle
    finish(pool)
    assert given == [1]


def test_a_turn_that_waits_does_not_hold_up_the_others(pool: Greenlets) -> None:
    gate = Event()
    given: list[str] = []
    pool.ready(Turn(lambda: gate.wait() and given.append("waited")))
    pool.ready(Turn(lambda: given.append("other")))
    gevent.sleep(0)
    while not given:
        gevent.sleep(0)
    assert given == ["other"]
    assert pool.waiting == 1
    gate.set()
    finish(pool)
    assert given == ["other", "waited"]


def test_a_thousand_short_turns_take_one_greenlet(pool: Greenlets) -> None:
    workers = set()
    for _ in range(1000):
        pool.ready(Turn(lambda: workers.add(id(gevent.getcurrent()))))
    finish(pool)
    assert len(workers) == 1


def test_workers_that_waited_go_when_there_is_nothing_to_do(pool: Greenlets) -> None:
    before = greenlets_alive()
    gate = Event()
    for _ in range(200):
        pool.ready(Turn(gate.wait))
    while pool.waiting < 200:
        gevent.sleep(0)
    gate.set()
    finish(pool)
    assert greenlets_alive() - before <= MOST_IDLE


def test_workers_that_waited_go_when_there_is_still_something_to_do(pool: Greenlets) -> None:
    before = greenlets_alive()
    gate = Event()
    for _ in range(200):
        pool.ready(Turn(gate.wait))
    while pool.waiting < 200:
        gevent.sleep(0)
    gevent.sleep(SLICE)  # so that each worker comes back to find its slice over
    gate.set()
    pool.ready(Turn(lambda: None))
    finish(pool)
    assert greenlets_alive() - before <= MOST_IDLE


def test_more_waiting_turns_than_workers_do_not_lock_up(pool: Greenlets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WORKERS", 5)
    gate = Event()
    given: list[int] = []

    def wait(number: int) -> None:
        gate.wait()
        given.append(number)

    for number in range(50):
        pool.ready(Turn(lambda number=number: wait(number)))
    while pool.waiting < 5:
        gevent.sleep(0)
    gevent.sleep(SLICE)  # so that each worker comes back to find its slice over
    assert given == []
    gate.set()
    finish(pool)
    assert sorted(given) == list(range(50))


@pytest.mark.parametrize("raised", [ValueError, gevent.Timeout, gevent.GreenletExit, SystemExit])
def test_what_a_turn_raises_stops_nobody_else(
    pool: Greenlets, raised: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    given: list[int] = []

    def fail() -> None:
        raise raised()

    for _ in range(3):
        pool.ready(Turn(fail))
        pool.ready(Turn(lambda: given.append(1)))
    finish(pool)
    assert given == [1, 1, 1]
    assert len(caplog.records) == 3


def test_a_timeout_that_a_turn_forgot_to_cancel_costs_no_worker(
    pool: Greenlets, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[int] = []
    pool.ready(Turn(lambda: gevent.Timeout(0.001).start()))
    while not caplog.records:
        gevent.sleep(0.001)
    for _ in range(3):
        pool.ready(Turn(lambda: given.append(1)))
    finish(pool)
    assert given == [1, 1, 1]
    assert pool.waiting == 0


def test_a_socket_is_looked_at_between_slices_however_much_there_is_to_do(pool: Greenlets) -> None:
    ours, theirs = socket.socketpair()
    given = 0
    seen: list[int] = []
    watcher = gevent.get_hub().loop.io(ours.fileno(), 1)

    def work() -> None:
        nonlocal given
        given += 1
        theirs.send(b"x") if given == 1 else None
        until = module.time.monotonic() + SLICE
        while module.time.monotonic() < until:
            pass
        if not seen and given < 100:
            pool.ready(task)

    def readable() -> None:
        seen.append(given)
        watcher.stop()

    task = Turn(work)
    with ours, theirs:
        watcher.start(readable)
        pool.ready(task)
        finish(pool)
        watcher.stop()
        watcher.close()
    assert seen
    assert seen[0] <= 3


# -- one by one


def test_between_two_that_can_wait_everybody_else_gets_a_turn(pool: Greenlets) -> None:
    done: list[str] = []
    patient = OneByOne(pool)

    def once(number: int) -> None:
        done.append(f"long {number}")
        pool.ready(Turn(lambda: done.append(f"short {number}")))

    for number in range(3):
        patient.ready(Turn(lambda number=number: once(number)))
    while len(done) < 6:
        gevent.sleep(0)
    assert done == ["long 0", "short 0", "long 1", "short 1", "long 2", "short 2"]


def test_one_that_can_wait_may_ask_again(pool: Greenlets) -> None:
    left = [3, 2, 1]
    patient = OneByOne(pool)

    def go_on() -> None:
        left.pop()
        if left:
            patient.ready(task)

    task = Turn(go_on)
    patient.ready(task)
    while left:
        gevent.sleep(0)
