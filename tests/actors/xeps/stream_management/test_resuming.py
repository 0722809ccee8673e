import re
from collections.abc import Callable

import pytest

from actors.mailbox import Close, Disabled, Handled
from net.xmpp.errors import StreamError
from tests.actors.xeps.stream_management.managing import (
    ENABLE,
    SM,
    R,
    a,
    acknowledges,
    chat,
    condition,
    cut,
    ended,
    managed,
    name,
    names,
    previd,
    resumes,
    returns,
    stanzas,
)
from tests.world import Client, World, settle

ROSTER = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


def fields(client: Client) -> dict[str, object]:
    session = client.session
    names = ("type", "username", "host", "resource", "full_jid", "priority", "presence", "interested")
    return {name: getattr(session, name) for name in names}


def test_a_stream_is_resumed_and_what_was_not_handled_comes_again(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), managed(world, "romeo")
    juliet.says(chat("romeo@localhost", "to romeo"))
    romeo.says("".join(chat("juliet@localhost", f"m{n}") for n in range(4)))
    assert stanzas(juliet) == ["m0", "m1", "m2", "m3"]
    cut(juliet)
    romeo.says(chat("juliet@localhost", "m4"))
    later = resumes(world, "juliet", previd(juliet), h=1 + 2)
    resumed, *rest = later.hears()
    assert (name(resumed), dict(resumed.attrib)) == ("resumed", {"h": "2", "previd": previd(juliet)})
    assert [node.get("id") or name(node) for node in rest] == ["m2", "m3", "m4", "r"]


def test_the_session_is_the_same_and_the_new_one_is_gone(world: World) -> None:
    juliet = managed(world, "juliet", "balcony", presence="<presence><priority>5</priority></presence>")
    juliet.says(ROSTER)
    before, session = fields(acknowledges(juliet)), juliet.session
    cut(juliet)
    assert juliet.session.conn is None
    assert fields(juliet) == before
    later = resumes(world, "juliet", previd(juliet), h=2)
    assert ended(later)
    assert session.conn is later.wire
    assert fields(juliet) == before
    assert len(world.router.sessions) == 1


def test_the_stream_goes_on_with_its_numbers(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    cut(juliet)
    later = resumes(world, "juliet", previd(juliet), h=1)
    later.hears()
    romeo.says(chat("juliet@localhost", "m1"))
    assert names(later) == ["m1", "r"]
    later.says(a(2))
    assert later.says(chat("romeo@localhost", "m2") + R).raw == '<a xmlns="urn:xmpp:sm:3" h="2"/>'
    assert stanzas(romeo) == ["m2"]


def test_nobody_notices(world: World) -> None:
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet", "balcony")
    romeo.hears()
    cut(juliet)
    resumes(world, "juliet", previd(juliet), h=1)
    assert romeo.hears() == []
    romeo.says("<presence to='juliet@localhost' type='probe'/>")
    assert [node.get("from") for node in romeo.hears()] == ["juliet@localhost/balcony"]


def test_while_it_hibernates_the_resource_is_there(world: World) -> None:
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet", "balcony")
    cut(juliet)
    romeo.hears()
    romeo.says("<presence to='juliet@localhost' type='probe'/>")
    assert [node.get("type") for node in romeo.hears()] == [None]
    romeo.says("<iq type='get' id='q' to='juliet@localhost/balcony'><q xmlns='urn:q'/></iq>")
    assert romeo.hears() == []
    later = resumes(world, "juliet", previd(juliet), h=2)
    assert stanzas(later) == ["q"]


def test_roster_pushes_presence_and_messages_keep_their_order(world: World) -> None:
    world.befriend("romeo", "juliet")
    juliet = managed(world, "juliet", "balcony")
    acknowledges(juliet.says(ROSTER))
    other, romeo = world.available("juliet", "garden"), world.available("romeo")
    acknowledges(juliet)
    number = juliet.session.managed._out.sent  # type: ignore[union-attr]
    cut(juliet)
    romeo.says(chat("juliet@localhost/balcony", "m1"))
    other.says("<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query></iq>")
    romeo.says("<presence><show>away</show></presence>")
    romeo.says(chat("juliet@localhost/balcony", "m2"))
    later = resumes(world, "juliet", previd(juliet), number)
    assert [name(node) for node in later.hears()] == ["resumed", "message", "iq", "presence", "message", "r"]


def test_messages_that_come_late_say_since_when_they_have_waited(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    cut(juliet)
    romeo.says(chat("juliet@localhost", "m1"))
    world.clock.advance(60)
    later = resumes(world, "juliet", previd(juliet), h=1)
    assert '<delay xmlns="urn:xmpp:delay" from="localhost" stamp="2027-01-15T08:00:00Z"/>' in later.raw


def test_a_stream_is_resumed_as_often_as_it_breaks(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    id, client, heard = previd(juliet), juliet, 1
    for number in range(10):
        cut(client)
        romeo.says(chat("juliet@localhost", f"m{number}"))
        client = resumes(world, "juliet", id, heard)
        assert stanzas(client) == [f"m{number}"]
        heard += 1
    assert len(world.router.sessions) == 2


def test_a_client_whose_connection_is_not_known_to_be_dead_takes_it_over(world: World) -> None:
    """§5: the old stream ends with a conflict."""
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    romeo.says(chat("juliet@localhost", "m1"))
    later = resumes(world, "juliet", previd(juliet), h=1)
    assert juliet.hears_the_end() == "conflict"
    assert stanzas(later) == ["m1"]
    juliet.wire.receiver.tell("whatever the dead connection still says")
    romeo.says(chat("juliet@localhost", "m2"))
    assert stanzas(later) == ["m2"]


def test_what_the_old_connection_had_said_is_counted_before_the_new_one_is_answered(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    later = returns(world, "juliet")
    juliet.wire.hear("".join(chat("romeo@localhost", f"m{n}") for n in range(3)).encode())
    later.wire.hear(f"<resume {SM} previd='{previd(juliet)}' h='1'/>".encode())
    assert re.search('<resumed [^>]*h="4"', later.raw)
    assert stanzas(romeo) == ["m0", "m1", "m2"]


def test_of_two_that_race_the_later_one_wins(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    cut(juliet)
    one, other = returns(world, "juliet"), returns(world, "juliet")
    for client in (one, other):
        client.wire.hear(f"<resume {SM} previd='{previd(juliet)}' h='1'/>".encode())
    assert one.hears_the_end() == "conflict"
    assert ended(one)
    assert names(other) == ["resumed"]
    romeo.says(chat("juliet@localhost", "m1"))
    assert stanzas(other) == ["m1"]


def test_a_client_that_is_cut_off_while_it_resumes_may_try_again(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    cut(juliet)
    for _ in range(3):
        client = returns(world, "juliet")
        client.wire.hear(f"<resume {SM} previd='{previd(juliet)}' h='1'/>".encode())
        cut(client)
        assert ended(client)
    romeo.says(chat("juliet@localhost", "m1"))
    assert juliet.session.conn is None
    assert stanzas(resumes(world, "juliet", previd(juliet), h=1)) == ["m1"]


def test_the_client_is_answered_when_nothing_of_its_former_connection_is_under_way(world: World) -> None:
    juliet = managed(world, "juliet", presence="")
    juliet.session.managed._in.receive()  # type: ignore[union-attr] # one that somebody is still at
    cut(juliet)
    later = resumes(world, "juliet", previd(juliet), h=0)
    assert later.hears() == []
    juliet.session.actor_inbox.tell(Handled(1))
    assert re.search('<resumed [^>]*h="1"', later.raw)


def test_but_it_does_not_wait_for_ever(world: World) -> None:
    juliet = managed(world, "juliet", presence="")
    juliet.session.managed._in.receive()  # type: ignore[union-attr]
    cut(juliet)
    later = resumes(world, "juliet", previd(juliet), h=0)
    world.clock.advance(1)
    assert re.search('<resumed [^>]*h="1"', later.raw)


# -- what is refused


def refused(client: Client) -> tuple[str, str | None]:
    node = client.hears_one()
    assert client.binds().jid is not None
    return condition(node), node.get("h")


def test_a_stream_that_there_never_was_is_not_found(world: World) -> None:
    for id in ("x", "x" * 32, "x/", "ä", "x" * 4000):
        assert refused(resumes(world, "juliet", id, 0)) == ("item-not-found", None)


def test_the_stream_of_another_user_is_not_found_either(world: World) -> None:
    juliet = managed(world, "juliet")
    juliet.says(chat("romeo@localhost", "x"))
    cut(juliet)
    assert refused(resumes(world, "romeo", previd(juliet), 1)) == ("item-not-found", None)
    assert names(resumes(world, "juliet", previd(juliet), 1)) == ["resumed"]


def test_the_stream_of_a_user_of_the_same_name_at_another_host_is_not_found_either() -> None:
    world = World("juliet", sets=("hosts={'localhost'={},'other.example'={}}",))
    other = next(domain for domain in world.router.domains if domain.name == "other.example")
    other.accounts.create(other.accounts.jid("juliet"), "secret", 0.0)
    juliet = managed(world, "juliet")
    cut(juliet)
    client = world.wire().opens("other.example").logs_in("juliet", to="other.example")
    client.hears()
    assert refused(client.says(f"<resume {SM} previd='{previd(juliet)}' h='1'/>")) == ("item-not-found", None)


def test_a_stream_without_resumption_cannot_be_resumed(world: World) -> None:
    juliet = world.available("juliet").says(ENABLE)
    assert refused(resumes(world, "juliet", previd(juliet), 0)) == ("item-not-found", None)
    assert not juliet.wire.closed


def test_a_stream_that_was_closed_is_not_found(world: World) -> None:
    juliet = managed(world, "juliet")
    id = previd(juliet)
    juliet.says("</stream:stream>")
    assert refused(resumes(world, "juliet", id, 0)) == ("item-not-found", None)


def test_of_a_stream_that_timed_out_the_client_learns_what_was_handled(world: World) -> None:
    juliet = managed(world, "juliet")
    id = previd(juliet)
    juliet.says(chat("romeo@localhost", "x") * 3)
    cut(juliet)
    world.clock.advance(300)
    assert ended(juliet)
    assert refused(resumes(world, "romeo", id, 1)) == ("item-not-found", None)
    assert refused(resumes(world, "juliet", id, 1)) == ("item-not-found", "4")


def test_only_the_last_streams_that_timed_out_are_remembered(world: World) -> None:
    ids = []
    for _ in range(12):
        juliet = managed(world, "juliet")
        ids.append(previd(juliet))
        cut(juliet)
        world.clock.advance(300)
    assert refused(resumes(world, "juliet", ids[0], 0)) == ("item-not-found", None)
    assert refused(resumes(world, "juliet", ids[-10], 0)) == ("item-not-found", "1")


def test_a_client_that_has_handled_more_than_it_was_sent_is_cut_off_and_the_stream_is_not_harmed(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    cut(juliet)
    romeo.says(chat("juliet@localhost", "m1"))
    wrong = resumes(world, "juliet", previd(juliet), h=7)
    text = wrong.raw
    assert 'handled-count-too-high xmlns="urn:xmpp:sm:3" h="7" send-count="1"' in text
    assert text.endswith("</stream:stream>")
    assert wrong.wire.closed
    cut(wrong)
    assert ended(wrong)
    assert stanzas(resumes(world, "juliet", previd(juliet), h=1)) == ["m1"]


def test_who_is_gone_before_the_refusal_leaves_nothing(world: World) -> None:
    juliet = managed(world, "juliet")
    cut(juliet)
    wrong = returns(world, "juliet")
    wrong.wire.hear(f"<resume {SM} previd='{previd(juliet)}' h='77'/>".encode())
    wrong.wire.cut()
    assert ended(wrong)


def test_who_cannot_go_on_as_too_much_waits_is_told_so() -> None:
    world = World("romeo", "juliet", sets=("xeps.stream_management.stanzas=10",))
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet")
    romeo.says("".join(chat("juliet@localhost", f"m{n}") for n in range(9)))
    juliet.says("<inactive xmlns='urn:xmpp:csi:0'/>")
    for n in range(6):
        world.available("romeo", f"r{n}")
    later = resumes(world, "juliet", previd(juliet), h=1)
    assert condition(later.hears_one()) == "item-not-found"
    assert ended(juliet)
    assert later.binds().jid is not None


def test_what_was_never_written_cannot_have_been_handled(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    known = juliet.session.managed._out.sent  # type: ignore[union-attr]
    cut(juliet)
    romeo.says(chat("juliet@localhost", "m1") + chat("juliet@localhost", "m2"))
    assert "handled-count-too-high" in resumes(world, "juliet", previd(juliet), known + 2).raw
    assert stanzas(resumes(world, "juliet", previd(juliet), known)) == ["m1", "m2"]


def test_a_stream_that_goes_on_does_not_count_among_those_that_hibernate() -> None:
    world = World("juliet", sets=("xeps.stream_management.hibernating=1",))
    resting, live = managed(world, "juliet", "balcony"), managed(world, "juliet", "garden")
    cut(resting)
    assert "resumed" in names(resumes(world, "juliet", previd(live), h=1))
    assert not ended(resting)


LOST: dict[str, Callable[[World, Client], object]] = {
    "cut": lambda world, juliet: cut(juliet),
    "does not answer": lambda world, juliet: world.clock.advance(130),
    "comes back": lambda world, juliet: resumes(world, "juliet", previd(juliet), h=1),
    "the server stops": lambda world, juliet: juliet.session.actor_inbox.tell(Close(StreamError("system-shutdown"))),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_client_that_nobody_looks_at_hibernates_with_what_waits_for_it(lost: str) -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet")
    known = juliet.session.managed._out.sent  # type: ignore[union-attr]
    romeo.says(chat("juliet@localhost", "m1"))
    juliet.says("<inactive xmlns='urn:xmpp:csi:0'/>").hears()
    romeo.says("<presence><show>away</show></presence>")
    assert juliet.hears() == []
    LOST[lost](world, juliet)
    settle()
    later = resumes(world, "juliet", previd(juliet), known).raw
    assert "m1" in later
    assert "<show>away</show>" in later


def test_a_live_stream_is_not_harmed_either(world: World) -> None:
    juliet = managed(world, "juliet")
    resumes(world, "juliet", previd(juliet), h=7)
    assert not juliet.wire.closed
    assert juliet.says(R).raw == '<a xmlns="urn:xmpp:sm:3" h="1"/>'


def test_whose_account_is_disabled_resumes_nothing(world: World) -> None:
    juliet = managed(world, "juliet")
    id = previd(juliet)
    later = returns(world, "juliet")
    world.router.user(world.domain.accounts.jid("juliet")).tell(Disabled("why not"))
    later.says(f"<resume {SM} previd='{id}' h='1'/>")
    assert condition(later.hears_one()) == "item-not-found"
