import os
import threading
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.threadpool import ThreadPool

from net import cores as module
from net.cores import APART, Cores, Times, times

if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
    pytest.skip("there are no cores to choose from", allow_module_level=True)

ALL = frozenset(os.sched_getaffinity(0))
LOOP = threading.get_native_id()


class Machine:
    """Says of each thread what it is told to, and has the clock of `Cores` strike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.used: dict[int, float] = {}
        self.waited = 0.0
        self.core = min(ALL)
        self.counts = True
        self.now = 0.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(module, "times", self.times)
        self.cores = Cores()
        self.cores.watch()

    def times(self, thread: int) -> Times | None:
        return (
            Times(self.used.get(thread, 0.0), self.waited if thread == LOOP else 0.0, self.core)
            if self.counts
            else None
        )

    def look(self, count: int = 1) -> None:
        for _ in range(count):
            self.now += 1.0
            self.cores._look()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    machine = Machine(monkeypatch)
    yield machine
    machine.cores.stop()
    assert os.sched_getaffinity(0) == ALL


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], object]], object]]:
    """Calls something in a native thread, always in the same one."""
    pool = ThreadPool(1)
    yield pool.apply
    pool.kill()


def test_the_loop_stays_on_the_core_where_it_is(machine: Machine) -> None:
    machine.core = max(ALL)
    machine.look()
    assert os.sched_getaffinity(0) == {max(ALL)}
    machine.core = min(ALL)
    machine.look(3)
    assert os.sched_getaffinity(0) == {max(ALL)}


def test_who_shares_its_data_stays_with_it(machine: Machine, aside: Callable[[Callable[[], object]], object]) -> None:
    aside(machine.cores.stay)
    assert aside(lambda: os.sched_getaffinity(0)) == ALL
    machine.look()
    aside(machine.cores.stay)
    assert aside(lambda: os.sched_getaffinity(0)) == {min(ALL)}
    machine.cores.stop()
    aside(machine.cores.stay)
    assert aside(lambda: os.sched_getaffinity(0)) == ALL


def test_who_computes_for_itself_has_all_cores(
    machine: Machine, aside: Callable[[Callable[[], object]], object]
) -> None:
    machine.look()
    assert aside(lambda: os.sched_getaffinity(0)) == {min(ALL)}  # which came from the loop's thread
    aside(machine.cores.leave)
    assert aside(lambda: os.sched_getaffinity(0)) == ALL


def test_a_core_that_others_want_is_left_for_a_while(machine: Machine) -> None:
    machine.look()
    machine.waited += 0.3
    machine.look()
    assert os.sched_getaffinity(0) == ALL
    machine.core = max(ALL)
    machine.look(APART)
    assert os.sched_getaffinity(0) == ALL
    machine.look()
    assert os.sched_getaffinity(0) == {max(ALL)}


@pytest.mark.parametrize(("used", "given_up"), [(0.6, False), (0.3, True)])
def test_waiting_for_those_that_are_to_be_there_is_no_loss(
    machine: Machine, aside: Callable[[Callable[[], object]], object], used: float, given_up: bool
) -> None:
    aside(machine.cores.stay)
    thread = aside(threading.get_native_id)
    assert isinstance(thread, int)
    machine.look()
    machine.waited += 0.3
    machine.used[LOOP] = 0.3
    machine.used[thread] = used
    machine.look()
    assert (os.sched_getaffinity(0) == ALL) == given_up


def test_one_look_that_shows_nothing_is_passed_over(machine: Machine) -> None:
    machine.look()
    machine.counts = False
    machine.look()
    machine.counts = True
    machine.look()
    assert os.sched_getaffinity(0) == {min(ALL)}


def test_who_has_left_and_comes_back_is_bound_again(
    machine: Machine, aside: Callable[[Callable[[], object]], object]
) -> None:
    machine.look()
    for _ in range(2):
        aside(machine.cores.stay)
        assert aside(lambda: os.sched_getaffinity(0)) == {min(ALL)}
        aside(machine.cores.leave)
        assert aside(lambda: os.sched_getaffinity(0)) == ALL


def test_where_there_are_no_cores_to_choose_from_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delattr(os, "sched_setaffinity")
    cores = Cores()
    cores.stay()
    cores.watch()
    cores.stay()
    cores.leave()
    cores.stop()


def test_where_nobody_counts_who_waits_all_cores_are_used(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.counts = False
    caplog.set_level("INFO")
    machine.look()
    machine.counts = True
    assert os.sched_getaffinity(0) == ALL
    assert caplog.messages == ["the event loop stays on no core: nobody counts who waits for one"]


def test_the_clock_strikes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    machine = Machine(monkeypatch)
    try:
        with gevent.Timeout(10):
            while os.sched_getaffinity(0) == ALL:
                gevent.sleep(0.01)
    finally:
        machine.cores.stop()


def test_the_system_counts_what_a_thread_uses() -> None:
    found = times(LOOP)
    if found is None:
        pytest.skip("this system does not count that")
    assert found.used > 0
    assert found.core in range(os.cpu_count() or 1)


def test_of_a_thread_that_is_not_there_nothing_is_known() -> None:
    assert times(0) is None
