"""Who is called when, and how often."""

from collections.abc import Sequence

import pytest

from actors.mailbox import Inbound
from actors.receipts import Receipt
from actors.storage import Prepared, StorageError
from actors.storage.memory import MemoryArchive
from net.transport import Disconnected
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.actors.xeps.push.pushing import (
    JULIET,
    LONG,
    SERVICE,
    AppServer,
    a_world,
    chat,
    disabling,
    enables,
    leaves,
)
from tests.actors.xeps.stream_management.managing import R, acknowledges, cut, managed, names, previd, resumes
from tests.sasl2 import LAPTOP, PHONE, bind, opened, plain
from tests.world import Client, World

CALL = "<propose xmlns='urn:xmpp:jingle-message:0' id='c'><description xmlns='urn:xmpp:jingle:apps:rtp:1'/></propose>"
SECRET = (
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted><store xmlns='urn:xmpp:hints'/>"
)


def held(world: World, user: str = "juliet", resource: str = "phone") -> Client:
    """A client with push whose stream can be resumed."""
    return acknowledges(enables(managed(world, user, resource)))


def test_a_message_that_nobody_can_take_is_pushed() -> None:
    _, app_server, romeo = a_world()
    romeo.says(chat())
    (push,) = app_server.pushes()
    assert (push.sender, push.to, push.node) == (JULIET, SERVICE, "yxs32")
    assert push.form == {"FORM_TYPE": "urn:xmpp:push:summary", "message-count": "1"}
    assert push.options is None


@pytest.mark.parametrize(
    "content",
    ["<body>x</body>", CALL, SECRET, "<x xmlns='jabber:x:conference' jid='room@example.org'/>"],
    ids=["body", "call", "encrypted", "invitation"],
)
def test_what_somebody_has_to_be_called_for(content: str) -> None:
    _, app_server, romeo = a_world()
    romeo.says(f"<message to='{JULIET}' type='chat'>{content}</message>")
    assert app_server.counts == ["1"]


@pytest.mark.parametrize(
    ("content", "type"),
    [
        ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "chat"),
        ("<received xmlns='urn:xmpp:receipts' id='1'/>", "chat"),
        ("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", "chat"),
        ("<body/>", "chat"),
        ("<subject>x</subject>", "normal"),
        ("<body>x</body>", "headline"),
        ("<body>x</body>", "error"),
    ],
)
def test_what_nobody_is_called_for(content: str, type: str) -> None:
    world, app_server, romeo = a_world()
    romeo.says(f"<message to='{JULIET}' type='{type}'>{content}</message>")
    phone = held(world)
    cut(phone)
    romeo.says(f"<message to='{JULIET}' type='{type}'>{content}</message>")
    assert app_server.counts == []


def test_what_is_not_kept_is_not_pushed() -> None:
    _, app_server, romeo = a_world()
    heard = romeo.says(chat(more="<no-store xmlns='urn:xmpp:hints'/>")).hears_one()
    assert heard.get("type") == "error"
    assert app_server.counts == []


def test_a_message_for_a_hibernating_client_is_pushed() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    cut(phone)
    romeo = world.available("romeo")
    assert app_server.counts == []
    romeo.says(chat())
    assert app_server.counts == ["1"]
    assert names(resumes(world, "juliet", previd(phone), 2))[-2:] == ["message", "r"]


def test_a_client_that_is_lost_with_messages_unacknowledged_is_called() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    romeo = world.available("romeo")
    romeo.says(chat("one")).says(chat("two")).says(f"<message to='{JULIET}'><subject>x</subject></message>")
    assert app_server.counts == []
    cut(phone)
    assert app_server.counts == ["2"]


def test_a_client_that_is_lost_with_all_acknowledged_is_not_called() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    world.available("romeo").says(chat())
    acknowledges(phone)
    cut(phone)
    assert app_server.counts == []


def test_what_a_session_is_given_in_the_moment_of_its_loss_is_pushed() -> None:
    """Its User does not know yet that it has lost its connection, and it cannot have written what it gets."""
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    assert phone.session.user is not None
    message = Stanza("message", type="chat", to=JID.parse(JULIET), from_=JID.parse("romeo@localhost/orchard"))
    phone.session.user.tell(Inbound(message.with_content(b"<body>x</body>")))
    phone.wire.cut()
    assert [type(told) for told in phone.session.actor_inbox.messages] == [Disconnected]
    assert app_server.counts == ["1"]


def test_a_client_that_is_there_is_not_called() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    romeo = world.available("romeo")
    romeo.says(chat())
    phone.says("<inactive xmlns='urn:xmpp:csi:0'/>")
    romeo.says(chat())
    phone.says("<presence><priority>-1</priority></presence>")
    romeo.says(chat())
    assert app_server.counts == []


def test_the_phone_is_called_while_the_tablet_is_there() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    tablet = enables(world.available("juliet", "tablet"), "tablet")
    cut(phone)
    romeo = world.available("romeo")
    romeo.says(chat())
    assert [push.node for push in app_server.pushes()] == ["yxs32"]
    assert names(tablet) == ["message"]
    world.clock.advance(400)  # it will not come back to its stream
    romeo.says(chat())
    assert [push.node for push in app_server.pushes()] == ["yxs32"]


def test_a_message_to_the_tablet_alone_calls_the_phone_unless_it_is_private() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    world.available("juliet", "tablet")
    cut(phone)
    romeo = world.available("romeo")
    romeo.says(chat(to=f"{JULIET}/tablet", more="<private xmlns='urn:xmpp:carbons:2'/>"))
    romeo.says(chat(to=f"{JULIET}/tablet", type="groupchat"))
    assert app_server.counts == []
    romeo.says(chat(to=f"{JULIET}/tablet"))
    assert app_server.counts == ["1"]


def test_what_is_said_in_a_room_calls_the_client_that_is_in_it() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    cut(phone)
    world.available("romeo").says(chat(to=f"{JULIET}/phone", type="groupchat"))
    assert app_server.counts == ["1"]


def test_copies_that_were_not_acknowledged_count_and_those_of_what_the_user_says_do_not() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    phone.asks("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
    acknowledges(phone)
    tablet = world.available("juliet", "tablet")
    tablet.says(chat(to="romeo@localhost"))
    acknowledges(phone)
    tablet.says(chat(to="romeo@localhost"))
    cut(phone)
    assert app_server.counts == []
    again = resumes(world, "juliet", previd(phone), phone.session.managed._out.sent)  # type: ignore[union-attr]
    world.available("romeo").says(chat(to=f"{JULIET}/tablet"))
    cut(again)
    assert app_server.counts == ["1"]


def test_a_message_that_comes_back_from_a_client_without_resumption_is_pushed() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server = AppServer(world)
    phone = enables(world.connect("juliet", "phone").says("<enable xmlns='urn:xmpp:sm:3'/>").says("<presence/>"))
    acknowledges(phone)
    world.available("romeo").says(chat())
    assert app_server.counts == []
    cut(phone)
    assert app_server.counts == ["1"]


def test_a_message_that_comes_back_after_hibernation_has_been_counted() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server, phone = AppServer(world), held(world)
    romeo = world.available("romeo")
    romeo.says(chat("again"))
    cut(phone)
    assert app_server.counts == ["1"]
    romeo.says(chat("again"))
    world.clock.advance(LONG)
    assert app_server.counts == ["2"]
    world.clock.advance(400)
    assert phone.session.closed
    assert app_server.counts == []
    romeo.says(chat("again"))
    assert app_server.counts == ["3"]


def test_a_burst_is_two_pushes() -> None:
    world, app_server, romeo = a_world()
    for _ in range(5):
        romeo.says(chat())
    assert app_server.counts == ["1"]
    world.clock.advance(LONG)
    assert app_server.counts == ["5"]
    world.clock.advance(LONG)
    assert app_server.counts == []


def test_a_client_that_has_come_back_meanwhile_is_not_called() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat()).says(chat())
    assert app_server.counts == ["1"]
    world.available("juliet", "phone")
    world.clock.advance(LONG)
    assert app_server.counts == []


def test_what_a_client_has_seen_does_not_count_any_more() -> None:
    world, app_server, romeo = a_world()
    for _ in range(3):
        romeo.says(chat())
    world.clock.advance(LONG)
    assert app_server.counts == ["1", "3"]
    leaves(world.available("juliet", "phone"))
    world.clock.advance(LONG)
    romeo.says(chat())
    assert app_server.counts == ["1"]
    phone = acknowledges(managed(world, "juliet", "phone"))
    cut(phone)
    world.clock.advance(LONG)
    romeo.says(chat())
    assert app_server.counts == ["1"]


def test_counting_goes_on_when_the_user_has_left_memory() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    assert app_server.counts == ["1"]
    leaves(romeo)
    for _ in range(4):
        world.clock.advance(20)
    assert "juliet@localhost" not in world.router._users
    world.available("romeo").says(chat())
    assert app_server.counts == ["2"]


def test_a_client_that_says_which_it_is_is_known_by_that() -> None:
    """It has another resource each time."""
    world = World("juliet", "romeo", "nurse")
    app_server = AppServer(world)
    phone = opened(world).says(plain("juliet", bind(), agent=PHONE))
    enables(phone)
    leaves(phone)
    other = opened(world).says(plain("juliet", bind(), agent=LAPTOP)).says("<presence/>")
    romeo = world.available("romeo")
    romeo.says(chat())
    assert app_server.counts == ["1"]
    world.clock.advance(LONG)
    opened(world).says(plain("juliet", bind(), agent=PHONE)).says("<presence/>")
    romeo.says(chat())
    assert app_server.counts == []
    leaves(other)


def test_what_is_disabled_is_not_pushed_to() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat()).says(chat())
    assert app_server.counts == ["1"]
    juliet = world.connect("juliet", "other")
    juliet.asks("set", disabling())
    world.clock.advance(LONG)
    leaves(juliet)
    romeo.says(chat())
    assert app_server.counts == []


def test_an_app_server_that_the_user_has_blocked_is_not_told_anything() -> None:
    world, app_server, romeo = a_world()
    juliet = world.connect("juliet", "other")
    juliet.asks("set", "<block xmlns='urn:xmpp:blocking'><item jid='nurse@localhost'/></block>")
    romeo.says(chat())
    assert app_server.counts == []


def test_a_push_holds_back_no_acknowledgement_and_has_no_part_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app server does not answer. What is acknowledged is that the message is stored, and nothing else."""
    world, app_server, _ = a_world()
    sender, route = managed(world, "romeo", "other"), world.router.route
    receipts: list[Receipt | None] = []

    def looked_at(stanza: Stanza, receipt: Receipt | None = None) -> None:
        if stanza.to == SERVICE:
            receipts.append(receipt)
        route(stanza, receipt)

    monkeypatch.setattr(world.router, "route", looked_at)
    assert "a" in names(sender.says(chat() + R))
    phone = held(world)
    cut(phone)
    world.clock.advance(LONG)
    assert "a" in names(sender.says(chat() + R))
    assert len(app_server.pushes(None)) == 2
    assert receipts == [None, None]


def test_of_what_could_not_be_kept_nobody_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    world, app_server, romeo = a_world()
    world.available("juliet", "desk")

    put = MemoryArchive.put

    def fail(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        if owner == JULIET:
            raise StorageError("made to fail")
        put(archive, owner, prepared)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryArchive, "put", fail)
        romeo.says(chat())
    romeo.says(chat())
    assert app_server.counts == ["1"]
