"""The one lxml: a parser that trusts nothing, building, and clean serialising.

Inside the server the elements of a stanza that belong to the content namespace ("jabber:client", "jabber:server")
stand in no namespace, because the parser is fed a root without it. The same value then goes out unchanged on
streams of either kind, and never grows `ns0:` prefixes.
"""

from __future__ import annotations

from typing import TypeAlias
from xml.sax.saxutils import escape as _escape

from lxml import etree

STREAM = "http://etherx.jabber.org/streams"
CLIENT = "jabber:client"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

Element: TypeAlias = etree._Element

# White space other than a blank would not survive in an attribute (XML 1.0 §3.3.3).
_QUOTE = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def parser(*events: str) -> etree.XMLPullParser[Element]:
    """A pull parser for what strangers send: UTF-8 only, no DTD, no entities but XML's own five, no network."""
    return etree.XMLPullParser(
        events=events,
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        collect_ids=False,
    )


def parse(document: bytes) -> Element:
    """A document that this server wrote itself (stored or serialised before), as its root element."""
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, collect_ids=False))


def element(tag: str, text: str | None = None, *children: Element, **attributes: str) -> Element:
    """An element by its Clark name ("{namespace}local"); `text` None means none."""
    namespace = tag[1:].partition("}")[0] if tag.startswith("{") else None
    made = etree.Element(tag, attributes, nsmap={None: namespace} if namespace else None)
    made.text = text
    made.extend(children)
    return made


def serialise(node: Element) -> bytes:
    """The element as UTF-8, without its tail and without a declaration."""
    data: bytes = etree.tostring(node, encoding="utf-8", xml_declaration=False, with_tail=False)
    return data


def escape(text: str) -> str:
    """Text made safe for content and for attributes in double quotes; characters that XML cannot carry are dropped."""
    if text.isalnum():
        return text
    return _escape("".join(c for c in text if _allowed(c)) if not text.isprintable() else text, _QUOTE)


def _allowed(character: str) -> bool:
    code = ord(character)
    return character in "\t\n\r" or (code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF))


def inner(node: Element) -> bytes:
    """What stands between the start tag and the end tag of an element, self-contained."""
    if len(node) == 0 and not node.text:
        return b""
    whole = serialise(node)
    # A serialised attribute never contains a raw ">", so the first one ends the start tag.
    start = whole.index(b">") + 1
    if b" xmlns" in whole[:start]:
        return escape(node.text or "").encode() + b"".join(map(_with_tail, node))
    return whole[start : whole.rindex(b"<")]


def _with_tail(node: Element) -> bytes:
    data: bytes = etree.tostring(node, encoding="utf-8", xml_declaration=False, with_tail=True)
    return data
