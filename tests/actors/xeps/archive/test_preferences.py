"""Whose messages are kept."""

import pytest
from lxml import etree

from tests.actors.xeps.archive.asking import MAM, query, says
from tests.world import Client, World, failure


def prefs(default: str = "always", always: tuple[str, ...] = (), never: tuple[str, ...] = ()) -> str:
    lists = "".join(
        f"<{name}>{''.join(f'<jid>{jid}</jid>' for jid in jids)}</{name}>"
        for name, jids in (("always", always), ("never", never))
    )
    return f"<prefs xmlns='{MAM}' default='{default}'>{lists}</prefs>"


def told(answer: etree._Element) -> tuple[str | None, list[str | None], list[str | None]]:
    """What an answer says: the default, and both lists."""
    assert answer.get("type") == "result", etree.tostring(answer)
    (found,) = answer
    always, never = found
    assert (found.tag, always.tag, never.tag) == (f"{{{MAM}}}prefs", f"{{{MAM}}}always", f"{{{MAM}}}never")
    return found.get("default"), [jid.text for jid in always], [jid.text for jid in never]


def chosen(client: Client, written: str) -> None:
    assert client.asks("set", written).get("type") == "result"


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet", "nurse")


@pytest.fixture
def juliet(world: World) -> Client:
    return world.available("juliet", "balcony")


def test_at_first_all_is_kept(juliet: Client) -> None:
    """Example 2."""
    assert told(juliet.asks("get", f"<prefs xmlns='{MAM}'/>")) == ("always", [], [])


@pytest.mark.parametrize("default", ["always", "roster", "never"])
def test_a_domain_says_what_holds_for_those_who_have_not_chosen(default: str) -> None:
    world = World("romeo", "juliet", sets=(f'hosts.localhost.archive="{default}"',))
    juliet = world.connect("juliet")
    assert told(juliet.asks("get", f"<prefs xmlns='{MAM}'/>")) == (default, [], [])
    says(world.connect("romeo"), "x")
    assert query(juliet).texts == (["x"] if default == "always" else [])


def test_preferences_are_applied_told_and_remembered(world: World, juliet: Client) -> None:
    """Examples 4 and 5. Addresses are told as they are compared."""
    written = prefs("roster", ("ROMEO@montague.lit",), ("montague@montague.lit", "montague@montague.lit/Home"))
    expected = ("roster", ["romeo@montague.lit"], ["montague@montague.lit", "montague@montague.lit/Home"])
    assert told(juliet.asks("set", written)) == expected
    juliet.says("</stream:stream>")
    world.clock.advance(60)
    world.clock.advance(60)
    assert world.router.awake == 0
    assert told(world.connect("juliet").asks("get", f"<prefs xmlns='{MAM}'/>")) == expected


def test_a_list_that_is_missing_is_empty(juliet: Client) -> None:
    """§2.1.2, §2.1.3."""
    assert told(juliet.asks("set", f"<prefs xmlns='{MAM}' default='never'/>")) == ("never", [], [])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (prefs("always"), "abcd"),
        (prefs("never"), ""),
        (prefs("roster"), "ab"),
        (prefs("never", always=("romeo@localhost",)), "ab"),
        (prefs("never", always=("romeo@localhost/orchard",)), "a"),
        (prefs("always", never=("romeo@localhost/orchard",)), "bcd"),
        (prefs("always", never=("romeo@localhost",)), "cd"),
        (prefs("always", always=("romeo@localhost/orchard",), never=("romeo@localhost",)), "acd"),
        (prefs("roster", always=("nurse@localhost",), never=("romeo@localhost/garden",)), "acd"),
        (prefs("roster", never=("Romeo@LOCALHOST",)), ""),
    ],
)
def test_what_is_kept_of_whom(world: World, juliet: Client, written: str, kept: str) -> None:
    """§2.1.1, §2.3: of what comes in it is the sender that counts; romeo is in the roster, nurse is not."""
    juliet.asks("set", "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query>")
    chosen(juliet, written)
    says(world.connect("romeo", "orchard"), "a")
    says(world.connect("romeo", "garden"), "b")
    says(says(world.connect("nurse", "kitchen"), "c"), "d")
    assert query(juliet).texts == list(kept)


def test_of_what_goes_out_it_is_the_recipient_that_counts(juliet: Client) -> None:
    """§2.3.2."""
    chosen(juliet, prefs("never", always=("romeo@localhost/orchard", "nurse@localhost")))
    for to in ("romeo@localhost", "romeo@localhost/orchard", "nurse@localhost/kitchen"):
        says(juliet, to, to=to)
    assert query(juliet).texts == ["romeo@localhost/orchard", "nurse@localhost/kitchen"]


def test_what_is_not_kept_is_delivered_without_an_id_and_kept_by_the_other(world: World, juliet: Client) -> None:
    chosen(juliet, prefs("never"))
    romeo = world.connect("romeo")
    says(romeo, "x")
    assert b"stanza-id" not in juliet.wire.said
    assert juliet.hears_one().findtext("{jabber:client}body") == "x"
    assert query(romeo).texts == ["x"]


def test_what_is_not_kept_waits_all_the_same(world: World, juliet: Client) -> None:
    chosen(juliet, prefs("never"))
    juliet.says("</stream:stream>")
    says(world.connect("romeo"), "x")
    again = world.connect("juliet").says("<presence/>")
    assert [node.findtext("{jabber:client}body") for node in again.hears() if node.tag.endswith("}message")] == ["x"]
    assert query(again).texts == []


@pytest.mark.parametrize(
    ("written", "error"),
    [
        (f"<prefs xmlns='{MAM}'/>", ("modify", "bad-request")),
        (prefs("sometimes"), ("modify", "bad-request")),
        (prefs(always=("@",)), ("modify", "jid-malformed")),
        (prefs(never=("",)), ("modify", "jid-malformed")),
        (prefs(always=("a@b",), never=("A@b",)), ("modify", "bad-request")),
        (prefs(always=tuple(f"{number}@b" for number in range(1001))), ("cancel", "resource-constraint")),
    ],
)
def test_what_makes_no_sense_changes_nothing(juliet: Client, written: str, error: tuple[str, str]) -> None:
    assert failure(juliet.asks("set", written)) == error
    assert told(juliet.asks("get", f"<prefs xmlns='{MAM}'/>")) == ("always", [], [])


@pytest.mark.parametrize("type", ["get", "set"])
def test_nobody_sees_or_changes_anothers_preferences(juliet: Client, type: str) -> None:
    assert failure(juliet.asks(type, prefs(), to="romeo@localhost")) == ("auth", "forbidden")
