from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from actors.storage import Archive, Entry, Prepared, StorageError
from actors.storage.memory import MemoryArchive
from actors.xeps.offline import Offline
from net.xmpp.stamps import DELAY, stamp
from tests.actors.xeps.stream_management.managing import cut, ended, managed
from tests.world import Client, World, failure, settle

BODY = "{jabber:client}body"
WITHOUT_ARCHIVE = 'xeps.disabled=["archive"]'


class Full(Archive):
    """A disk without any room: nothing can be stored, read or deleted."""

    def append(self, owner: str, entry: Entry) -> str:
        raise StorageError("no space left on device")

    def page(self, owner: str, **wanted: object) -> list[tuple[str, Entry]]:  # type: ignore[override]
        raise StorageError("no space left on device")


def world_of_two(*sets: str) -> tuple[World, Client]:
    """A world in which juliet is offline, and romeo to write to her."""
    world = World("romeo", "juliet", sets=sets)
    return world, world.connect("romeo", "orchard")


def message(text: str, type: str = "chat", to: str = "juliet@localhost", more: str = "") -> str:
    return f"<message to='{to}' type='{type}'><body>{text}</body>{more}</message>"


def texts(client: Client) -> list[str | None]:
    """The bodies of the messages heard since the last look."""
    return [node.findtext(BODY) for node in client.hears() if node.tag.endswith("}message")]


def arrives(world: World, resource: str = "balcony") -> Client:
    """A client of juliet's that has come online, and heard nothing yet."""
    return world.connect("juliet", resource).says("<presence/>")


def offline(world: World) -> Offline:
    return next(feature for feature in world.domain.hooks.features if isinstance(feature, Offline))


def with_and_without_an_archive() -> pytest.MarkDecorator:
    """The option that turns the archive off, or nothing."""
    return pytest.mark.parametrize("sets", [(), (WITHOUT_ARCHIVE,)], ids=["archive", "no archive"])


@pytest.mark.parametrize("type", ["chat", "normal", "", "unheard-of"])
@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/balcony"])
def test_messages_wait_and_come_in_order(type: str, to: str) -> None:
    world, romeo = world_of_two()
    for number in range(3):
        romeo.says(message(str(number), type, to))
    refused = type != "chat" and to.endswith("balcony")  # RFC 6121 §8.5.3.2.1: only chat is as if to the bare JID
    assert len(romeo.hears()) == (3 if refused else 0)
    assert texts(arrives(world)) == ([] if refused else ["0", "1", "2"])


@pytest.mark.parametrize("type", ["groupchat", "headline", "error"])
def test_other_types_are_not_stored(type: str) -> None:
    world, romeo = world_of_two()
    romeo.says(message("x", type))
    assert [failure(node) for node in romeo.hears()] == (
        [("cancel", "service-unavailable")] if type == "groupchat" else []
    )
    assert texts(arrives(world)) == []


def test_a_message_comes_as_it_was_sent_with_a_note_of_the_delay() -> None:
    world, romeo = world_of_two()
    world.clock.time = 1_031_699_305.25
    content = "<subject>a&amp;b</subject><x xmlns='urn:x' y='&quot;'><z/> tail</x>"
    romeo.says(f"<message to='JULIET@localhost' id='a&lt;b' xml:lang='it' xmlns:u='urn:u' u:v='w'>{content}</message>")
    world.clock.advance(3600)
    heard = next(node for node in arrives(world).hears() if node.tag.endswith("}message"))
    assert dict(heard.attrib) == {
        "from": "romeo@localhost/orchard",
        "to": "juliet@localhost",
        "id": "a<b",
        "{http://www.w3.org/XML/1998/namespace}lang": "it",
        "{urn:u}v": "w",
    }
    *sent, note = heard
    assert note.tag == DELAY
    assert dict(note.attrib) == {"from": "localhost", "stamp": "2002-09-10T23:08:25.250000Z"}
    whole = etree.fromstring(f"<message xmlns='jabber:client'>{content}</message>")
    assert [etree.tostring(node, method="c14n", exclusive=True) for node in sent] == [
        etree.tostring(node, method="c14n", exclusive=True) for node in whole
    ]


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1))
def test_any_text_survives_being_stored(text: str) -> None:
    world, romeo = world_of_two()
    body = etree.Element("body")
    body.text = text
    romeo.says(f"<message to='juliet@localhost'>{etree.tostring(body, encoding='unicode')}</message>")
    assert texts(arrives(world)) == [text]


@with_and_without_an_archive()
def test_messages_wait_while_every_priority_is_negative(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    juliet = world.available("juliet", "balcony", "<presence><priority>-1</priority></presence>")
    romeo.says(message("x"))
    assert texts(juliet) == []
    assert texts(juliet.says("<presence><priority>0</priority></presence>")) == ["x"]


@with_and_without_an_archive()
def test_messages_are_delivered_once(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    romeo.says(message("x"))
    first = arrives(world)
    assert texts(first) == ["x"]
    first.says("<presence type='unavailable'/>").says("<presence/>")
    assert texts(first) == []
    assert texts(arrives(world, "chamber")) == []


@with_and_without_an_archive()
def test_two_resources_that_come_at_once_get_them_once_together(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    romeo.says(message("x")).says(message("y"))
    clients = [world.connect("juliet", name) for name in ("balcony", "chamber")]
    for client in clients:
        client.wire.hear(b"<presence/>")
    settle()
    assert sorted(map(texts, clients)) == [[], ["x", "y"]]


@with_and_without_an_archive()
def test_messages_outlive_the_user_falling_asleep(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    romeo.says(message("x"))
    world.clock.advance(60)
    world.clock.advance(60)
    assert world.router.awake == 1
    romeo.says(message("y"))
    assert texts(arrives(world)) == ["x", "y"]


@with_and_without_an_archive()
def test_what_a_broken_connection_did_not_take_waits_again_with_its_first_stamp(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    then = world.clock.now()
    romeo.says(message("x")).says(message("y"))
    world.clock.advance(60)
    juliet = world.connect("juliet", "balcony")
    juliet.wire.hear(b"<presence/>")
    juliet.wire.cut()
    settle()
    world.clock.advance(60)
    heard = [node for node in arrives(world).hears() if node.tag.endswith("}message")]
    assert [node.findtext(BODY) for node in heard] == ["x", "y"]
    assert [[note.get("stamp") for note in node.iterfind(DELAY)] for node in heard] == [[stamp(then)]] * 2


@with_and_without_an_archive()
def test_what_one_resource_did_not_take_is_not_lost_when_another_has_come_meanwhile(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    romeo.says(message("x"))
    first, second = world.connect("juliet", "balcony"), world.connect("juliet", "chamber")
    first.wire.hear(b"<presence/>")
    first.wire.cut()
    second.wire.hear(b"<presence/>")
    settle()
    assert texts(second) == ["x"]


@with_and_without_an_archive()
def test_what_waits_for_a_resource_goes_ahead_of_a_message_to_it(
    sets: tuple[str, ...],
) -> None:
    world, romeo = world_of_two(*sets)
    here, there = "juliet@localhost/balcony", "juliet@localhost/garden"
    romeo.says(message("1", to=here) + message("any") + message("other", to=there) + message("2", to=here))
    juliet = world.connect("juliet", "balcony")
    romeo.says(message("3", to=here) + message("4", to=here))
    assert texts(juliet) == ["1", "2", "3", "4"]
    assert texts(juliet.says("<presence/>")) == ["any", "other"]
    assert texts(arrives(world, "attic")) == []


def test_what_went_ahead_of_a_message_arrives_though_that_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    world, romeo = world_of_two()
    romeo.says(message("old", to="juliet@localhost/balcony"))
    juliet = world.connect("juliet", "balcony")
    there = world.connect("juliet", "garden")

    def put(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        if any("bad" in str(each.row) for each in prepared) and owner.startswith("juliet"):
            raise StorageError("no space left on device")
        stored(archive, owner, prepared)

    stored = MemoryArchive.put
    monkeypatch.setattr(MemoryArchive, "put", put)
    romeo.says(message("good", to="juliet@localhost/garden") + message("bad", to="juliet@localhost/balcony"))
    assert texts(juliet) == ["old"]
    assert texts(there) == ["good"]
    assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")


def test_a_message_reaches_a_resource_also_while_nothing_can_be_read() -> None:
    world, romeo = world_of_two()
    romeo.says(message("1", to="juliet@localhost/balcony"))
    offline(world)._archive = Full()
    juliet = world.connect("juliet", "balcony")
    romeo.says(message("2", to="juliet@localhost/balcony"))
    assert texts(juliet) == ["2"]


def test_a_delay_somewhere_else_is_left_in_place() -> None:
    world, romeo = world_of_two()
    note = "<delay xmlns='urn:xmpp:delay' from='elsewhere.example' stamp='2002-09-10T23:08:25Z'/>"
    romeo.says(message("x", more=note))
    heard = next(node for node in arrives(world).hears() if node.tag.endswith("}message"))
    assert [found.get("from") for found in heard.iterfind(DELAY)] == ["elsewhere.example", "localhost"]


@pytest.mark.parametrize("forger", ["localhost", "LocalHost"])
def test_nobody_may_say_that_the_server_has_delayed_something(forger: str) -> None:
    world, romeo = world_of_two()
    romeo.says(message("x", more=f"<delay xmlns='urn:xmpp:delay' from='{forger}' stamp='2002-09-10T23:08:25Z'/>"))
    assert failure(romeo.hears_one()) == ("modify", "not-acceptable")
    assert texts(arrives(world)) == []


STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"


@pytest.mark.parametrize("content", [STATE, f"{STATE}<thread>t</thread>", "", "text"])
def test_messages_without_lasting_content_are_dropped(content: str) -> None:
    world, romeo = world_of_two()
    romeo.says(f"<message type='chat' to='juliet@localhost'>{content}</message>")
    assert romeo.hears() == []
    assert not [node for node in arrives(world).hears() if node.tag.endswith("}message")]


@pytest.mark.parametrize("content", [f"<body>x</body>{STATE}", "<received xmlns='urn:xmpp:receipts' id='1'/>"])
def test_a_message_with_anything_else_in_it_is_stored(content: str) -> None:
    world, romeo = world_of_two()
    romeo.says(f"<message type='chat' to='juliet@localhost'>{content}</message>")
    assert len([node for node in arrives(world).hears() if node.tag.endswith("}message")]) == 1


@with_and_without_an_archive()
def test_beyond_the_limit_the_sender_gets_an_error(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two("limits.offline=2", *sets)
    for number in range(3):
        romeo.says(message(str(number)))
    answer = romeo.hears_one()
    assert (answer.findtext(BODY), failure(answer)) == ("2", ("cancel", "service-unavailable"))
    assert texts(arrives(world)) == ["0", "1"]
    romeo.says(message("3"))
    assert romeo.hears() == []


@with_and_without_an_archive()
def test_what_waits_always_fits_into_the_outbox_of_a_connection(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two("limits.outbox=40000", "limits.stanza=20000", *sets)
    for _ in range(3):
        romeo.says(message("x" * 12_000))
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")
    juliet = arrives(world)
    assert len(juliet.wire.said) < 40_000
    assert len(texts(juliet)) == 2
    juliet.says("<presence type='unavailable'/>")
    romeo.says(message("x" * 12_000))
    assert romeo.hears() == []


@with_and_without_an_archive()
def test_what_waits_is_counted_again_by_a_user_that_has_slept(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two("limits.outbox=40000", "limits.stanza=20000", *sets)
    romeo.says(message("x" * 12_000)).says(message("x" * 12_000))
    world.clock.advance(60)
    world.clock.advance(60)
    romeo.says(message("x" * 12_000))
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


@with_and_without_an_archive()
def test_storage_can_be_turned_off(sets: tuple[str, ...]) -> None:
    _, romeo = world_of_two("limits.offline=0", *sets)
    assert failure(romeo.says(message("x")).hears_one()) == ("cancel", "service-unavailable")


def test_a_message_that_cannot_be_stored_comes_back_to_its_sender() -> None:
    world, romeo = world_of_two(WITHOUT_ARCHIVE)
    offline(world)._kept = Full()
    assert failure(romeo.says(message("x")).hears_one()) == ("cancel", "internal-server-error")


def test_a_resource_can_come_online_while_nothing_can_be_read() -> None:
    world, romeo = world_of_two()
    romeo.says(message("x"))
    feature = offline(world)
    whole, feature._kept = feature._kept, Full()
    juliet = arrives(world)
    assert [node.tag for node in juliet.hears()] == ["{jabber:client}presence"]
    feature._kept = whole
    juliet.says("<presence type='unavailable'/>").says("<presence/>")
    assert texts(juliet) == ["x"]


@with_and_without_an_archive()
def test_chat_states_do_not_wait_because_their_stream_has_ended(sets: tuple[str, ...]) -> None:
    world, romeo = world_of_two(*sets)
    juliet = managed(world, "juliet")
    cut(juliet)
    composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    romeo.says(f"<message to='juliet@localhost' type='chat'>{composing}</message>")
    world.clock.advance(300)
    assert ended(juliet)
    assert [node.tag for node in arrives(world).hears() if node.tag.endswith("}message")] == []


def test_messages_that_have_the_same_id_are_all_handed_over() -> None:
    world, romeo = world_of_two(WITHOUT_ARCHIVE)
    same = "<message to='juliet@localhost' type='chat' id='1'><body>{}</body></message>"
    romeo.says(same.format("one") + same.format("two"))
    juliet = world.connect("juliet").says("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").says("<presence/>")
    assert texts(juliet) == ["one", "two"]


def test_messages_to_nobody_are_not_stored() -> None:
    _, romeo = world_of_two()
    answer = romeo.says(message("x", to="nobody@localhost")).hears_one()
    assert failure(answer) == ("cancel", "service-unavailable")


# -- hints (XEP-0334)

NO_STORE = "<no-store xmlns='urn:xmpp:hints'/>"
NO_PERMANENT_STORE = "<no-permanent-store xmlns='urn:xmpp:hints'/>"
STORE = "<store xmlns='urn:xmpp:hints'/>"
COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"


def test_what_shall_not_be_stored_is_not_and_its_sender_is_told() -> None:
    world, romeo = world_of_two()
    romeo.says(message("x", more=NO_STORE))
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")
    assert texts(arrives(world)) == []


def test_what_shall_not_be_stored_and_says_nothing_disappears() -> None:
    world, romeo = world_of_two()
    romeo.says(f"<message to='juliet@localhost' type='chat'>{COMPOSING}{NO_STORE}{NO_PERMANENT_STORE}</message>")
    assert romeo.hears() == []
    assert texts(arrives(world)) == []


def test_what_shall_not_be_stored_permanently_may_wait() -> None:
    world, romeo = world_of_two()
    romeo.says(message("x", more=NO_PERMANENT_STORE))
    assert romeo.hears() == []
    assert texts(arrives(world)) == ["x"]


def test_what_shall_be_stored_is_whatever_it_says() -> None:
    world, romeo = world_of_two()
    romeo.says(f"<message to='juliet@localhost' type='chat'>{COMPOSING}{STORE}</message>")
    assert texts(arrives(world)) == [None]


@pytest.mark.parametrize("type", ["error", "headline"])
def test_a_hint_does_not_have_stored_what_never_is(type: str) -> None:
    world, romeo = world_of_two()
    romeo.says(message("x", type, more=STORE))
    assert texts(arrives(world)) == []


def test_ids_alone_are_nothing_to_store() -> None:
    world, romeo = world_of_two()
    romeo.says(
        f"<message to='juliet@localhost' type='chat'>{COMPOSING}<origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>"
    )
    assert romeo.hears() == []
    assert texts(arrives(world)) == []
