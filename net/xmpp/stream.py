"""One XML stream, from bytes to values (RFC 6120 §4 and §11). Sans I/O: `feed` bytes, take events.

A stream begins *stepwise*: after its header and after each element it pauses, and parses nothing more until `proceed`
or `restart` says how what follows is to be read. That makes it impossible for anything sent ahead to be taken for what
it is not (RFC 6120 §5.4.3.3, plaintext after <starttls/>). Once resource binding is done it flows freely.

Memory is bounded before it is used: what has been fed since the last complete element never exceeds the limit in force
by more than one read. Between stanzas the parser can be let go (`rest`); it costs 5 to 10 kB, and a new one is made
when bytes come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from net.xmpp.errors import StreamError
from net.xmpp.stanza import KINDS, Malformed, Stanza
from net.xmpp.xml import CLIENT, STREAM, XML_LANG, Element, escape, parser

# White space that XML allows between elements, and RFC 6120 §4.6.1 as keepalive.
BLANK = b" \t\r\n"

# A parser remembers every name it has seen. After so many bytes a busy stream gets a new one.
MOST_FED = 1 << 20

_DECLARATION = re.compile(rb"<\?xml\s+version\s*=\s*(['\"])1\.\d+\1([^?]*)\?>")
_ENCODING = re.compile(rb"\s+encoding\s*=\s*(['\"])([^'\"]*)\1")
_NOT_UTF8 = etree.ErrorTypes.ERR_INVALID_ENCODING
_RESTRICTED = frozenset((etree.ErrorTypes.ERR_UNDECLARED_ENTITY, etree.ErrorTypes.WAR_UNDECLARED_ENTITY))


class Limits(NamedTuple):
    """The most bytes one element may have, before and after the stream flows freely."""

    before: int
    after: int


class Opened(NamedTuple):
    """The peer's stream header, with its attributes as they came ("" when absent)."""

    to: str
    from_: str
    version: str
    lang: str
    namespace: str


class Nonza(NamedTuple):
    """A stream-level element that is no stanza: <starttls/>, <auth/>, ..."""

    element: Element


class Misaddressed(NamedTuple):
    """A stanza whose "to" or "from" (`attribute`) is no JID; `stanza` carries the rest."""

    stanza: Stanza
    attribute: str
    reason: str


class Closed(NamedTuple):
    """The peer's closing stream tag (RFC 6120 §4.4)."""


class Failed(NamedTuple):
    """The peer broke the rules of streams; nothing is parsed after this."""

    error: StreamError


Event = Opened | Stanza | Nonza | Misaddressed | Closed | Failed


class Stream:
    """The receiving half of a stream: `feed` it what the peer sends."""

    __slots__ = (
        "_done",
        "_fed",
        "_header",
        "_held",
        "_limits",
        "_opened",
        "_parser",
        "_root",
        "_since",
        "_stepwise",
        "paused",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = b""
        self._done = False
        self._expect_header()

    def _expect_header(self) -> None:
        self.paused = False
        self._opened = False
        self._parser: etree.XMLPullParser[Element] | None = None
        self._root: Element | None = None
        self._header: bytes = b""
        self._since = self._fed = 0
        self._stepwise = True

    # -- in

    def feed(self, data: bytes) -> list[Event]:
        """What `data` completes. While the stream is paused it is held back, within the limit."""
        if self._done:
            return []
        if self._held:
            data = self._held + data
            self._held = b""
        if self.paused:
            self._held = data
            return self._too_large() if len(data) > self._limit else []
        events: list[Event] = []
        try:
            events.extend(self._read(data))
        except StreamError as error:
            self.stop()
            events.append(Failed(error))
        except etree.XMLSyntaxError as error:
            self.stop()
            events.append(Failed(_blame(error)))
        return events

    def proceed(self, *, freely: bool = False) -> list[Event]:
        """Reads on in the same stream after a pause; `freely`: without pausing from now on, within the larger limit."""
        self.paused = False
        self._stepwise = not freely
        return self.feed(b"")

    def restart(self) -> list[Event]:
        """Reads on after a pause, from a new stream header (RFC 6120 §4.3.3)."""
        self._expect_header()
        return self.feed(b"")

    @property
    def leftover(self) -> bool:
        """Whether the peer has sent anything beyond the element at which the stream paused."""
        return bool(self._held.strip(BLANK))

    def rest(self) -> None:
        """Lets the parser go if nothing is half read. Costs nothing to call, and nothing is lost by it."""
        if self._opened and not self._since and not self._stepwise:
            self._parser = self._root = None

    def stop(self) -> None:
        """Nothing is parsed any more, and nothing is kept."""
        self._done = True
        self._parser = self._root = None
        self._held = b""

    def _too_large(self) -> list[Event]:
        self.stop()
        return [Failed(StreamError("policy-violation", f"more than {self._limit} bytes in one element"))]

    @property
    def _limit(self) -> int:
        return self._limits.before if self._stepwise else self._limits.after

    def _read(self, data: bytes) -> Iterator[Event]:
        if not self._opened and self._parser is None:
            data = self._prolog(data)
            if not data:
                return
        if not self._stepwise and self._since + len(data) <= self._limit:
            yield from self._read_freely(data)
        else:
            yield from self._read_carefully(data)

    def _prolog(self, data: bytes) -> bytes:
        """Passes the XML declaration, and refuses whatever else might stand before the header.

        Returns what the parser is to see, or nothing while it takes more bytes to tell.
        """
        data = data.lstrip(BLANK)
        if data[:2] in (b"<?", b"<") or not data:
            end = data.find(b"?>")
            if end < 0:
                if len(data) > 256:
                    raise StreamError("not-well-formed", "the XML declaration has no end")
                self._held = data
                return b""
            declaration = _DECLARATION.fullmatch(data, 0, end + 2)
            if declaration is None:
                raise StreamError("restricted-xml" if data[2:5] != b"xml" else "not-well-formed")
            encoding = _ENCODING.match(declaration[2])
            if encoding and encoding[2].lower() not in (b"utf-8", b"utf8"):
                raise StreamError("unsupported-encoding", "RFC 6120 §11.6: UTF-8 only")
            data = data[end + 2 :].lstrip(BLANK)
            if len(data) < 2:
                self._held = data
                return b""
        if data[:2] == b"<!":
            raise StreamError("restricted-xml")  # RFC 6120 §11.1: a DTD or a comment
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
            raise StreamError("unsupported-encoding", "RFC 6120 §11.6: UTF-8 only")
        self._parser = parser("start", "end", "comment", "pi")
        return data

    def _read_freely(self, data: bytes) -> Iterator[Event]:
        """The fast way: nothing in `data` can pass the limit, and nothing in it makes the stream pause."""
        if not self._since:
            data = data.lstrip(BLANK)
        end = len(data.rstrip(BLANK))
        if not data:
            return
        if self._parser is None:
            self._wake()
        # The last byte goes in alone: if it completes a stanza, then nothing is half read after it.
        self._push(data[: end - 1])
        some = False
        for event in self._events():
            some = True
            yield event
        self._push(data[end - 1 : end])
        self._fed += len(data)
        whole = False
        for event in self._events():
            whole = True
            yield event
        if self._done:
            return
        if whole:
            self._since = 0
            if self._fed > MOST_FED:
                self.rest()
        else:
            self._push(data[end:])
            self._since = len(data) if some else self._since + len(data)
            self._refuse_second_root()

    def _read_carefully(self, data: bytes) -> Iterator[Event]:
        """The exact way: an element is complete at a ">" and nowhere else, so each is fed up to there."""
        start = 0
        while start < len(data) and not self._done:
            end = data.find(b">", start) + 1 or len(data)
            piece = data[start:end]
            start = end
            if not self._since and self._opened:
                piece = piece.lstrip(BLANK)
                if not piece:
                    continue
            if self._parser is None:
                self._wake()
            self._since += len(piece)
            if self._since > self._limit:
                yield from self._too_large()
                return
            self._push(piece)
            for event in self._events():
                self._since = 0
                yield event
                if self._stepwise:
                    self.paused = True
            if self.paused:
                self._held = data[start:]
                return
        self._refuse_second_root()

    def _wake(self) -> None:
        """A new parser, fed a root with the name and prefixes of the peer's, but without the content namespace."""
        self._parser = parser("end", "comment", "pi")
        self._parser.feed(self._header + b"<first/>")
        for _, node in self._parser.read_events():
            self._root = node.getparent()
            self._root.remove(node)
        self._fed = 0

    def _push(self, data: bytes) -> None:
        assert self._parser is not None
        if data:
            self._parser.feed(data)

    def _events(self) -> Iterator[Event]:
        assert self._parser is not None
        root = self._root
        for action, node in self._parser.read_events():
            if action == "end":
                if node.getparent() is root and node is not root:
                    yield self._complete(node)
                elif node is root:
                    self.stop()
                    yield Closed()
            elif action == "start":
                if root is None:
                    yield self._open(node)
                    return
            else:
                raise StreamError("restricted-xml")  # RFC 6120 §11.1: a comment or a processing instruction

    def _open(self, node: Element) -> Event:
        tag = etree.QName(node)
        if tag.namespace != STREAM or node.nsmap.get(None) != CLIENT:
            raise StreamError("invalid-namespace")
        if tag.localname != "stream":
            raise StreamError("bad-format", "the root element is <stream/>")
        self._opened = True
        self._parser = None
        prefixes = "".join(f' xmlns:{prefix}="{escape(name)}"' for prefix, name in node.nsmap.items() if prefix)
        self._header = f"<{node.prefix}:stream{prefixes}>".encode()
        return Opened(
            to=node.get("to", ""),
            from_=node.get("from", ""),
            version=node.get("version", ""),
            lang=node.get(XML_LANG, ""),
            namespace=node.nsmap[None],
        )

    def _complete(self, node: Element) -> Event:
        assert self._root is not None
        self._root.remove(node)
        node.tail = None
        tag = node.tag
        if tag not in KINDS:
            if not tag.startswith("{"):
                raise StreamError("unsupported-stanza-type", f"<{tag}/> is no stanza")
            namespace, _, local = tag[1:].partition("}")
            if namespace != CLIENT or local not in KINDS:
                return Nonza(node)
            node = _without_namespace(node)
        try:
            return Stanza.read(node)
        except Malformed as malformed:
            return Misaddressed(malformed.stanza, malformed.attribute, malformed.reason)

    def _refuse_second_root(self) -> None:
        """A stream header inside the stream would otherwise wait for its end unnoticed."""
        if self._root is not None and len(self._root) and self._root[-1].tag == f"{{{STREAM}}}stream":
            raise StreamError("unsupported-stanza-type", "a stream within the stream")


def _without_namespace(node: Element) -> Element:
    """A stanza that names its content namespace itself, in the form that all stanzas have inside the server."""
    bare = etree.Element(etree.QName(node).localname, dict(node.attrib))
    bare.text, bare.tail = node.text, node.tail
    for child in node:
        bare.append(_without_namespace(child) if child.tag.startswith(f"{{{CLIENT}}}") else child)
    return bare


def _blame(error: etree.XMLSyntaxError) -> StreamError:
    """The stream error for what libxml2 found wrong (RFC 6120 §4.9.3)."""
    if error.code in _RESTRICTED:
        return StreamError("restricted-xml")
    if error.code == _NOT_UTF8:
        return StreamError("unsupported-encoding", "not UTF-8")
    if error.code in (etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_NAME_TOO_LONG):
        return StreamError("policy-violation", "nested too deeply, or too large")
    return StreamError("not-well-formed")


def header(*, id: str, from_: str, to: str = "", lang: str = "en", namespace: str = CLIENT) -> bytes:
    """The XML declaration and stream header of this side (RFC 6120 §4.7)."""
    attributes = {"from": from_, "to": to, "id": id, "version": "1.0", "xml:lang": lang}
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f'<?xml version="1.0"?><stream:stream xmlns="{namespace}" xmlns:stream="{STREAM}"{written}>'.encode()


FOOTER = b"</stream:stream>"
