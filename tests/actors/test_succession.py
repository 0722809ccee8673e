"""What becomes of a User that crashes, cannot be woken, or sleeps; and of what it had to do."""

from collections.abc import Callable

import pytest

from actors.actor import Actor
from actors.mailbox import Bind, Remove, Returned, Settled, Unbind
from actors.router import DROWSE
from actors.user import User
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.actors.users import goes_between, ids, message, user, without_storage
from tests.couple import JULIET, ROMEO, item, lovers, query, relate, states, subscribes, told
from tests.world import Client, World, failure, settle

CRASH = "<crash xmlns='urn:x-test'/>"


def crashing(world: World, times: int) -> list[Stanza]:
    """Every User of this world crashes on a stanza with CRASH in it, so many times. Returns those that did."""
    crashed: list[Stanza] = []

    def crash(_: User, stanza: Stanza) -> Stanza:
        if b"urn:x-test" in stanza.body and len(crashed) < times:
            crashed.append(stanza)
            raise RuntimeError("made to fail")
        return stanza

    for passing in (world.domain.hooks.inbound, world.domain.hooks.outbound):
        for kind in passing:
            passing[kind] += ((None, crash),)
    return crashed


# -- crashes


def test_a_message_that_crashes_its_user_once_is_delivered_in_its_order() -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 1)
    before = user(world)
    for id, body in (("1", ""), ("2", CRASH), ("3", "")):
        world.router.route(Stanza("message", id=id, from_=romeo.jid, to=JULIET, body=body.encode()))
    assert ids(juliet) == ["1", "2", "3"]
    assert user(world) is not before


@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/balcony"])
def test_a_message_that_crashes_its_user_twice_comes_back_and_the_others_pass(to: str) -> None:
    world, romeo, juliet = lovers("both")
    crashed = crashing(world, 2)
    for id, body in (("1", ""), ("2", CRASH), ("3", "")):
        world.router.route(Stanza("message", id=id, from_=romeo.jid, to=JID.parse(to), body=body.encode()))
    assert ids(juliet) == ["1", "3"]
    error = romeo.hears_one()
    assert (error.get("id"), error.get("from"), failure(error)) == ("2", to, ("cancel", "internal-server-error"))
    assert len(crashed) == 2


@pytest.mark.parametrize("stanza", [message("2", CRASH), f"<iq type='get' id='2' to='juliet@localhost'>{CRASH}</iq>"])
def test_a_stanza_that_crashes_its_senders_user_twice_comes_back(stanza: str) -> None:
    world, romeo, juliet = lovers("both")
    crashed = crashing(world, 2)
    romeo.says(message("1") + stanza + message("3"))
    error = romeo.hears_one()
    assert (error.get("id"), failure(error)) == ("2", ("cancel", "internal-server-error"))
    assert ids(juliet) == ["1", "3"]
    assert len(crashed) == 2


def test_after_a_crash_the_resources_are_as_they_were() -> None:
    world, romeo, juliet = lovers("both")
    second = world.connect("juliet", "chamber").says("<presence><priority>-3</priority></presence>")
    juliet.says("<presence to='nurse@localhost'/>")
    for client in (romeo, juliet, second):
        client.hears()
    before = user(world)
    crashing(world, 2)
    world.router.route(Stanza("message", to=JULIET, body=CRASH.encode()))
    settle()
    assert told(romeo) == told(juliet) == told(second) == []
    after = user(world)
    assert after is not before
    assert {name: (r.priority, r.interested, set(r.directed)) for name, r in after.resources.items()} == {
        "balcony": (0, True, {"nurse@localhost"}),
        "chamber": (-3, False, set()),
    }
    romeo.says(message("1"))
    assert ids(juliet) == ["1"]
    assert ids(second) == []


def test_after_a_crash_a_resource_that_goes_is_gone_for_everybody_who_saw_it() -> None:
    world, romeo, juliet = lovers("both")
    nurse = World.available(world, "romeo", "nurse")
    crashing(world, 2)
    world.router.route(Stanza("message", to=JULIET, body=CRASH.encode()))
    juliet.wire.cut()
    settle()
    assert "presence unavailable juliet@localhost/balcony" in told(romeo)
    assert "presence unavailable juliet@localhost/balcony" in told(nurse)


@pytest.mark.parametrize("leaving", [Client.says, lambda client, _: client.wire.cut()])
def test_a_resource_that_goes_while_its_user_crashes_is_gone(leaving: Callable[[Client, str], object]) -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 2)
    world.router.route(Stanza("message", to=JULIET, body=CRASH.encode()))
    leaving(juliet, "</stream:stream>")
    settle()
    assert told(romeo) == ["presence unavailable juliet@localhost/balcony"]
    assert juliet.session.actor_inbox not in world.router.sessions


def test_what_a_client_sends_while_its_user_crashes_is_not_lost_and_stays_in_order() -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 1)
    romeo.wire.hear(b"".join(message(str(n), CRASH if n == 150 else "").encode() for n in range(300)))
    settle()
    assert ids(juliet) == [str(n) for n in range(300)]
    assert ids(romeo) == []


@pytest.mark.parametrize(("times", "delivered"), [(1, ["1", "2", "3"]), (2, ["1", "3"])])
def test_a_message_that_waits_for_a_resource_to_go_may_crash_its_user_too(times: int, delivered: list[str]) -> None:
    world, romeo, juliet = lovers("both")
    second = world.available("juliet", "chamber")
    crashing(world, times)
    bodies = (("1", ""), ("2", CRASH), ("3", ""))
    goes_between(juliet, *(Stanza("message", id=id, from_=romeo.jid, to=JULIET, body=b.encode()) for id, b in bodies))
    assert [id for id in ids(second) if id] == delivered


def test_what_waits_for_a_resource_to_go_outlives_its_user() -> None:
    world, romeo, juliet = lovers("both")
    second = world.available("juliet", "chamber")
    goes_between(juliet, *(Stanza("message", id=id, from_=romeo.jid, to=JULIET) for id in "12"))
    world.router.user(JULIET).tell(Returned(Stanza("message")))  # which crashes it
    assert [id for id in ids(second) if id] == ["1", "2"]


def test_what_waits_for_a_resource_to_go_is_refused_if_nothing_can_be_loaded_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 1)
    goes_between(juliet, *(Stanza("message", id=id, from_=romeo.jid, to=JULIET) for id in "12"))
    without_storage(monkeypatch)
    world.router.user(JULIET).tell(Returned(Stanza("message")))  # which crashes it
    assert [node.get("id") for node in romeo.hears() if node.get("type") == "error"] == ["1", "2"]


def test_what_waits_for_a_resource_to_go_is_refused_if_the_account_goes_too() -> None:
    world, romeo, juliet = lovers("both")
    juliet.session.close(None)
    world.router.user(JULIET).tell(Remove())
    world.router.route(Stanza("message", id="1", from_=romeo.jid, to=JULIET))
    assert [node.get("id") for node in romeo.hears() if node.get("type") == "error"] == ["1"]


def test_no_more_waits_for_a_resource_to_go_than_there_is_room_for() -> None:
    world = World("romeo", "juliet", sets=("limits.mailbox=100",))
    romeo, silent = world.connect("romeo"), Actor().actor_inbox
    inbox = world.router.user(JULIET)
    inbox.tell(Bind(silent, "balcony", world.connect("juliet").session.access))
    inbox.tell(Unbind(silent, "balcony"))
    settle()
    for number in range(150):
        romeo.says(message(str(number), "<body/>"))
    refusals = romeo.hears()
    assert {failure(refusal) for refusal in refusals} == {("wait", "resource-constraint")}
    assert [refusal.get("id") for refusal in refusals] == [str(number) for number in range(99, 150)]
    inbox.tell(Settled(silent))
    juliet = world.connect("juliet").says("<presence/>")
    assert [id for id in ids(juliet) if id] == [str(number) for number in range(99)]


def test_what_is_told_to_a_user_that_has_crashed_goes_to_the_one_in_its_place() -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 2)
    old = user(world, ROMEO).actor_inbox
    world.router.route(Stanza("message", to=ROMEO, body=CRASH.encode()))
    settle()
    assert old.closed
    romeo.session._user = old  # it has not heard of the new one yet
    romeo.says(message("1"))
    assert ids(juliet) == ["1"]


def test_a_presence_that_crashes_its_user_once_is_still_the_first() -> None:
    """The new User knows what the old one had done, not what the Session has already sent."""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "both")
    juliet = world.available("juliet", "balcony")
    crashing(world, 1)
    romeo = world.connect("romeo", "orchard").says(f"<presence>{CRASH}</presence>")
    assert "presence juliet@localhost/balcony" in told(romeo)
    assert told(juliet) == ["presence romeo@localhost/orchard"]


def test_somebody_elses_crash_is_nobodys() -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 100)
    world.router.route(Stanza("message", to=JULIET, body=CRASH.encode()))
    assert romeo.asks("get", query()).get("type") == "result"
    assert told(juliet) == []


def test_a_session_whose_user_crashes_twice_on_its_end_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("juliet")
    juliet = world.available("juliet")

    def fail(*_: object) -> None:
        raise RuntimeError("made to fail")

    monkeypatch.setitem(User.handlers, Unbind, fail)
    juliet.wire.cut()
    settle()
    assert world.router.sessions == set()
    assert user(world).resources == {}


def test_a_session_whose_user_crashes_twice_on_binding_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("made to fail")

    monkeypatch.setitem(User.handlers, Bind, fail)
    client = World("juliet").wire().opens().logs_in("juliet")
    client.hears()
    client.says("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    assert failure(client.hears_one()) == ("cancel", "internal-server-error")


# -- storage that fails


def test_a_change_that_cannot_be_stored_is_refused_and_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, romeo, juliet = lovers("none")
    before = user(world, ROMEO)
    with monkeypatch.context() as patched:
        without_storage(patched)
        assert failure(romeo.asks("set", item("name='J'"))) == ("cancel", "internal-server-error")
        subscribes(romeo, "subscribe", "juliet")
        assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")
    assert told(juliet) == []
    assert states(world) == ("none", "none")
    assert user(world, ROMEO) is before
    assert romeo.asks("set", item("name='J'")).get("type") == "result"


def test_a_user_that_cannot_be_woken_answers_with_an_error_and_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("romeo", "juliet", sets=('xeps.disabled=["offline"]',))
    romeo = world.available("romeo")
    awake = world.router.awake
    with monkeypatch.context() as patched:
        without_storage(patched)
        for _ in range(2):
            romeo.says(message("1"))
            assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")
        assert world.router.awake == awake
    romeo.says(message("2"))
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


def test_nobody_can_bind_while_nothing_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("romeo")
    client = world.wire().opens().logs_in("romeo")
    client.hears()
    bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    with monkeypatch.context() as patched:
        without_storage(patched)
        client.says(bind)
        assert failure(client.hears_one()) == ("cancel", "internal-server-error")
    client.says(bind)
    assert client.hears_one().get("type") == "result"


def test_a_crash_while_nothing_can_be_loaded_costs_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    world, romeo, juliet = lovers("both")
    crashing(world, 1)
    with monkeypatch.context() as patched:
        without_storage(patched)
        world.router.route(Stanza("message", to=JULIET, body=CRASH.encode()))
        romeo.says(message("1"))
        assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")
    romeo.says(message("2"))
    assert ids(juliet) == ["2"]
    juliet.wire.cut()
    settle()
    assert told(romeo) == ["presence unavailable juliet@localhost/balcony"]


def test_a_session_can_end_while_nothing_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("juliet")
    juliet = world.available("juliet")
    crashing(world, 1)
    without_storage(monkeypatch)
    world.router.route(Stanza("message", to=JULIET, body=CRASH.encode()))
    juliet.wire.cut()
    settle()
    assert world.router.sessions == set()


# -- sleep


def test_a_user_without_a_session_leaves_memory_after_a_while() -> None:
    world = World("romeo", "juliet")
    world.connect("romeo").says(message("1")).says("</stream:stream>")
    assert world.router.awake == 2
    world.clock.advance(DROWSE)
    assert world.router.awake == 2
    world.clock.advance(DROWSE)
    assert world.router.awake == 0
    assert world.clock.timers == 0


def test_a_user_that_is_told_something_stays_awake_for_as_long_again() -> None:
    world = World("romeo", "juliet")
    romeo = world.connect("romeo")
    for _ in range(4):
        romeo.says(message("1"))
        world.clock.advance(DROWSE)
        assert world.router.awake == 2
    world.clock.advance(DROWSE)
    assert world.router.awake == 1


def test_a_user_with_a_session_stays() -> None:
    world = World("romeo")
    romeo = world.available("romeo")
    for _ in range(5):
        world.clock.advance(DROWSE)
    assert world.router.awake == 1
    assert romeo.asks("get", query()).get("type") == "result"


def test_a_user_that_was_about_to_sleep_when_a_session_came_starts_anew_when_it_has_gone() -> None:
    world = World("romeo")
    world.connect("romeo").says("</stream:stream>")
    world.clock.advance(DROWSE)
    romeo = world.connect("romeo")
    world.clock.advance(DROWSE)
    romeo.says("</stream:stream>")
    assert world.router.awake == 1
    world.clock.advance(DROWSE)
    assert world.router.awake == 1


def test_a_session_that_binds_as_its_user_falls_asleep_is_bound() -> None:
    world = World("romeo")
    world.connect("romeo").says("</stream:stream>")
    client = world.wire().opens().logs_in("romeo")
    client.hears()
    world.clock.advance(DROWSE)
    inbox = world.router.user(ROMEO)
    client.wire.hear(b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    world.clock.advance(DROWSE)  # it is told to sleep before its Session has had its turn
    assert client.hears_one().get("type") == "result"
    assert world.router.awake == 1
    assert len(user(world, ROMEO).resources) == 1
    assert inbox.closed is (world.router.user(ROMEO) is not inbox)


def test_what_is_told_to_a_user_that_has_fallen_asleep_wakes_it() -> None:
    world = World("romeo", "juliet")
    inbox = world.router.user(JULIET)
    world.connect("romeo").says(message("1"))
    world.clock.advance(DROWSE)
    world.clock.advance(DROWSE)
    assert inbox.closed
    inbox.tell(Returned(Stanza("iq", type="get", id="1", from_=ROMEO, to=JULIET)))
    settle()
    assert world.router.awake >= 1


def test_an_address_without_an_account_leaves_memory_at_once() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    romeo.says("".join(message("1", to=f"nobody{n}@localhost") for n in range(50)))
    assert len(romeo.hears()) == 50
    assert world.router.awake == 1


def test_an_account_can_log_in_as_soon_as_there_is_one() -> None:
    world = World("romeo")
    world.connect("romeo").says(message("1"))
    world.domain.accounts.create(JULIET, "secret", world.clock.now())
    assert world.connect("juliet").jid is not None
