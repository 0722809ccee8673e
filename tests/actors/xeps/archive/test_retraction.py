"""What its author has taken back."""

import pytest
from lxml import etree

from actors.storage import StorageError
from actors.xeps import archive as feature
from actors.xeps.archive import Archive, latest
from net.xmpp.stamps import stamp
from tests.actors.xeps.archive.asking import BODY, Shown, query, says
from tests.world import Client, World

RETRACT = "urn:xmpp:message-retract:1"
INFO = "http://jabber.org/protocol/disco#info"


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


@pytest.fixture
def romeo(world: World) -> Client:
    return world.connect("romeo", "orchard")


@pytest.fixture
def juliet(world: World) -> Client:
    return world.connect("juliet", "balcony")


def sends(client: Client, id: str, inside: str = "<body>x</body>", to: str = "juliet@localhost") -> None:
    client.says(f"<message to='{to}' type='chat' id='{id}'>{inside}</message>")


def retract(id: str) -> str:
    """Example 4."""
    return (
        f"<retract id='{id}' xmlns='{RETRACT}'/><fallback xmlns='urn:xmpp:fallback:0' for='{RETRACT}'/>"
        "<body>/me retracted a previous message</body><store xmlns='urn:xmpp:hints'/>"
    )


def buried(shown: Shown) -> list[tuple[str | None, str | None]]:
    """The messages that are tombstones: their ids, and those of the retractions."""
    found = ((message, message.find(f"{{{RETRACT}}}retracted")) for message in shown.forwarded)
    return [(message.get("id"), stone.get("id")) for message, stone in found if stone is not None]


def test_both_archives_have_a_tombstone_in_its_place_and_the_retraction(
    world: World, romeo: Client, juliet: Client
) -> None:
    """§4, example 7."""
    sends(romeo, "wrong&amp;1", "<body>Have not saints lips</body><x xmlns='urn:x'/>")
    before = query(juliet).ids
    world.clock.advance(92)
    sends(romeo, "retract-1", retract("wrong&amp;1"))
    for client in (romeo, juliet):
        shown = query(client)
        stone, said = shown.forwarded
        assert dict(stone.attrib) == {
            "from": "romeo@localhost/orchard",
            "to": "juliet@localhost",
            "type": "chat",
            "id": "wrong&1",
        }
        assert [etree.QName(child).localname for child in stone] == ["retracted"]
        assert dict(stone[0].attrib) == {"id": "retract-1", "stamp": stamp(world.clock.now())}
        assert said.find(f"{{{RETRACT}}}retract") is not None
    assert query(juliet).ids[:1] == before


def test_another_resource_of_the_author_may_take_it_back(world: World, romeo: Client, juliet: Client) -> None:
    """§5: the bare JID counts."""
    sends(romeo, "1")
    sends(world.connect("romeo", "garden"), "2", retract("1"))
    assert buried(query(juliet)) == buried(query(romeo)) == [("1", "2")]


def test_nobody_takes_back_what_another_has_said(romeo: Client, juliet: Client) -> None:
    """§5, §6."""
    sends(romeo, "1")
    sends(juliet, "2", retract("1"), to="romeo@localhost")
    assert buried(query(juliet)) == buried(query(romeo)) == []
    assert len(query(juliet).ids) == 2


def test_only_the_conversation_is_searched_in_which_it_is_taken_back(world: World, romeo: Client) -> None:
    world.domain.accounts.create(world.domain.accounts.jid("nurse"), "secret", 0)
    sends(romeo, "1", to="nurse@localhost")
    sends(romeo, "2", retract("1"))
    assert buried(query(romeo)) == []


@pytest.mark.parametrize("inside", [retract("3"), retract(""), f"<retract xmlns='{RETRACT}'/><body>x</body>"])
def test_a_retraction_of_nothing_is_kept_and_changes_nothing(romeo: Client, juliet: Client, inside: str) -> None:
    sends(romeo, "1")
    sends(romeo, "2", inside)
    assert buried(query(juliet)) == []
    assert len(query(juliet).ids) == 2


def test_a_retraction_that_cannot_be_named_buries_nothing(romeo: Client, juliet: Client) -> None:
    """§4: the tombstone names it."""
    sends(romeo, "1")
    romeo.says(f"<message to='juliet@localhost' type='chat'>{retract('1')}</message>")
    assert buried(query(juliet)) == []


def test_a_retraction_stays_even_if_it_is_taken_back(romeo: Client, juliet: Client) -> None:
    """§5: clients that were away have to learn of it."""
    sends(romeo, "1")
    sends(romeo, "2", retract("1"))
    sends(romeo, "3", retract("2"))
    sends(romeo, "4", retract("1"))
    assert buried(query(juliet)) == [("1", "2")]


def test_of_two_with_one_id_the_later_is_taken_back(romeo: Client, juliet: Client) -> None:
    sends(romeo, "1", "<body>a</body>")
    sends(romeo, "1", "<body>b</body>")
    sends(romeo, "2", retract("1"))
    assert [message.findtext(BODY) for message in query(juliet).forwarded][:2] == ["a", None]


def test_what_waits_and_is_taken_back_is_not_delivered_any_more(world: World, romeo: Client) -> None:
    """§5: no further distribution."""
    sends(romeo, "1", "<body>Have not saints lips</body>")
    sends(romeo, "2", retract("1"))
    juliet = world.connect("juliet").says("<presence/>")
    assert [node.get("id") for node in juliet.hears() if node.tag.endswith("}message")] == ["2"]
    assert buried(query(juliet)) == [("1", "2")]


def test_it_is_found_among_the_latest_messages(romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "LATEST", 6)
    monkeypatch.setattr(latest, "AT_A_TIME", 2)
    sends(romeo, "old")
    sends(romeo, "new")
    for _ in range(3):
        says(romeo, "between")
    sends(romeo, "r1", retract("new"))  # itself, three, and "new" are among six
    assert buried(query(juliet)) == [("new", "r1")]
    sends(romeo, "r2", retract("old"))
    assert buried(query(juliet)) == [("new", "r1")]


def test_nobody_takes_back_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature, "RETRACTIONS_PER_HOUR", 2)
    world = World("romeo", "juliet")
    romeo = world.connect("romeo")
    for number in range(3):
        sends(romeo, f"{number}")
        sends(romeo, f"r{number}", retract(f"{number}"))
    shown = query(world.connect("juliet"))
    assert buried(shown) == [("0", "r0"), ("1", "r1")]
    assert len(shown.ids) == 6


def test_without_a_tombstone_the_retraction_is_delivered_all_the_same(
    world: World, romeo: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    juliet = world.available("juliet")
    sends(romeo, "1")
    archive = next(feature for feature in world.domain.hooks.features if isinstance(feature, Archive))
    monkeypatch.setattr(archive._kept, "replace", fail)
    sends(romeo, "2", retract("1"))
    assert [node.get("id") for node in juliet.hears()] == ["1", "2"]
    assert "there is no tombstone" in caplog.text


@pytest.mark.parametrize(("to", "tombstone"), [("localhost", False), ("romeo@localhost", True)])
def test_it_is_told_that_retractions_are_known(romeo: Client, to: str, tombstone: bool) -> None:
    """§2, §4."""
    answer = romeo.asks("get", f"<query xmlns='{INFO}'/>", to=to)
    found = {node.get("var") for node in answer[0].iterfind(f"{{{INFO}}}feature")}
    assert RETRACT in found
    assert (f"{RETRACT}#tombstone" in found) is tombstone
