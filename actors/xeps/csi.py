"""XEP-0352: Client State Indication."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Annotated

import msgspec

from actors.hooks import XEP, Feature, bind_inline, nonza, offered
from actors.mailbox import Deliver
from actors.session import Session
from net.xmpp.errors import StreamError
from net.xmpp.forwarding import message_within
from net.xmpp.offers import Offer, after_login
from net.xmpp.signs import ROOM_USER, Sign, signs
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element

NAMESPACE = "urn:xmpp:csi:0"
SENT = "{urn:xmpp:carbons:2}sent"
RECEIVED = "{urn:xmpp:carbons:2}received"
ITEMS = "{http://jabber.org/protocol/pubsub#event}event/{http://jabber.org/protocol/pubsub#event}items"
STATUS = "{http://jabber.org/protocol/muc#user}status"
DISPLAYED = "urn:xmpp:mds:displayed:0"

# What somebody has to be called for.
URGENT = Sign.BODY | Sign.ENCRYPTED | Sign.CALL | Sign.INVITATION

# What is only a sign of life.
FLEETING = (Sign.CHAT_STATE, Sign.CHAT_STATE | Sign.ROOM)


class CSIOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`stanzas`, `bytes`: how much is held back for one client; then all of it goes out."""

    stanzas: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 250
    bytes: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 100_000


class CSI(Feature):
    """Lets a phone sleep: while nobody looks at it, what can wait waits for what cannot."""

    implements = (XEP(352, "1.0.0", "Client State Indication"),)
    Options = CSIOptions

    @offered
    def stream_feature(self) -> Offer:
        """§4.1."""
        return after_login("csi", f'<csi xmlns="{NAMESPACE}"/>'.encode())

    @nonza(f"{{{NAMESPACE}}}inactive")
    def inactive(self, session: Session, _: Element) -> None:
        """§4.2: the user does not look at the client."""
        _require_resource(session)
        if session.gate is None:
            session.put_gate(Waiting(self.options))

    @bind_inline(NAMESPACE, f"{{{NAMESPACE}}}inactive", of=Session)
    def begin_inactive(self, session: Session, _resource: str, asked: Element) -> None:
        """XEP-0386 §4: nobody looks at the client from the beginning."""
        self.inactive(session, asked)

    @nonza(f"{{{NAMESPACE}}}active")
    def active(self, session: Session, _: Element) -> None:
        """§4.2, §5.1: the user does. What has waited goes out before anything else that the client asks for."""
        _require_resource(session)
        session.put_gate(None)


def _require_resource(session: Session) -> None:
    """Raises StreamError. To a client without a resource nothing is delivered."""
    if not session.connected:
        raise StreamError("unsupported-stanza-type")


class Waiting:
    """The gate of a client that is not looked at: what waits for it, in order, without what has become old."""

    def __init__(self, most: CSIOptions) -> None:
        self._most = most
        self._held: dict[Hashable, Deliver] = {}
        self._bytes = 0

    def admit(self, delivery: Deliver) -> Iterable[Deliver]:
        """Nothing, or all that has waited and this behind it.

        What waits, or is dropped, counts as handled (XEP-0198): nobody is to wait for a phone that sleeps.
        """
        stanza = delivery.stanza
        if is_fleeting(stanza):
            _handled(delivery)
            return ()
        same = place(stanza)
        if same is not None:
            self._forget(same)
        if is_urgent(stanza):
            return [*self.empty(), delivery]
        _handled(delivery)
        held = msgspec.structs.replace(delivery, stanza=stanza.at_rest(), receipt=None)
        self._held[object() if same is None else same] = held
        self._bytes += len(held.stanza.wire)
        full = len(self._held) >= self._most.stanzas or self._bytes >= self._most.bytes
        return self.empty() if full else ()

    def empty(self) -> Iterable[Deliver]:
        """All that has waited."""
        held, self._held, self._bytes = self._held, {}, 0
        return held.values()

    def _forget(self, place: Hashable) -> None:
        old = self._held.pop(place, None)
        if old is not None:
            self._bytes -= len(old.stanza.wire)


def _handled(delivery: Deliver) -> None:
    if delivery.receipt is not None:
        delivery.receipt.handled()


def is_fleeting(stanza: Stanza) -> bool:
    """Whether this would say nothing any more by the time that somebody looks: a chat state alone, copied or not."""
    return stanza.kind == "message" and stanza.type != "error" and signs(spoken(stanza)[0]) in FLEETING


def is_urgent(stanza: Stanza) -> bool:
    """Whether this cannot wait: a request or an answer, what asks for a decision, what somebody says."""
    if stanza.kind == "presence":
        return stanza.type not in ("", "unavailable") or _is_about_own_place(stanza)
    if stanza.kind == "iq" or stanza.type == "error":
        return True
    message, copied = spoken(stanza)
    found = signs(message)
    # What another client of the user's has shown need not be announced by this one any more.
    shown = (copied == SENT and Sign.MARKER in found) or (Sign.EVENT in found and _node(stanza) == DISPLAYED)
    return bool(found & URGENT) or shown


def place(stanza: Stanza) -> Hashable | None:
    """What this is the latest word on; None for what does not make anything else old.

    A presence is of a full JID, an event of the items of a node: of others nothing is known about which is the latest.
    """
    if stanza.kind == "presence":
        return ("presence", stanza.from_) if stanza.type in ("", "unavailable") else None
    if stanza.kind == "message" and stanza.type == "headline" and signs(stanza) == Sign.EVENT:
        items = stanza.element.find(ITEMS)
        ids = tuple(item.get("id") for item in items) if items is not None else ()
        if items is not None and all(ids) and ids:
            return "event", stanza.from_, items.get("node"), ids
    return None


def spoken(stanza: Stanza) -> tuple[Stanza | Element, str]:
    """The message itself or, where it is a copy (XEP-0280) and nothing else, what was copied; and the copy's name."""
    wrapper = stanza.payload
    if wrapper is not None and wrapper.tag in (SENT, RECEIVED) and len(stanza.element) == 1:
        message = message_within(wrapper)
        if message is not None:
            return message, wrapper.tag
    return stanza, ""


def _node(stanza: Stanza) -> str | None:
    items = stanza.element.find(ITEMS)
    return None if items is None else items.get("node")


def _is_about_own_place(presence: Stanza) -> bool:
    """Whether it tells the client what has become of itself in a room (XEP-0045 §7.2.2: status 110)."""
    about = presence.find(ROOM_USER) if presence.mentions(b"muc#user") else None
    return about is not None and any(status.get("code") == "110" for status in about.iterfind(STATUS))
