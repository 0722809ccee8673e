"""Stanzas: what is accepted goes out as something that is accepted again, and means the same."""

from __future__ import annotations

from typing import Any

from lxml import etree

from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.stream import Limits, Misaddressed
from net.xmpp.xml import parse
from tests.fuzz.repair import elements
from tests.net.xmpp.streams import HEADER, flowing, tree

AMPLE = Limits(before=100_000, after=1_000_000)
SEEDS = (
    b"<message to='a@b' from='c@d/e' id='1' type='chat' xml:lang='en'><body>hi</body><thread/>tail</message>",
    b"<message xmlns='jabber:client'><body xmlns='jabber:client'>a</body></message>",
    b"<iq type='get' id=''><query xmlns='urn:q' a='&lt;&#10;'> <item/> </query></iq>",
    b"<c:iq xmlns:c='jabber:client' xmlns:a='urn:a' a:b='c' a:d='e'><a:q a:b=''><c:x/></a:q></c:iq>",
    b"<message xmlns:s='u' s:a='1'><s:a/><b><s:c xmlns:s='v' s:d=''/></b></message>",
    b"<message><x xmlns:q='urn:1' q:z='0'><y xmlns:r='urn:1'><z xmlns:q='urn:2' r:b='' q:b=''/></y></x></message>",
    b"<message><x xmlns:ns0='urn:0' xmlns:b='urn:1'><ns0:y xmlns='urn:2' b:z=''><w xmlns=''/></ns0:y></x></message>",
    b"<message><f xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><x xmlns=''/></message></f></message>",
    b"<presence xml:space='preserve'><priority>1</priority><c xmlns='urn:c' xml:lang='it'/></presence>",
)


def attempt(data: bytes) -> None:
    """As it is, and mended inside of a message."""
    _said(data)
    _said(b"<message>" + b"".join(map(etree.tostring, elements(data))) + b"</message>")


def _said(data: bytes) -> None:
    for event in flowing(AMPLE).feed(data):
        stanza = event.stanza if isinstance(event, Misaddressed) else event
        if isinstance(stanza, Stanza):
            _goes_round(stanza, named=b"ns0" in data)


def _goes_round(stanza: Stanza, *, named: bool) -> None:
    wire = stanza.wire
    unnamed = b'xmlns=""' in wire
    meant = _meant(wire, unnamed=unnamed)
    assert named or b"ns0" not in wire, wire
    assert tree(parse(b"<r>" + stanza.body + b"</r>"))[2:] == tree(stanza.element)[2:]

    for again in (_heard(wire), _heard(stanza.framed()), stanza.at_rest(), stanza.addressed(stanza.to)):
        assert _fields(again) == _fields(stanza)
        assert _meant(again.wire, unnamed=unnamed) == meant, (wire, again.wire)
        assert named or b"ns0" not in again.wire, again.wire
    assert _meant(Stanza.read(parse(wire)).wire, unnamed=unnamed) == meant
    assert tree(stanza.at_rest().element)[2:] == tree(stanza.element)[2:]

    more = stanza.with_content(b'<added xmlns="urn:added"/>')
    assert _heard(more.wire).element[-1].tag == "{urn:added}added"
    less = _heard(stanza.without(list(stanza.element.iterfind("{*}body"))).wire)
    assert less.element.find("{*}body") is None
    error = _heard(stanza.error(StanzaError("item-not-found")).wire)
    assert (error.to, error.from_, error.id, error.element[-1].tag) == (stanza.from_, stanza.to, stanza.id, "error")
    result = _heard(stanza.stamped(JID.parse("a@b/'&<")).result(stanza.payload).wire)
    assert result.to == "a@b/'&<"


def _meant(wire: bytes, *, unnamed: bool) -> Any:
    """What a client makes of it. `unnamed`: no namespace and that of content count as one, as they do in the server."""
    root = etree.fromstring(b"<r xmlns='jabber:client'>" + wire + b"</r>")
    if unnamed:
        for node in root.iter("{jabber:client}*"):
            node.tag = etree.QName(node).localname
    return tree(root)


def _heard(wire: bytes) -> Stanza:
    (stanza,) = flowing(AMPLE, HEADER).feed(wire)
    assert isinstance(stanza, Stanza), stanza
    return stanza


def _fields(stanza: Stanza) -> tuple[object, ...]:
    return stanza.kind, stanza.type, stanza.to, stanza.from_, stanza.id, stanza.lang, stanza.extra or None
