import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pykka
import pytest
from gevent.event import Event
from greenlet import greenlet
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from actors.actor import CONGESTED, MOST_AT_ONCE, Actor, told
from net.greenlets import greenlets


class Do:
    """A message that says itself what is to be done."""

    def __init__(self, what: Callable[..., Any]) -> None:
        self.what = what


class Doer(Actor):
    """An actor that does what it is told, and remembers what happened to it."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[Any] = []
        self.life: list[str] = []
        self.refused: list[Any] = []

    def on_start(self) -> None:
        self.life.append("start")

    def on_stop(self) -> None:
        self.life.append("stop")

    def on_failure(self, *exception: Any) -> None:
        self.life.append("failure")

    def on_idle(self) -> None:
        self.life.append("idle")

    def refuse(self, message: Any) -> None:
        self.refused.append(message)
        super().refuse(message)

    @told(int, str)
    def on_value(self, message: object) -> object:
        self.handled.append(message)
        return message

    @told(Do)
    def on_do(self, message: Do) -> Any:
        return message.what()

    def on_receive(self, message: object) -> object:
        self.handled.append(("other", message))
        return "other"


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    with gevent.Timeout(10):
        yield


def settle() -> None:
    while not greenlets.idle:
        gevent.sleep(0)


def tell(actor: Actor, *messages: Any) -> None:
    for message in messages:
        actor.actor_inbox.tell(message)


def crash(exception: BaseException) -> Do:
    def fail() -> None:
        raise exception

    return Do(fail)


BASE_EXCEPTIONS = [ValueError(), gevent.Timeout(), gevent.GreenletExit(), SystemExit(1)]


# -- messages


def test_messages_are_handled_in_the_order_in_which_they_were_told() -> None:
    actor = Doer()
    tell(actor, *range(5 * MOST_AT_ONCE))
    settle()
    assert actor.handled == list(range(5 * MOST_AT_ONCE))


def test_a_handler_takes_exactly_the_classes_it_is_marked_with() -> None:
    actor = Doer()
    tell(actor, 1, True, "a", 2.0)
    settle()
    assert actor.handled == [1, ("other", True), "a", ("other", 2.0)]


def test_a_subclass_has_the_handlers_of_its_base_and_its_own() -> None:
    class More(Doer):
        @told(float)
        def on_float(self, message: float) -> None:
            self.handled.append(-message)

    actor, plain = More(), Doer()
    tell(actor, 1, 2.0)
    tell(plain, 2.0)
    settle()
    assert actor.handled == [1, -2.0]
    assert plain.handled == [("other", 2.0)]


def test_an_actor_with_much_to_do_lets_others_have_their_turns() -> None:
    busy, other = Doer(), Doer()
    tell(busy, *range(3 * MOST_AT_ONCE))
    tell(busy, Do(lambda: busy.handled.append(other.handled[:])))
    tell(other, 1)
    settle()
    assert busy.handled[-1] == [1]


def test_what_comes_while_a_handler_waits_is_handled_after_it() -> None:
    actor, gate = Doer(), Event()
    tell(actor, Do(gate.wait), 1)
    gevent.sleep(0)
    tell(actor, 2)
    gevent.sleep(0.001)
    assert actor.handled == []
    gate.set()
    settle()
    assert actor.handled == [1, 2]


def test_an_actor_is_never_in_two_turns_at_once() -> None:
    actor = Doer()
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        gevent.sleep(0)
        inside -= 1

    for _ in range(20):
        tell(actor, Do(work))
        gevent.sleep(0)
    settle()
    assert most == 1


def test_an_actor_that_waits_when_idle_still_has_one_turn_at_a_time() -> None:
    gate = Event()

    class Slow(Doer):
        def on_idle(self) -> None:
            if not gate.is_set():
                self.handled.append("idle")
                gate.wait()
                self.handled.append("back")

    actor = Slow()
    tell(actor, 1)
    while "idle" not in actor.handled:
        gevent.sleep(0)
    tell(actor, 2)
    gevent.sleep(0.001)
    assert actor.handled == [1, "idle"]
    gate.set()
    settle()
    assert actor.handled == [1, "idle", "back", 2]


def test_an_actor_is_congested_while_much_waits_for_it() -> None:
    actor = Doer()
    tell(actor, *range(CONGESTED))
    assert not actor.actor_inbox.congested
    tell(actor, "more")
    assert actor.actor_inbox.congested
    settle()
    assert not actor.actor_inbox.congested


# -- cost


def test_an_actor_at_rest_owns_no_greenlet() -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, greenlet) and not thing.dead for thing in gc.get_objects())

    before = alive()
    actors = [Doer() for _ in range(500)]
    for actor in actors:
        tell(actor, 1)
    settle()
    assert all(actor.handled == [1] for actor in actors)
    assert alive() - before <= 16


def test_start_returns_before_anything_runs() -> None:
    ran: list[str] = []
    gevent.get_hub().loop.run_callback(ran.append, "another greenlet")

    class Eager(Doer):
        def on_start(self) -> None:
            ran.append("on_start")

    ref = Eager.start()
    ref.tell(1)
    assert ran == []
    settle()
    assert "on_start" in ran


def test_no_actor_is_in_the_registry_of_pykka() -> None:
    refs = [Doer.start() for _ in range(10)]
    refs[0].ask(1, timeout=1)
    assert pykka.ActorRegistry.get_all() == []
    refs[0].stop()
    assert pykka.ActorRegistry.get_all() == []


def test_an_actor_nobody_knows_any_more_leaves_memory() -> None:
    actor = Doer()
    tell(actor, 1)
    settle()
    gone = weakref.ref(actor)
    del actor
    gc.collect()
    assert gone() is None


def test_a_crashed_actor_leaves_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("actors.actor"), "disabled", True)  # pytest would keep the traceback
    actor = Doer()
    tell(actor, crash(ValueError()))
    settle()
    gone = weakref.ref(actor)
    del actor
    gc.collect()
    assert gone() is None


def test_an_actor_that_has_ended_leaves_memory_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        actor = Doer()
        actor.actor_ref.stop(timeout=1)
        settle()
        gone = weakref.ref(actor)
        del actor
        assert gone() is None
    finally:
        gc.enable()


# -- the beginning and the end


def test_on_start_comes_before_the_first_message_and_on_stop_after_the_last() -> None:
    actor = Doer()
    ref = actor.actor_ref
    ref.tell(1)
    assert ref.stop(timeout=1) is True
    assert actor.life == ["start", "stop"]
    assert actor.handled == [1]
    assert not ref.is_alive()


def test_what_waits_for_an_actor_that_stops_is_refused_in_order() -> None:
    actor = Doer()
    inbox = actor.actor_inbox
    tell(actor, 1, Do(actor.stop), 2, _ActorStop(), 3, 4)
    settle()
    inbox.tell(5)
    assert actor.handled == [1, 2]
    assert [message for message in actor.refused if isinstance(message, int)] == [3, 4, 5]
    assert actor.life == ["start", "stop"]


def test_a_stopped_actor_is_told_no_more_that_it_is_idle() -> None:
    actor = Doer()
    tell(actor, 1)
    settle()
    tell(actor, _ActorStop())
    settle()
    assert actor.life == ["start", "idle", "stop"]


def test_stopping_twice_calls_on_stop_once() -> None:
    actor = Doer()
    tell(actor, Do(lambda: (actor._stop(), actor._stop())))
    settle()
    assert actor.life == ["start", "stop"]


def test_a_failing_on_stop_is_logged_and_the_actor_ends(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Doer):
        def on_stop(self) -> None:
            raise ValueError

    actor = Stubborn()
    assert actor.actor_ref.stop(timeout=1) is True
    assert actor.actor_inbox.closed
    assert "failure" not in actor.life
    assert len(caplog.records) == 1


# -- crashes


@pytest.mark.parametrize("raised", BASE_EXCEPTIONS, ids=repr)
def test_whatever_escapes_a_handler_ends_that_actor_and_no_other(raised: BaseException) -> None:
    bad, good = Doer(), Doer()
    tell(good, 1)
    tell(bad, 1, crash(raised), 2)
    tell(good, 2)
    settle()
    tell(good, 3)
    settle()
    assert good.handled == [1, 2, 3]
    assert good.life[0] == "start"
    assert "failure" not in good.life
    assert bad.handled == [1]
    assert bad.life == ["start", "failure"]
    assert bad.actor_inbox.closed


def test_a_timeout_that_strikes_a_waiting_handler_ends_that_actor_and_no_other() -> None:
    bad, good = Doer(), Doer()

    def wait() -> None:
        gevent.Timeout(0.001).start()
        Event().wait()

    tell(bad, Do(wait))
    tell(good, 1)
    settle()
    assert bad.life == ["start", "failure"]
    assert good.handled == [1]


def test_on_failure_is_given_the_exception() -> None:
    class Curious(Doer):
        def on_failure(self, *exception: Any) -> None:
            self.handled.extend(exception)

    actor, error = Curious(), ValueError("x")
    tell(actor, crash(error))
    settle()
    kind, value, traceback = actor.handled
    assert (kind, value) == (ValueError, error)
    assert traceback is not None


@pytest.mark.parametrize("raised", BASE_EXCEPTIONS, ids=repr)
def test_a_failing_on_start_is_a_crash_on_the_first_message(raised: BaseException) -> None:
    class Stillborn(Doer):
        def on_start(self) -> None:
            raise raised

    actor = Stillborn()
    tell(actor, 1, 2)
    settle()
    assert actor.life == ["failure"]
    assert actor.handled == []
    assert actor.refused == [2]


@pytest.mark.parametrize("raised", BASE_EXCEPTIONS, ids=repr)
def test_a_failing_on_failure_does_not_keep_the_successor_away(raised: BaseException) -> None:
    class Unlucky(Doer):
        def on_failure(self, *exception: Any) -> None:
            raise raised

        def succeed(self, message: Any, left: list[Any]) -> None:
            tell(successor, *left)

    actor, successor = Unlucky(), Doer()
    tell(actor, crash(ValueError()), 1, 2)
    settle()
    assert successor.handled == [1, 2]


def test_a_successor_is_given_the_message_and_all_that_was_left_in_order() -> None:
    gate = Event()
    given: list[Any] = []

    class Mortal(Doer):
        def succeed(self, message: Any, left: list[Any]) -> None:
            given.extend([message, *left])

    def die() -> None:
        gate.wait()
        raise ValueError

    actor, fatal = Mortal(), Do(die)
    tell(actor, fatal, 1, 2)
    gevent.sleep(0)
    tell(actor, 3, 4)
    gate.set()
    settle()
    assert given == [fatal, 1, 2, 3, 4]
    assert actor.refused == []


def test_a_crash_is_logged_with_the_message_that_caused_it(caplog: pytest.LogCaptureFixture) -> None:
    class Fussy(Actor):
        @told(str)
        def on_text(self, message: str) -> None:
            raise ValueError("no")

    tell(Fussy(), "the message")
    settle()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "'the message'" in record.getMessage()
    assert record.exc_info is not None


# -- asking, at the edges


def test_an_asker_gets_what_the_handler_returns() -> None:
    assert Doer.start().ask("question", timeout=1) == "question"


def test_an_asker_gets_the_exception_and_the_actor_lives() -> None:
    ref = Doer.start()
    with pytest.raises(KeyError):
        ref.ask(crash(KeyError()), timeout=1)
    assert ref.ask(1, timeout=1) == 1


@pytest.mark.parametrize("raised", BASE_EXCEPTIONS[1:], ids=repr)
def test_an_asker_is_answered_also_when_the_actor_dies_of_it(raised: BaseException) -> None:
    with pytest.raises(pykka.ActorDeadError):
        Doer.start().ask(crash(raised), timeout=1)


def test_an_asker_is_answered_when_the_actor_cannot_start() -> None:
    class Stillborn(Doer):
        def on_start(self) -> None:
            raise ValueError

    with pytest.raises(pykka.ActorDeadError):
        Stillborn.start().ask(1, timeout=1)


def test_an_asker_whose_question_still_waits_when_the_actor_ends_is_answered() -> None:
    ref = Doer.start()
    ref.tell(crash(ValueError()))
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(1, timeout=1)


def test_asking_a_stopped_actor_raises() -> None:
    ref = Doer.start()
    ref.stop()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(1, timeout=1)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell(1)
    assert ref.stop() is False


def test_an_asker_waits_no_longer_than_it_wants_to() -> None:
    ref, gate = Doer.start(), Event()
    with pytest.raises(pykka.Timeout):
        ref.ask(Do(gate.wait), timeout=0.01)
    gate.set()
    assert ref.ask(1, timeout=1) == 1


def test_a_timeout_of_the_askers_own_reaches_it_unchanged() -> None:
    gate = Event()
    own = gevent.Timeout(0.01)
    with pytest.raises(gevent.Timeout) as caught, own:
        Doer.start().ask(Do(gate.wait))
    assert caught.value is own
    gate.set()


def test_two_questions_can_wait_for_their_answers_together() -> None:
    ref = Doer.start()
    futures = [ref.ask(number, block=False) for number in (1, 2)]
    assert pykka.get_all(futures, timeout=1) == [1, 2]


def test_a_proxy_reads_attributes_and_calls_methods() -> None:
    class Counter(Doer):
        count = 5

        def add(self, number: int) -> int:
            self.count += number
            return self.count

    proxy = Counter.start().proxy()
    assert proxy.add(2).get(timeout=1) == 7
    proxy.count = 1
    assert proxy.count.get(timeout=1) == 1
    proxy.stop().get(timeout=1)


def test_pykka_still_has_the_private_names_that_the_runtime_uses() -> None:
    assert Envelope(1).reply_to is None
    assert Envelope(1, reply_to=Doer._create_future()).message == 1
    assert _ActorStop() == _ActorStop()


# -- what is finished later


class Later(Doer):
    """Leaves something unfinished with each number; a test says when it `can` be finished, and how that goes."""

    batches = frozenset((int,))

    def __init__(self, fault: BaseException | None = None) -> None:
        super().__init__()
        self.unfinished: list[int] = []
        self.can: Callable[[], None] | None = None
        self.fault = fault
        self.left: list[Any] = []

    @told(int)
    def on_number(self, message: int) -> None:
        self.handled.append(message)
        self.unfinished.append(message)

    def finish(self) -> None:
        self.handled.append(("finished", *self.unfinished))
        self.unfinished = []

    def finish_later(self, wake: Callable[[], None]) -> Callable[[], None]:
        begun, self.unfinished, self.can = self.unfinished, [], wake

        def rest() -> None:
            self.handled.append(("finished later", *begun))
            if self.fault is not None:
                raise self.fault

        return rest

    def succeed(self, message: Any, left: list[Any]) -> None:
        self.left = [message, *left]


def run_until(condition: Callable[[], object]) -> None:
    while not condition():
        gevent.sleep(0)


def test_what_takes_long_at_the_end_of_a_turn_is_waited_for_without_a_greenlet() -> None:
    actors = [Later() for _ in range(50)]
    hired = greenlets._hired
    for actor in actors:
        tell(actor, 1)
    run_until(lambda: all(actor.can for actor in actors))
    assert greenlets._hired - hired <= 1
    assert not greenlets.idle
    for actor in actors:
        assert actor.can is not None
        actor.can()
    settle()
    assert [actor.handled for actor in actors] == [[1, ("finished later", 1)]] * 50


def test_meanwhile_the_actor_handles_nothing_and_does_not_rest() -> None:
    actor = Later()
    tell(actor, 1, 2)
    run_until(lambda: actor.can)
    tell(actor, "a")
    for _ in range(5):
        gevent.sleep(0)
    assert (actor.handled, actor.life) == ([1, 2], ["start"])
    assert actor.can is not None
    actor.can()
    settle()
    assert actor.handled == [1, 2, ("finished later", 1, 2), "a"]
    assert actor.life == ["start", "idle"]


def test_what_comes_in_between_has_it_finished_at_once() -> None:
    actor = Later()
    tell(actor, 1, "a")
    settle()
    assert actor.handled == [1, ("finished", 1), "a"]


def test_what_is_handled_within_a_turn_is_finished_with_the_turn() -> None:
    class Nesting(Later):
        batches = frozenset((int, Do))

    actor = Nesting()
    tell(actor, 1, Do(lambda: actor.actor_inbox.handle([2, 3])), 4)
    run_until(lambda: actor.can)
    assert actor.can is not None
    actor.can()
    settle()
    assert actor.handled == [1, 2, 3, 4, ("finished later", 1, 2, 3, 4)]
    assert greenlets.left == 0


def test_an_actor_that_stops_has_it_finished_at_once() -> None:
    actor = Later()
    tell(actor, Do(lambda: actor.unfinished.append(1) or actor._stop()))
    settle()
    assert actor.handled == [("finished", 1)]


@pytest.mark.parametrize("exception", BASE_EXCEPTIONS, ids=repr)
def test_a_crash_in_what_is_left_is_the_actors(exception: BaseException) -> None:
    actor = Later(exception)
    tell(actor, 1)
    run_until(lambda: actor.can)
    tell(actor, "a")
    assert actor.can is not None
    actor.can()
    settle()
    assert actor.life == ["start", "failure"]
    assert actor.left == [None, "a"]
