"""Plays what a peer says into a `Stream`, whole or in pieces, and tells what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree

from net.xmpp.offers import SASL
from net.xmpp.stanza import Stanza
from net.xmpp.stream import Closed, Event, Failed, Limits, Misaddressed, Nonza, Opened, Stream
from net.xmpp.xml import STREAM, Element, serialise

HEADER = f"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='{STREAM}'>".encode()
AUTH = f"{{{SASL}}}auth"
LIMITS = Limits(before=10_000, after=20_000)


def play(pieces: Iterable[bytes], *, freely: bool = True, limits: Limits = LIMITS) -> list[Any]:
    """What a stream tells that is fed these pieces, the header among them, in a form to compare.

    After each pause it is told to go on; `freely`: as after binding; after <auth/> from a new header.
    """
    stream = Stream(limits)
    heard = []
    for piece in pieces:
        events = stream.feed(piece)
        while events:
            heard += map(told, events)
            events = _go_on(stream, events[-1], freely=freely) if stream.paused else []
    return heard


def _go_on(stream: Stream, last: Event, *, freely: bool) -> list[Event]:
    if isinstance(last, Nonza) and last.element.tag == AUTH:
        return stream.restart()
    return stream.proceed(freely=freely)


def after_header(data: bytes, *, freely: bool = True, limits: Limits = LIMITS) -> list[Any]:
    """What a stream tells of this, fed at once after a header."""
    opened, *heard = play([HEADER, data], freely=freely, limits=limits)
    assert opened[0] == "opened"
    return heard


def told(event: Event) -> Any:
    """An event as a value that equals another of the same content."""
    match event:
        case Opened():
            return "opened", tuple(event)
        case Stanza():
            return "stanza", event.wire.decode()
        case Nonza(node):
            return "nonza", serialise(node).decode()
        case Misaddressed(stanza, attribute, _):
            return "misaddressed", attribute, stanza.kind
        case Closed():
            return ("closed",)
        case Failed(error):
            return "failed", error.condition


def flowing(limits: Limits = LIMITS, header: bytes = HEADER) -> Stream:
    """A stream that flows freely."""
    stream = Stream(limits)
    stream.feed(header)
    stream.proceed(freely=True)
    return stream


def one_stanza(data: bytes, header: bytes = HEADER) -> Stanza:
    """The stanza that this is on a stream that flows freely."""
    (stanza,) = flowing(header=header).feed(data)
    assert isinstance(stanza, Stanza)
    return stanza


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces, cut at these places (modulo its length)."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def tree(node: Element) -> Any:
    """An element as a value: prefixes do not count, nor the order of attributes."""
    return node.tag, sorted(node.items()), node.text or "", [(tree(child), child.tail or "") for child in node]


def meaning(wire: bytes) -> Any:
    """What a client makes of a stanza's wire form."""
    return tree(etree.fromstring(b"<r xmlns='jabber:client'>" + wire + b"</r>"))


def content(wire: bytes | str) -> Any:
    """What a stanza's wire form says, as a value; and a check that it is well-formed by itself."""
    data = wire.encode() if isinstance(wire, str) else wire
    return tree(etree.fromstring(b"<r>" + data + b"</r>"))
