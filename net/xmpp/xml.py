"""The one lxml: building, clean serialising, and parsing what was serialised here.

Inside the server the elements of a stanza that belong to the content namespace ("jabber:client", "jabber:server")
stand in no namespace, because a stream's parser is fed a root without it. The same value then goes out unchanged on
streams of either kind, and never grows `ns0:` prefixes.
"""

from __future__ import annotations

import re
import sys
from itertools import zip_longest
from typing import TypeAlias
from xml.sax.saxutils import escape as _escape

from lxml import etree

STREAM = "http://etherx.jabber.org/streams"
CLIENT = "jabber:client"
XML = "http://www.w3.org/XML/1998/namespace"
XML_LANG = f"{{{XML}}}lang"

# RFC 6120 defines five for a stanza; looking one up takes the longer the more there are.
MOST_ATTRIBUTES = 50

Element: TypeAlias = etree._Element

_IN_CLIENT = f"{{{CLIENT}"

# White space other than a blank would not survive in an attribute (XML 1.0 §3.3.3).
_QUOTE = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}

# What no document can carry, not even as a reference (XML 1.0 §2.2), and what has to be written as one.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile(r"[&<>\r]")  # what cannot stand in text as it is
_SPECIAL = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')


# What this server wrote may be deeper than what it accepts: it was put into something.
_own = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, collect_ids=False)


def parse(document: bytes) -> Element:
    """A document that this server wrote itself (stored or serialised before), as its root element."""
    return etree.fromstring(document, _own)


def element(tag: str, text: str | None = None, *children: Element, **attributes: str) -> Element:
    """An element by its Clark name ("{namespace}local"); `text` None means none."""
    namespace = tag[1:].partition("}")[0] if tag.startswith("{") else None
    made = etree.Element(tag, attributes, nsmap={None: namespace} if namespace else None)
    made.text = text
    made.extend(children)
    return made


def serialise(node: Element) -> bytes:
    """The element as UTF-8, without its tail and without a declaration."""
    text = _text(node)
    return (text if _true_to(node, text) else _unmistakable(node)).encode()


def _text(node: Element) -> str:
    text: str = etree.tostring(node, encoding="unicode", with_tail=False)
    return text


def _true_to(node: Element, text: str) -> bool:
    """Whether this text of the element says what the element means.

    When lxml moves an element it merges declarations of one namespace, and does not mind that the prefix it settles
    for means something else further in. Strangers can make that give an attribute twice, which ends the stream of
    whoever is sent it.
    """
    if "xmlns:" not in text:
        return True
    try:
        again = parse(text.encode())
    except etree.XMLSyntaxError:
        return False
    pairs = zip_longest(again.iter(), node.iter())
    return all(
        one is not None and other is not None and one.tag == other.tag and one.keys() == other.keys()
        for one, other in pairs
    )


def _unmistakable(node: Element) -> str:
    """The element with one prefix for each namespace, declared once and used for nothing else."""
    prefixes = {"{" + XML: "xml"}

    def named(clark: str) -> str:
        namespace, _, local = clark.rpartition("}")
        return f"{prefixes.setdefault(namespace, f'a{len(prefixes)}')}:{local}" if namespace else local

    def written(node: Element) -> str:
        tag = named(node.tag)
        attributes = {named(key): node.get(key) for key in node.keys()[:MOST_ATTRIBUTES]}
        start = tag + "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
        inside = escape(node.text or "") + "".join(written(child) + escape(child.tail or "") for child in node)
        return f"<{start}>{inside}</{tag}>"

    text = written(node)
    del prefixes["{" + XML]
    declared = "".join(f' xmlns:{prefix}="{escape(namespace[1:])}"' for namespace, prefix in prefixes.items())
    end_of_name = len(named(node.tag)) + 1
    return text[:end_of_name] + declared + text[end_of_name:]


def escape(text: str) -> str:
    """Text made safe for content and for attributes in double quotes; characters that XML cannot carry are dropped."""
    if _SPECIAL.search(text) is None:
        return text
    return _escape(_FORBIDDEN.sub("", text), _QUOTE)


def lone_body(node: Element) -> bytes | None:
    """As `inner`, which takes longer, of an element with a <body/> in it and nothing else, as most messages are. None
    if there is more to it, or if that cannot be told at a glance.
    """
    if len(node) != 1:
        return None
    child = node[0]
    text = child.text
    if child.tag != "body" or not text or len(child) or child.keys() or child.tail or node.text:
        return None
    if _MARKUP.search(text) is not None or "" in child.nsmap.values():
        return None
    return f"<body>{text}</body>".encode()


def inner(node: Element) -> bytes:
    """What stands between the start tag and the end tag of an element, self-contained."""
    whole = _text(node)
    if whole[-2] == "/":
        return b""
    # A serialised attribute never contains a raw ">", so the first one ends the start tag.
    start = whole.index(">") + 1
    declares = whole.find(" xmlns", 0, start) > 0
    if not declares and ("xmlns:" not in whole or _true_to(node, whole)):
        return whole[start : whole.rindex("<")].encode()
    if declares:
        node = plain(parse(serialise(node)))
    return _utf8(node.text) + b"".join(serialise(child) + _utf8(child.tail) for child in node)


def _utf8(text: str | None) -> bytes:
    return escape(text or "").encode()


def plain(node: Element, most: int = sys.maxsize) -> Element:
    """The content of a stanza that names namespaces itself, on a new element with nothing else on its start tag.

    What names "jabber:client" stands in no namespace afterwards, like all content; what is embedded in an element of
    another namespace keeps its own, unless it only had it from the start tag of the stanza. The children are taken
    over, and each declares what it uses of the prefixes that stood above it. That multiplies declarations: ValueError
    when it may add more than `most` bytes.
    """
    above = sum(len(prefix) + len(name) + 10 for prefix, name in node.nsmap.items() if prefix)
    if above * len(node) > most:
        raise ValueError("long namespace declarations are used in many places")
    bare = etree.Element(node.tag.rpartition("}")[2])
    bare.text = node.text
    for child in node:
        bare.append(_tidied(child) if _renamed(child) else child)
    return bare


def _tidied(node: Element) -> Element:
    """The element without declarations that nothing in it needs."""
    if 'xmlns=""' not in _text(node):
        etree.cleanup_namespaces(node)
        return node
    # lxml would take that for one of them.
    tidy = parse(_unmistakable(node).encode())
    tidy.tail = node.tail
    return tidy


def _renamed(node: Element) -> bool:
    """Takes content out of its namespace, down to what is embedded; whether there was anything to do.

    Within an element with a prefix "jabber:client" is still what a name without one stands in.
    """
    namespace, _, local = node.tag.rpartition("}")
    some: bool = namespace == _IN_CLIENT
    if some:
        node.tag = local
    elif namespace and node.nsmap.get(None) != CLIENT:
        return False
    for child in node:
        some |= _renamed(child)
    return some
