import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from actors.mailbox import Deliver
from actors.xeps.csi import CSIOptions, Waiting
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.couple import JULIET, ROMEO, relate
from tests.world import World, settle

CSI = "urn:xmpp:csi:0"
INACTIVE, ACTIVE = f"<inactive xmlns='{CSI}'/>", f"<active xmlns='{CSI}'/>"
PING = "<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
MUC_USER = "http://jabber.org/protocol/muc#user"
EVENT = "http://jabber.org/protocol/pubsub#event"
PEER = "romeo@localhost/orchard"


def stanza(kind: str, inside: str = "", type: str = "", from_: str = PEER) -> Stanza:
    return Stanza(kind, type=type, from_=JID.parse(from_), to=JULIET, body=inside.encode())


def body(text: str) -> str:
    return f"<body>{text}</body>"


def event(items: str, node: str = "n") -> str:
    return f"<event xmlns='{EVENT}'><items node='{node}'>{items}</items></event>"


def copy(direction: str, inside: str) -> str:
    return (
        f"<{direction} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
        f"<message xmlns='jabber:client' type='chat'>{inside}</message></forwarded></{direction}>"
    )


STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
RECEIPT = "<received xmlns='urn:xmpp:receipts' id='1'/>"
MARKER = "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"
REACTION = "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>"
SELF = f"<x xmlns='{MUC_USER}'><status code='110'/></x>"


class Phone:
    """Juliet's phone, which she does not look at; and the server that has something for it."""

    def __init__(self, *sets: str) -> None:
        self.world = World("romeo", "juliet", sets=sets)
        self.client = self.world.available("juliet", "phone").says(INACTIVE)
        self.inbox = self.client.session.actor_inbox

    def is_given(self, *stanzas: Stanza) -> None:
        for one in stanzas:
            self.inbox.tell(Deliver(one))
        settle()

    def looks(self) -> str:
        """What comes when she looks at it again."""
        return self.client.says(ACTIVE).raw


@pytest.fixture
def phone() -> Phone:
    return Phone()


def on_the_wire(*stanzas: Stanza) -> str:
    return b"".join(one.wire for one in stanzas).decode()


# -- the protocol


def test_it_is_offered_after_the_login_and_not_before() -> None:
    client = World("juliet").wire().opens()
    assert f'<csi xmlns="{CSI}"/>' not in client.raw
    client.logs_in("juliet")
    assert f'<csi xmlns="{CSI}"/>' in client.raw


@pytest.mark.parametrize("state", [ACTIVE, INACTIVE])
def test_there_is_no_answer_and_saying_it_again_changes_nothing(state: str) -> None:
    client = World("juliet").connect("juliet").says(state * 3)
    assert client.hears() == []
    assert client.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"


@pytest.mark.parametrize("nonza", [f"<sleepy xmlns='{CSI}'/>", f"<csi xmlns='{CSI}'/>"])
def test_there_are_no_other_states(nonza: str) -> None:
    assert World("juliet").connect("juliet").says(nonza).hears_the_end() == "unsupported-stanza-type"


def test_a_client_without_a_resource_has_no_state() -> None:
    client = World("juliet").wire().opens().logs_in("juliet").says(INACTIVE)
    assert client.hears_the_end() == "unsupported-stanza-type"


def test_where_it_is_disabled_it_is_neither_offered_nor_known() -> None:
    world = World("juliet", sets=('xeps.disabled=["csi"]',))
    client = world.wire().opens().logs_in("juliet")
    assert CSI not in client.raw
    assert client.binds().says(INACTIVE).hears_the_end() == "unsupported-stanza-type"


def test_who_says_nothing_is_active(phone: Phone) -> None:
    tablet = phone.world.available("juliet", "tablet")
    assert tablet.session.gate is None
    tablet.session.actor_inbox.tell(Deliver(stanza("message", STATE)))
    assert len(tablet.hears()) == 1


def test_what_waited_comes_before_the_answer_to_what_is_asked_next(phone: Phone) -> None:
    """§5.1, example."""
    phone.is_given(stanza("presence"))
    phone.client.says(ACTIVE + PING)
    assert [etree.QName(node).localname for node in phone.client.hears()] == ["presence", "iq"]


def test_what_waited_comes_before_an_error_of_the_streams_own(phone: Phone) -> None:
    phone.is_given(stanza("presence"))
    phone.client.says("<iq type='get' id='1' to='@'/>")
    assert [etree.QName(node).localname for node in phone.client.hears()] == ["presence", "iq"]


def test_after_looking_nothing_waits(phone: Phone) -> None:
    phone.is_given(stanza("presence"))
    assert phone.looks() == on_the_wire(stanza("presence"))
    all_of_it = stanza("message", STATE), stanza("presence"), stanza("presence")
    phone.is_given(*all_of_it)
    assert phone.client.raw == on_the_wire(*all_of_it)
    assert phone.looks() == ""


def test_nobody_else_can_tell(phone: Phone) -> None:
    """§6; and §5: the state has nothing to do with presence."""
    relate(phone.world, ROMEO, JULIET, "both")
    romeo = phone.world.connect("romeo", "orchard").says("<presence/>")
    romeo.hears()
    phone.client.says(ACTIVE + INACTIVE)
    assert romeo.hears() == []
    romeo.says("<presence type='probe' to='juliet@localhost'/>")
    assert CSI not in romeo.raw


# -- what cannot wait

URGENT = {
    "text": stanza("message", body("soft"), "chat"),
    "text to a room": stanza("message", body("soft"), "groupchat"),
    "normal text": stanza("message", body("soft")),
    "headline text": stanza("message", body("soft"), "headline"),
    "OMEMO": stanza("message", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>", "chat"),
    "call": stanza("message", "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>", "chat"),
    "direct invitation": stanza("message", "<x xmlns='jabber:x:conference' jid='a@b'/>"),
    "mediated invitation": stanza("message", f"<x xmlns='{MUC_USER}'><invite from='a@b'/></x>"),
    "error": stanza("message", STATE + "<error type='cancel'/>", "error"),
    "copy of text": stanza("message", copy("received", body("soft")), "chat"),
    "copy of own text": stanza("message", copy("sent", body("soft")), "chat"),
    "copy of a call": stanza("message", copy("sent", "<accept xmlns='urn:xmpp:jingle-message:0' id='1'/>"), "chat"),
    "shown by another client": stanza("message", copy("sent", MARKER), "chat"),
    "shown (XEP-0490)": stanza("message", event("<item id='a@b'/>", "urn:xmpp:mds:displayed:0"), "headline"),
    "text beside a copy": stanza("message", copy("received", STATE) + body("soft"), "chat"),
    "request": stanza("iq", "<ping xmlns='urn:xmpp:ping'/>", "get"),
    "result": stanza("iq", "", "result"),
    "subscription": stanza("presence", "", "subscribe"),
    "subscribed": stanza("presence", "", "subscribed"),
    "error of presence": stanza("presence", "<error type='cancel'/>", "error"),
    "own place in a room": stanza("presence", SELF),
    "out of a room": stanza("presence", SELF, "unavailable"),
}


@pytest.mark.parametrize("name", URGENT)
def test_what_cannot_wait_comes_at_once_behind_what_waits(phone: Phone, name: str) -> None:
    held = stanza("presence", from_="nurse@localhost/x"), stanza("message", REACTION, "chat")
    phone.is_given(*held)
    assert phone.client.raw == ""
    phone.is_given(URGENT[name])
    assert phone.client.raw == on_the_wire(*held, URGENT[name])
    phone.is_given(stanza("presence"))
    assert phone.client.raw == ""  # and Juliet still does not look


# -- what can

PATIENT = {
    "presence": stanza("presence", "<show>away</show>"),
    "unavailable": stanza("presence", "", "unavailable"),
    "somebody in a room": stanza("presence", f"<x xmlns='{MUC_USER}'><item role='participant'/></x>"),
    "receipt": stanza("message", RECEIPT, "chat"),
    "marker": stanza("message", MARKER, "chat"),
    "copy of a receipt": stanza("message", copy("received", RECEIPT), "chat"),
    "copy of a marker": stanza("message", copy("received", MARKER), "chat"),
    "reaction": stanza("message", REACTION, "chat"),
    "receipt with a chat state": stanza("message", RECEIPT + STATE, "chat"),
    "subject": stanza("message", "<subject>s</subject>", "groupchat"),
    "event": stanza("message", event("<item id='current'/>"), "headline"),
    "event of a whole node": stanza("message", f"<event xmlns='{EVENT}'><purge node='n'/></event>", "headline"),
    "nothing": stanza("message"),
}


@pytest.mark.parametrize("name", PATIENT)
def test_what_can_wait_waits_and_is_not_lost(phone: Phone, name: str) -> None:
    phone.is_given(PATIENT[name])
    assert phone.client.raw == ""
    assert phone.looks() == on_the_wire(PATIENT[name])


FLEETING = {
    "chat state": stanza("message", STATE, "chat"),
    "chat state with a thread and hints": stanza(
        "message", f"{STATE}<thread>t</thread><no-store xmlns='urn:xmpp:hints'/>", "chat"
    ),
    "chat state in a room": stanza(
        "message", f"{STATE}<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/>", "groupchat"
    ),
    "chat state of an occupant": stanza("message", f"{STATE}<x xmlns='{MUC_USER}'/>", "chat"),
    "copy of a chat state": stanza("message", copy("received", STATE), "chat"),
    "copy of an own chat state": stanza("message", copy("sent", STATE), "chat"),
}


@pytest.mark.parametrize("name", FLEETING)
def test_what_is_only_a_sign_of_life_is_dropped(phone: Phone, name: str) -> None:
    phone.is_given(FLEETING[name])
    assert phone.looks() == ""


def test_of_each_presence_there_is_the_latest_at_its_own_place(phone: Phone) -> None:
    away, back = stanza("presence", "<show>away</show>"), stanza("presence")
    nurse, gone = (
        stanza("presence", from_="nurse@localhost/x"),
        stanza("presence", "", "unavailable", "nurse@localhost/x"),
    )
    other = stanza("presence", "", "unavailable", "romeo@localhost/other")
    receipt = stanza("message", RECEIPT, "chat")
    phone.is_given(away, nurse, receipt, back, other, gone)
    assert phone.looks() == on_the_wire(receipt, back, other, gone)


def test_a_presence_that_cannot_wait_makes_an_older_one_old(phone: Phone) -> None:
    phone.is_given(stanza("presence", "<show>away</show>"), stanza("presence", SELF))
    assert phone.client.raw == on_the_wire(stanza("presence", SELF))


def test_of_an_item_there_is_the_latest_event() -> None:
    phone = Phone()
    first, second = (
        stanza("message", event(f"<item id='tune'><t xmlns='urn:t'>{n}</t></item>"), "headline") for n in "12"
    )
    gone = stanza("message", event("<retract id='tune'/>"), "headline")
    phone.is_given(first, second)
    assert phone.looks() == on_the_wire(second)
    phone.client.says(INACTIVE)
    phone.is_given(first, gone)
    assert phone.looks() == on_the_wire(gone)


def test_events_of_other_items_nodes_and_senders_are_all_there(phone: Phone) -> None:
    events = [
        stanza("message", event("<item id='1'/>"), "headline"),
        stanza("message", event("<item id='2'/>"), "headline"),
        stanza("message", event("<item id='1'/><item id='2'/>"), "headline"),
        stanza("message", event("<item id='1'/>", "m"), "headline"),
        stanza("message", event("<item id='1'/>"), "headline", "nurse@localhost"),
        stanza("message", event("<item/>"), "headline"),
        stanza("message", event("<item/>"), "headline"),
        stanza("message", event("<item id='1'/>"), "normal"),
        stanza("message", event("<item id='1'/>") + REACTION, "headline"),
    ]
    phone.is_given(*events)
    assert phone.looks() == on_the_wire(*events)


# -- bounds


def presences(count: int, size: int = 0) -> list[Stanza]:
    return [stanza("presence", f"<status>{'x' * size}</status>", from_=f"u{n}@localhost/x") for n in range(count)]


def test_when_too_many_wait_all_come_and_it_begins_again() -> None:
    phone = Phone("xeps.csi.stanzas=3")
    phone.is_given(*presences(2))
    assert phone.client.raw == ""
    phone.is_given(*presences(5)[2:])
    assert phone.client.raw == on_the_wire(*presences(3))
    assert phone.looks() == on_the_wire(*presences(5)[3:])


def test_when_too_much_waits_all_of_it_comes() -> None:
    phone = Phone("xeps.csi.bytes=1000")
    phone.is_given(*presences(3, 300))
    assert phone.client.raw == on_the_wire(*presences(3, 300))


def test_what_has_become_old_takes_no_room() -> None:
    phone = Phone("xeps.csi.bytes=1000", "xeps.csi.stanzas=3")
    phone.is_given(*(presences(1, 300) * 20), *presences(2, 300)[1:])
    assert phone.client.raw == ""
    assert phone.looks() == on_the_wire(*presences(2, 300))


def test_an_option_that_would_hold_nothing_back_is_refused() -> None:
    with pytest.raises(Exception, match=r"xeps\.csi\.stanzas"):
        Phone("xeps.csi.stanzas=0")


# -- the end of the stream


def test_what_waits_for_a_client_that_is_gone_finds_another_way(phone: Phone) -> None:
    phone.is_given(stanza("presence"), stanza("message", RECEIPT, "chat"), stanza("message", STATE, "chat"))
    phone.client.wire.cut()
    settle()
    tablet = phone.world.connect("juliet", "tablet").says("<presence/>")
    told = [node for node in tablet.hears() if node.tag.endswith("}message")]
    assert [node[0].tag for node in told] == ["{urn:xmpp:receipts}received"]


@pytest.mark.parametrize("end", ["</stream:stream>", "<message><body></message>"])
def test_what_waits_for_a_client_that_leaves_is_not_said_after_its_end(phone: Phone, end: str) -> None:
    phone.is_given(stanza("message", RECEIPT, "chat"))
    phone.client.says(end)
    assert "urn:xmpp:receipts" not in phone.client.raw


def test_a_new_stream_of_the_same_resource_is_active(phone: Phone) -> None:
    phone.client.says("</stream:stream>")
    again = phone.world.connect("juliet", "phone")
    again.session.actor_inbox.tell(Deliver(stanza("message", STATE)))
    assert len(again.hears()) == 1


# -- the whole way


def test_a_phone_is_woken_by_what_its_user_is_told_and_by_nothing_else() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "both")
    phone, desk = world.available("juliet", "phone"), world.available("juliet", "desk")
    phone.asks("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
    romeo = world.available("romeo", "orchard")
    for client in (phone, desk):
        client.hears()
    phone.says(INACTIVE)
    for show in ("away", "dnd", "chat"):
        romeo.says(f"<presence><show>{show}</show></presence>")
    romeo.says(f"<message to='juliet@localhost/desk' type='chat'>{STATE}</message>")
    assert phone.hears() == []
    romeo.says("<message to='juliet@localhost/desk' type='chat'><body>soft</body></message>")
    shown, copied = phone.hears()
    assert shown.findtext("{jabber:client}show") == "chat"
    assert copied[0].tag == "{urn:xmpp:carbons:2}received"
    desk.says("<message to='romeo@localhost' type='chat'><body>ay me</body></message>")
    (own,) = phone.hears()
    assert own[0].tag == "{urn:xmpp:carbons:2}sent"


# -- whatever comes

SENDERS = ["a@localhost/1", "a@localhost/2", "b@localhost/1", "localhost"]
CONTENTS = {
    "presence": ("", SELF, "<show>away</show>"),
    "message": (
        *(body("x"), STATE, RECEIPT, MARKER, REACTION, body("x") + STATE, copy("sent", MARKER), ""),
        *(copy("received", STATE), copy("received", body("x")), event("<item id='1'/>"), event("<item id='2'/>")),
    ),
    "iq": ("<ping xmlns='urn:xmpp:ping'/>",),
}
TYPES = {
    "presence": ("", "unavailable", "subscribe", "error"),
    "message": ("", "chat", "groupchat", "headline", "error"),
    "iq": ("get", "result"),
}
KINDS = st.sampled_from(sorted(CONTENTS))


@st.composite
def stanzas(draw: st.DrawFn) -> Stanza:
    kind = draw(KINDS)
    content, type = draw(st.sampled_from(CONTENTS[kind])), draw(st.sampled_from(TYPES[kind]))
    return stanza(kind, content, type, draw(st.sampled_from(SENDERS)))


def is_presence(one: Stanza) -> bool:
    return one.kind == "presence" and one.type in ("", "unavailable")


def is_event(one: Stanza) -> bool:
    return one.type == "headline" and one.body.decode().startswith("<event")


def is_chat_state(one: Stanza) -> bool:
    text = one.body.decode()
    return one.kind == "message" and one.type != "error" and "chatstates" in text and "<body>" not in text


def latest(sequence: Iterable[Stanza]) -> dict[tuple[JID | None, bytes], str | None]:
    """The ids of the last presence of each full JID, and of the last event of each item."""
    presences = {(one.from_, b""): one.id for one in sequence if is_presence(one)}
    return presences | {(one.from_, one.body): one.id for one in sequence if is_event(one)}


@settings(max_examples=100, deadline=None)
@given(st.lists(stanzas(), max_size=60), st.integers(1, 20), st.integers(1, 5000))
def test_whatever_comes_keeps_its_order_loses_nothing_and_says_each_presence_once(
    sequence: list[Stanza], most: int, bytes: int
) -> None:
    gate = Waiting(CSIOptions(stanzas=most, bytes=bytes))
    for number, one in enumerate(sequence):
        one.id = str(number)
    written: list[list[Stanza]] = []
    for one in sequence:
        written.append([delivery.stanza for delivery in gate.admit(Deliver(one))])
        held = gate._held.values()
        assert len(held) < most or not held
        assert sum(len(delivery.stanza.wire) for delivery in held) == gate._bytes < bytes
    written.append([delivery.stanza for delivery in gate.empty()])
    assert list(gate.empty()) == []

    came = list(itertools.chain.from_iterable(written))
    order = [int(one.id or "") for one in came]
    assert order == sorted(order)
    assert all(one.wire == sequence[number].wire for one, number in zip(came, order, strict=True))
    missing = [one for number, one in enumerate(sequence) if number not in order]
    assert all(is_chat_state(one) or is_presence(one) or is_event(one) for one in missing)
    assert latest(came) == latest(sequence)
    for burst in written:
        presences = [one.from_ for one in burst if is_presence(one)]
        assert len(presences) == len(set(presences))
