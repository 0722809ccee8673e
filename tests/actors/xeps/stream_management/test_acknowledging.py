from typing import Any

import pytest
from lxml import etree

from actors.mailbox import Handled
from actors.storage import Map, StorageError, open_storage
from actors.user import User
from net.xmpp.stanza import Stanza
from tests.actors.xeps.stream_management.managing import (
    ENABLE,
    ENABLE_RESUMPTION,
    SM,
    R,
    a,
    acknowledges,
    chat,
    cut,
    ended,
    managed,
    name,
    names,
    previd,
    resumes,
    stanzas,
)
from tests.world import Client, World, settle

ENABLES = pytest.mark.parametrize("enable", [ENABLE, ENABLE_RESUMPTION], ids=["acks", "resumption"])


def handled(client: Client) -> list[int]:
    """The `h` of what has been acknowledged."""
    return [int(node.get("h", "")) for node in client.hears() if name(node) == "a"]


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


@ENABLES
def test_the_basic_scenario(world: World, enable: str) -> None:
    """§9.1: stanzas are counted from <enable/> on, and each request is answered."""
    romeo = world.connect("romeo").says(enable)
    romeo.hears()
    romeo.says(f"<iq id='roster' type='get'><query xmlns='jabber:iq:roster'/></iq>{R}")
    assert sorted(names(romeo)) == ["a", "r", "roster"]
    romeo.says(a(1))
    assert handled(romeo.says(f"<presence/>{R}")) == [2]
    assert handled(romeo.says(chat("juliet@localhost", "ciao")).says(R)) == [3]


def test_a_request_is_answered_when_there_is_nothing_to_acknowledge(world: World) -> None:
    romeo = world.connect("romeo").says(ENABLE)
    romeo.hears()
    assert handled(romeo.says(R).says(R)) == [0, 0]


def test_one_answer_covers_all_that_came_before_it(world: World) -> None:
    romeo = managed(world, "romeo", presence="")
    assert handled(romeo.says(chat("juliet@localhost", "x") * 5 + R)) == [5]
    assert handled(romeo.says(chat("juliet@localhost", "x") * 5 + R)) == [10]


@ENABLES
@pytest.mark.parametrize(
    "stanza",
    [
        "<presence type='subscribe' to='juliet@localhost'/>",
        "<presence type='subscribe' to='somebody@elsewhere.example'/>",
        "<presence to='juliet@localhost'/>",
        "<presence type='nonsense'/>",
        "<presence><priority>high</priority></presence>",
        "<presence type='unavailable'/>",
        chat("nobody@localhost", "x"),
        chat("localhost", "x"),
        chat("juliet@localhost/nowhere", "x", "normal"),
        chat("somebody@elsewhere.example", "x"),
        chat("not a @ jid", "x"),
        "<iq type='get' id='x' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='x' to='juliet@localhost/nowhere'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='x'><nonsense xmlns='urn:nonsense'/></iq>",
        "<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query></iq>",
        "<iq type='get' id='x' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        "<iq type='result' id='x' to='juliet@localhost'/>",
        "<iq type='get'/>",
    ],
)
def test_every_stanza_is_acknowledged_whatever_becomes_of_it(world: World, enable: str, stanza: str) -> None:
    romeo = world.available("romeo").says(enable)
    romeo.hears()
    assert handled(romeo.says(stanza + R)) == [1]


def test_what_its_user_crashes_on_is_acknowledged(world: World) -> None:
    romeo = managed(world, "romeo")

    def fail(*_: object) -> None:
        raise RuntimeError("made to fail")

    world.domain.hooks.outbound["message"] = ((None, fail),)  # type: ignore[assignment]
    assert handled(romeo.says(chat("juliet@localhost", "x") + R)) == [2]


def test_a_message_is_acknowledged_when_it_is_stored(world: World) -> None:
    romeo = managed(world, "romeo")
    steps: list[str] = []

    def keep(_: User, message: Stanza) -> Stanza:
        steps.append("stored before " + str(handled_so_far(romeo)))
        return message

    world.domain.hooks.undeliverable = (keep,)
    assert handled(romeo.says(chat("juliet@localhost", "x") + R)) == [2]
    assert steps == ["stored before 1"]


def handled_so_far(client: Client) -> int:
    return client.session.managed._in.handled  # type: ignore[union-attr,no-any-return]


def test_a_request_is_not_left_unanswered_for_what_takes_long(world: World) -> None:
    romeo = managed(world, "romeo", presence="")
    romeo.session.managed._in.receive()  # type: ignore[union-attr] # one that somebody is still at
    assert handled(romeo.says(chat("juliet@localhost", "x") + R)) == []
    world.clock.advance(1)
    assert handled(romeo) == [0]
    romeo.session.actor_inbox.tell(Handled(1))
    settle()
    assert handled(romeo) == [2]


# -- the server's own


@ENABLES
def test_an_acknowledgement_is_requested_once_for_what_comes_at_once(world: World, enable: str) -> None:
    juliet = world.available("juliet").says(enable)
    romeo = world.available("romeo")
    juliet.hears()
    romeo.says("".join(chat("juliet@localhost", f"m{n}") for n in range(3)))
    assert names(juliet) == ["m0", "m1", "m2", "r"]
    romeo.says(chat("juliet@localhost", "m3"))
    assert names(juliet) == ["m3"]  # one request is enough, until it is answered
    assert names(juliet.says(a(3))) == ["r"]
    assert names(juliet.says(a(4))) == []


def test_with_many_stanzas_comes_another_request(world: World) -> None:
    juliet = world.available("juliet").says(ENABLE)
    romeo = world.available("romeo")
    juliet.hears()
    for n in range(26):
        romeo.says(chat("juliet@localhost", f"m{n}"))
    heard = names(juliet)
    assert [place for place, what in enumerate(heard) if what == "r"] == [1, 27]


def test_stanzas_that_the_session_itself_sends_are_counted(world: World) -> None:
    romeo = world.connect("romeo").says(ENABLE)
    romeo.hears()
    assert names(romeo.says(chat("not a @ jid", "wrong"))) == ["wrong", "r"]
    assert names(romeo.says(a(1))) == []


@ENABLES
def test_an_acknowledgement_of_what_was_never_sent_ends_the_stream(world: World, enable: str) -> None:
    """§6."""
    juliet = world.available("juliet").says(enable)
    juliet.hears()
    romeo = world.available("romeo").says("".join(chat("juliet@localhost", f"m{n}") for n in range(8)))
    text = juliet.says(a(10)).raw
    assert juliet.wire.closed
    error = etree.fromstring(text[text.index("<stream:error>") : text.index("</stream:stream>")].replace("stream:", ""))
    assert [name(child) for child in error] == ["undefined-condition", "text", "handled-count-too-high"]
    assert error[1].text == "You acknowledged 10 stanzas, but I only sent you 8 so far."
    assert dict(error[2].attrib) == {"h": "10", "send-count": "8"}
    romeo.hears()
    later = world.available("juliet", presence="")
    later.says("<presence/>")
    assert len(stanzas(later)) == 8  # none of them is known to have arrived


@pytest.mark.parametrize("wrong", ["", "h=''", "h='-1'", "h='x'", "h='4294967296'"])
def test_an_acknowledgement_without_a_number_ends_the_stream(world: World, wrong: str) -> None:
    juliet = world.connect("juliet").says(ENABLE).says(f"<a {SM} {wrong}/>")
    assert juliet.hears_the_end() == "invalid-xml"


def test_whoever_does_not_answer_is_gone(world: World) -> None:
    juliet = world.available("juliet").says(ENABLE)
    romeo = world.available("romeo").says(chat("juliet@localhost", "m1"))
    world.clock.advance(59)
    assert not juliet.wire.closed
    world.clock.advance(1)
    assert juliet.hears_the_end() == "connection-timeout"
    romeo.hears()
    assert stanzas(world.connect("juliet").says("<presence/>")) == ["m1"]


def test_whoever_does_not_answer_but_may_come_back_only_loses_the_connection(world: World) -> None:
    juliet = managed(world, "juliet")
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    world.clock.advance(60)
    assert juliet.hears_the_end() == "connection-timeout"
    assert stanzas(resumes(world, "juliet", previd(juliet), 1)) == ["m1"]


def test_whoever_answers_may_take_their_time_again(world: World) -> None:
    juliet = world.available("juliet").says(ENABLE)
    romeo = world.available("romeo")
    for n in range(4):
        romeo.says(chat("juliet@localhost", f"m{n}"))
        world.clock.advance(40)
        juliet.says(a(n + 1))
    assert not juliet.wire.closed


@ENABLES
@pytest.mark.parametrize("limit", ["stanzas=10", "bytes=10000"])
def test_a_client_that_acknowledges_nothing_is_cut_off_when_enough_waits(enable: str, limit: str) -> None:
    world = World("romeo", "juliet", sets=(f"xeps.stream_management.{limit}",))
    juliet = world.available("juliet").says(enable)
    romeo = world.available("romeo")
    for n in range(11):
        romeo.says(chat("juliet@localhost", f"m{n}") if "st" in limit else chat("juliet@localhost", "x" * 500 + str(n)))
    assert juliet.hears_the_end() == "resource-constraint"
    assert len(stanzas(world.connect("juliet").says("<presence/>"))) == 11


# -- acknowledged is stored


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """With something in it, nothing of streams can be stored."""
    fails: list[bool] = []
    kind: type[Map[Any]] = type(open_storage("memory:").store("streams", Map))
    change = kind.change

    def failing_change(self: Map[Any], owner: str, changes: dict[str, Any]) -> None:
        if fails:
            raise StorageError("made to fail")
        change(self, owner, changes)

    monkeypatch.setattr(kind, "change", failing_change)
    return fails


def test_nothing_is_acknowledged_that_could_not_be_stored(world: World, failing: list[bool]) -> None:
    juliet, romeo = managed(world, "juliet"), managed(world, "romeo")
    failing.append(True)
    romeo.says(chat("juliet@localhost", "m1") + R)
    world.clock.advance(2)
    assert handled(romeo) == []
    assert stanzas(juliet) == ["m1"]  # what can be done is done
    failing.clear()
    world.clock.advance(5)
    world.clock.advance(5)
    assert handled(romeo) == [2]
    acknowledges(juliet)


def test_what_the_client_has_acknowledged_need_not_be_stored(world: World, failing: list[bool]) -> None:
    juliet, romeo = managed(world, "juliet"), managed(world, "romeo")
    failing.append(True)
    romeo.says(chat("juliet@localhost", "m1"))
    acknowledges(juliet)
    failing.clear()
    world.clock.advance(5)
    assert handled(romeo.says(R)) == [2]


def test_a_stream_that_cannot_be_stored_cannot_be_enabled(world: World, failing: list[bool]) -> None:
    failing.append(True)
    romeo = world.connect("romeo").says(ENABLE_RESUMPTION)
    assert "internal-server-error" in romeo.raw
    cut(romeo)
    assert ended(romeo)
