from typing import Any

import pykka
import pytest
from gevent.event import Event

from actors.actor import told
from actors.commands import COMMANDS, CommandError, asking, sessions
from actors.mailbox import Show
from actors.session import Session
from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World, settle

STREAMS = "{urn:ietf:params:xml:ns:xmpp-streams}"


def test_sessions_are_listed_those_without_an_address_last() -> None:
    world = World("romeo", "juliet")
    stranger = world.wire(secured=False)
    romeo = world.connect("romeo", "orchard")
    world.available("juliet", "balcony", "<presence><priority>-3</priority></presence>")
    settle()
    bound = {"type": "c2s", "peer": "wire", "tls": True}
    assert do(world, "session list") == [
        {"full_jid": "juliet@localhost/balcony", "priority": -3, "available": True, "interested": True, **bound},
        {"full_jid": "romeo@localhost/orchard", "priority": 0, "available": False, "interested": False, **bound},
        {
            "full_jid": None,
            "type": "c2s_unauthed",
            "priority": 0,
            "available": False,
            "interested": False,
            "peer": "wire",
            "tls": False,
        },
    ]
    assert {romeo.session.actor_inbox, stranger.session.actor_inbox} <= world.router.sessions


def test_the_rows_of_a_list_have_the_columns_that_are_declared() -> None:
    world = World("romeo")
    world.connect("romeo")
    for name in ("account list", "session list"):
        assert [tuple(row) for row in do(world, name)] == [COMMANDS[name].columns]


def test_the_sessions_of_one_account_are_listed() -> None:
    world = World("romeo", "juliet")
    world.connect("romeo", "orchard")
    world.connect("juliet", "balcony")
    world.connect("juliet", "chamber")
    listed = [row["full_jid"] for row in do(world, "session list", jid="juliet@localhost")]
    assert listed == ["juliet@localhost/balcony", "juliet@localhost/chamber"]


def test_more_sessions_than_are_asked_at_once_are_all_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ASKED_AT_ONCE", 2)
    world = World("romeo")
    for number in range(5):
        world.connect("romeo", f"r{number}")
    assert [row["full_jid"] for row in do(world, "session list")] == [f"romeo@localhost/r{n}" for n in range(5)]


class Stuck(Session):
    """Waits for something that does not come until it is let go."""

    let_go: Event

    @told(Show)
    def on_show(self, message: Show) -> dict[str, Any]:
        self.let_go.wait()
        return super().on_show(message)


def test_a_session_that_does_not_answer_is_listed_as_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.05)
    world = World("romeo")
    world.connect("romeo", "orchard")
    stuck = Stuck(world.router, world.wire().wire)
    stuck.let_go = Event()
    rows = do(world, "session list")
    assert sorted((row["type"], row["full_jid"]) for row in rows if row["type"] != "c2s_unauthed") == [
        ("c2s", "romeo@localhost/orchard"),
        ("silent", None),
    ]
    stuck.let_go.set()
    settle()


def test_a_session_that_ends_while_the_list_is_made_is_left_out() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    romeo.wire.cut()
    settle()
    world.router.sessions.add(romeo.session.actor_inbox)
    assert do(world, "session list") == []


def test_a_session_is_shown_field_by_field() -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    world.available("romeo", "orchard", "<presence><show>away</show><priority>7</priority></presence>")
    shown = do(world, "session show", full_jid="ROMEO@localhost/orchard")
    presence = shown.pop("presence")
    assert "<show>away</show>" in presence
    assert shown == {
        "conn": {"peer": "wire", "tls": True},
        "notopen": False,
        "type": "c2s",
        "username": "romeo",
        "host": "localhost",
        "resource": "orchard",
        "full_jid": "romeo@localhost/orchard",
        "priority": 7,
        "interested": True,
        "roster": ["juliet@localhost"],
    }


@pytest.mark.parametrize("name", ["session show", "session kick"])
@pytest.mark.parametrize(
    "jid", ["romeo@localhost/balcony", "nurse@localhost/x", "a@nowhere/x", "romeo@localhost", "x/y"]
)
def test_a_session_that_is_none_can_be_neither_shown_nor_ended(name: str, jid: str) -> None:
    world = World("romeo")
    world.connect("romeo", "orchard")
    with pytest.raises(CommandError):
        do(world, name, full_jid=jid)
    assert len(do(world, "session list")) == 1


def test_a_kicked_session_ends_with_policy_violation_and_the_others_go_on() -> None:
    world = World("romeo")
    kicked, other = world.connect("romeo", "orchard"), world.connect("romeo", "chamber")
    assert do(world, "session kick", full_jid="romeo@localhost/orchard") == "romeo@localhost/orchard ended"
    assert kicked.hears_the_end() == "policy-violation"
    assert kicked.wire.closed
    assert not other.wire.closed
    assert [row["full_jid"] for row in do(world, "session list")] == ["romeo@localhost/chamber"]


@pytest.mark.parametrize(
    ("given", "told_"), [({}, "ended by an administrator"), ({"reason": "Too <loud>\x00"}, "Too <loud>")]
)
def test_a_kicked_client_is_told_why(given: dict[str, str], told_: str) -> None:
    world = World("romeo")
    kicked = world.connect("romeo", "orchard")
    do(world, "session kick", full_jid="romeo@localhost/orchard", **given)
    assert kicked.hears()[-1].findtext(f"{STREAMS}text") == told_


def test_an_actor_that_does_not_answer_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("romeo")

    def never(*_: Any, **__: Any) -> None:
        raise pykka.Timeout

    monkeypatch.setattr(pykka.ActorRef, "ask", never)
    with pytest.raises(CommandError, match="<User romeo@localhost> has not answered within 20 seconds"):
        do(world, "session show", full_jid="romeo@localhost/x")


def test_the_sessions_at_one_domain_are_listed() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    world.connect("romeo", "orchard")
    world.wire().opens()
    assert [row["full_jid"] for row in do(world, "session list", jid="localhost")] == ["romeo@localhost/orchard"]
    assert do(world, "session list", jid="example.org") == []
