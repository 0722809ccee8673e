"""What a peer sends, as a stream parser takes it: the same events wherever the bytes are cut."""

from __future__ import annotations

from typing import Any

from net.xmpp.stream import Limits
from tests.net.xmpp.streams import HEADER, LIMITS, bytewise, content, cut, play

TOO_LARGE = [("failed", "policy-violation")]
SMALL = Limits(before=300, after=500)

AUTH = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"
SAID = (
    b"<presence/><message to='a@b' id='1'><body>Art thou not Romeo?</body></message><iq type='get' id='2'/>",
    b"<message xmlns='jabber:client'><body>hi &lt;&#65;</body></message> \n<presence to='@'/></stream:stream>",
    b"<c:message xmlns:c='jabber:client' xmlns:a='urn:a' a:b='c'><c:body><![CDATA[<b>]]></c:body></c:message>",
    b"<x xmlns:q='urn:1' q:z=''><y xmlns:r='urn:1'><z xmlns:q='urn:2' r:b='' q:b=''/></y></x>",
    b"<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded></message>",
    b"<r xmlns='urn:xmpp:sm:3'/><!-- no --><message/>",
    b"<message/>\0<message><body>\0</body></message>",
    b"<message/> text <message/>\xff",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]><message>&b;</message>",
    AUTH + HEADER + b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/>",
    b"<message>" + b"<a/>" * 200 + b"</message><presence/>",
)
_BARE = b"<?xml version='1.0' encoding='utf-8'?> " + HEADER + b"<presence/>"
_CUTS = bytes((10, 100, 150, 200))
SEEDS = (*(bytes((how,)) + _CUTS + said for how in (1, 3, 7) for said in SAID), b"\x02" + _CUTS + _BARE)


def attempt(data: bytes) -> None:
    """The first byte says how, four more where to cut, the rest is said."""
    how, places, said = data[0] if data else 0, data[1:5], data[5:]
    if how & 1:
        said = HEADER + said
    freely, limits = bool(how & 2), SMALL if how & 4 else LIMITS

    heard = play([said], freely=freely, limits=limits)
    scaled = [place * len(said) // 255 for place in places]
    for pieces in (bytewise(said), cut(said, scaled)):
        assert _alike(play(pieces, freely=freely, limits=limits), heard), (pieces, heard)

    for kind, *told in heard:
        assert (kind, *told) not in (("failed", "internal-server-error"), ("failed", "undefined-condition"))
        if kind == "stanza":
            content(told[0])


def _alike(one: list[Any], other: list[Any]) -> bool:
    """The same events; but an element may exceed the limit by what comes in one read, and then more is heard."""
    if TOO_LARGE not in (one[-1:], other[-1:]):
        return one == other
    pairs = zip(one, other, strict=False)
    return all(this == that for this, that in pairs if TOO_LARGE not in ([this], [that]))
