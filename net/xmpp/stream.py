"""One XML stream, from bytes to values (RFC 6120 §4 and §11). Sans I/O: `feed` bytes, take events.

A stream begins *stepwise*: after its header and after each element it pauses, and parses nothing more until `proceed`
or `restart` says how what follows is to be read. That makes it impossible for anything sent ahead to be taken for what
it is not (RFC 6120 §5.4.3.3, plaintext after <starttls/>). Once resource binding is done it flows freely.

There are two ways to read. The careful one feeds the parser tag by tag: it knows exactly where an element ends, how
much of the next one has come, and what stood before an error. The fast one feeds all at once, and what it finds counts
only if nothing in it was amiss, and of a stepwise stream only if it was one element and nothing else. Otherwise the
same bytes are read again, carefully, with a new parser. So events do not depend on how bytes are cut into reads.

Memory is bounded before it is used: what has been fed since the last complete element never exceeds the limit in force
by more than one read. Between elements a stream has no parser; it borrows one when bytes come.
"""

from __future__ import annotations

from typing import NamedTuple

from net.xmpp.errors import StreamError
from net.xmpp.faults import beginning, next_place, refuse_faults
from net.xmpp.offers import SASL, TLS
from net.xmpp.prolog import BLANK, after_prolog
from net.xmpp.readers import Reader, Readers
from net.xmpp.stanza import KINDS, Malformed, Stanza
from net.xmpp.xml import CLIENT, STREAM, XML_LANG, Element, escape, plain

# A read with more ">" than this goes the fast way even within an element: a step for each would hold up everybody.
MOST_STEPS = 500

# Namespaces of what is no stanza and may yet come once the stream flows freely: it is known, and that is answered.
# XEP-0198 and XEP-0352 are the two with a use for it.
FLOWING = frozenset((STREAM, TLS, SASL, "urn:xmpp:sm:3", "urn:xmpp:csi:0"))
# The parser has much less to do when it does not have to tell the end of every element.
_OF_INTEREST = (*KINDS, *(f"{{{namespace}}}*" for namespace in (CLIENT, *FLOWING)))

# Of a header it is the start that counts.
_FOR_HEADERS = Readers("start", "end", "comment", "pi")
_FOR_ANYTHING = Readers("end", "comment", "pi")
_FOR_STANZAS = Readers("end", "comment", "pi", tag=_OF_INTEREST)

_CLIENT = f"{{{CLIENT}"
_OWN_ROOT = f"{{{STREAM}}}stream"


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
        "_edge",
        "_header",
        "_held",
        "_limits",
        "_names_client",
        "_opened",
        "_reader",
        "_readers",
        "_since",
        "_stepwise",
        "paused",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = b""
        self._done = False
        self._forget()
        self._expect_header()

    def _expect_header(self) -> None:
        self.paused = False
        self._opened = False
        self._stepwise = True
        self._header = b""
        self._since = 0  # bytes fed since the last complete element, 0 if none of the next has come
        self._edge = b""  # the end of what has been read, which tells a declaration from an element
        self._drop()

    def _drop(self) -> None:
        """What is half read, if anything is, will not be read to its end."""
        if self._reader is not None:
            self._readers.end(self._reader)
        self._forget()

    def _rest(self) -> None:
        """Nothing is half read: the reader goes back."""
        if self._reader is not None:
            self._readers.take_back(self._reader)
        self._forget()

    def _forget(self) -> None:
        self._reader: Reader | None = None
        self._readers = _FOR_HEADERS
        self._names_client = False

    def feed(self, data: bytes) -> list[Event]:
        """What `data` completes. While the stream is paused it is held back, within the limit."""
        if self._done:
            return []
        if self._held:
            data = self._held + data
            self._held = b""
        events: list[Event] = []
        try:
            if self.paused:
                if len(data) > self._limit:
                    raise self._too_large()
                self._held = data
            elif self._since and self._crowded(data):
                taken: list[Event] = []
                self._read_at_once(data, taken)
                events += taken
            elif not self._opened or self._since or not self._read_freely(data, events):
                self._read_carefully(data, events)
        except StreamError as error:
            self.stop()
            events.append(Failed(error.with_traceback(None)))  # which would hold these events, and they hold it
        return events

    def proceed(self, *, freely: bool = False) -> list[Event]:
        """Reads on in the same stream after a pause; `freely`: without pausing from now on, within the larger limit."""
        self.paused = False
        if freely:
            self._stepwise = False
        return self.feed(b"")

    def restart(self) -> list[Event]:
        """Reads on after a pause, from a new stream header (RFC 6120 §4.3.3)."""
        self._expect_header()
        return self.feed(b"")

    @property
    def leftover(self) -> bool:
        """Whether the peer has sent anything beyond the element at which the stream paused."""
        return bool(self._held.strip(BLANK))

    def stop(self) -> None:
        """Nothing is parsed any more, and nothing is kept."""
        self._done = True
        self._held = b""
        self._drop()

    @property
    def _limit(self) -> int:
        return self._limits.before if self._stepwise else self._limits.after

    def _too_large(self) -> StreamError:
        return StreamError("policy-violation", f"more than {self._limit} bytes in one element")

    # -- reading

    def _crowded(self, data: bytes) -> bool:
        """Whether the careful way would take too many steps, in an element that cannot get too large by this."""
        return not self._stepwise and data.count(b">") > MOST_STEPS and self._since + len(data) <= self._limit

    def _read_freely(self, data: bytes, events: list[Event]) -> bool:
        """The fast way, from where nothing is half read. False: not for these bytes, and nothing of them is taken."""
        data = data.lstrip(BLANK)
        if not data:
            return True
        if len(data) > self._limit or data[:1] != b"<":
            return False
        before = len(events)
        try:
            self._read_at_once(data, events)
        except StreamError:
            del events[before:]
            self._drop()
            return False
        return True

    def _read_at_once(self, data: bytes, events: list[Event]) -> None:
        """Takes all of it. Raises StreamError if anything is wrong with any of it; the events then do not count."""
        reader = self._reader or self._wake()
        parser = reader.parser
        reader.fed += len(data)
        last = len(data.rstrip(BLANK)) - 1
        before = len(events)
        # The last byte goes in alone: if it completes an element, then nothing is half read after it.
        whole = False
        for part in (data[:last], data[last : last + 1]):
            parser.feed(part)
            # First of all: libxml2 goes by its own memory of a tree that it has mended, and nobody else may change it.
            _refuse_faults(reader)
            whole = self._take(reader, events)
        if not whole:
            parser.feed(data[last + 1 :])
            if b"\0" in data:
                raise StreamError("not-well-formed")
            _refuse_faults(reader)
        self._refuse_unknown(reader)
        some = len(events) > before
        if self._stepwise and (not whole or len(events) > before + 1):
            # The careful way stops behind the first one.
            raise StreamError("policy-violation", "not one element")
        if whole:
            self._since = 0
            self._edge = b""
            self.paused = self._stepwise
            self._rest()
        else:
            # How much of it is of the element that is half read is not known, if there are others: at least one byte.
            self._since = 1 if some else self._since + len(data)
            self._edge = beginning(data)
        if some and type(events[-1]) is Closed:
            self.stop()

    def _read_carefully(self, data: bytes, events: list[Event]) -> None:
        if not self._opened and self._reader is None:
            header = after_prolog(data)
            if header is None:
                self._held = data.lstrip(BLANK)
                if len(self._held) > self._limit:
                    raise self._too_large()
                return
            data = header
            self._reader = self._readers.blank()
        start = 0
        half = not self._stepwise and self._since > 0
        while start < len(data) and not self.paused and not self._done:
            start = self._step(data, start, events)
            if half and not self._since and not self._done:
                # What was half read is complete: from here on it may go fast again, which is tried once.
                half = False
                if self._read_freely(data[start:], events):
                    return
        if self.paused:
            self._held = data[start:]

    def _step(self, data: bytes, start: int, events: list[Event]) -> int:
        """The careful way: reads up to the next ">", for an element is complete there and nowhere else.

        Returns how far it has read.
        """
        end = next_place(self._edge, data, start)
        nul = data.find(b"\0", start, end)
        if nul == start:
            raise StreamError("not-well-formed")  # libxml2 would take it for the end of what there is to read
        if nul > 0:
            end = nul
        piece = data[start:end]
        if not self._since and self._opened:
            piece = piece.lstrip(BLANK)
        if not piece:
            return end
        reader = self._reader or self._wake()
        reader.fed += len(piece)
        self._since += len(piece)
        if self._since > self._limit:
            raise self._too_large()
        tag = beginning(self._edge + piece[:-1]) + piece[-1:]
        self._edge = beginning(self._edge + piece)
        reader.parser.feed(piece)
        _refuse_faults(reader, tag)
        if not self._opened:
            self._open(reader, events)
            return end
        whole = self._take(reader, events)
        self._refuse_unknown(reader)
        if whole:
            self._since = 0
            self.paused = self._stepwise
            self._rest()
            if type(events[-1]) is Closed:
                self.stop()
        return end

    def _wake(self) -> Reader:
        """A reader within a root that has the name and prefixes of the peer's, but not the content namespace."""
        self._readers = _FOR_ANYTHING if self._stepwise else _FOR_STANZAS
        self._reader = self._readers.within(self._header)
        return self._reader

    # -- events

    def _open(self, reader: Reader, events: list[Event]) -> None:
        found = [node for _, node in reader.parser.read_events()]
        if not found:
            return
        node = found[0]
        namespace, _, local = node.tag[1:].rpartition("}")
        if namespace != STREAM or node.nsmap.get(None) != CLIENT:
            raise StreamError("invalid-namespace")
        if local != "stream":
            raise StreamError("bad-format", "the root element is <stream/>")
        if len(found) > 1:
            raise StreamError("bad-format", "the stream ends in its header")
        prefixes = "".join(f' xmlns:{prefix}="{escape(name)}"' for prefix, name in node.nsmap.items() if prefix)
        self._header = f"<{node.prefix}:stream{prefixes}>".encode()
        events.append(
            Opened(
                to=node.get("to", ""),
                from_=node.get("from", ""),
                version=node.get("version", ""),
                lang=node.get(XML_LANG, ""),
                namespace=CLIENT,
            )
        )
        self._opened = self.paused = True
        self._since = 0
        self._rest()

    def _take(self, reader: Reader, events: list[Event]) -> bool:
        """Takes what the parser has completed; whether any of it was at the level of stanzas, or the stream itself."""
        some = False
        root = reader.root
        assert root is not None
        for action, node in reader.parser.read_events():
            if action != "end":
                raise StreamError("restricted-xml")  # RFC 6120 §11.1: a comment or a processing instruction
            if node.getparent() is root:
                events.append(self._complete(root, node))
                some = True
            elif node is root:
                _refuse_text(root)
                reader.ended = True
                events.append(Closed())
                some = True
            elif node.tag.startswith(_CLIENT):
                self._names_client = True
        return some

    def _complete(self, root: Element, node: Element) -> Event:
        _refuse_text(root)
        root.remove(node)
        if node.tail is not None:
            if node.tail.strip(" \t\r\n"):
                raise StreamError("bad-format", "text between stanzas")
            node.tail = None
        names_client, self._names_client = self._names_client, False
        if node.tag not in KINDS:
            namespace, _, local = node.tag.rpartition("}")
            if namespace not in ("", _CLIENT) and node.tag != _OWN_ROOT:
                return Nonza(node)
            if local not in KINDS:
                raise StreamError("unsupported-stanza-type", f"<{local}/> is no stanza")
            names_client = True
        try:
            content = plain(node, self._limit) if names_client or node.nsmap else node
        except ValueError as error:
            raise StreamError("policy-violation", str(error)) from None
        try:
            return Stanza.read(node, content)
        except Malformed as malformed:
            return Misaddressed(malformed.stanza, malformed.attribute, malformed.reason)

    def _refuse_unknown(self, reader: Reader) -> None:
        """Refuses what has begun and would wait for its end unnoticed: a second stream, an element of no interest."""
        if reader.root is None or not len(reader.root):
            return
        tag = reader.root[0].tag
        namespace, _, local = tag.rpartition("}")
        known = self._stepwise or tag in KINDS or namespace == _CLIENT or namespace[1:] in FLOWING
        if tag == _OWN_ROOT or not known:
            raise StreamError("unsupported-stanza-type", f"<{local}/> is no stanza")


def _refuse_faults(reader: Reader, tag: bytes = b"") -> None:
    log = reader.parser.feed_error_log
    if len(log) > reader.warnings:
        refuse_faults(log[reader.warnings :], tag)
        reader.warnings = len(log)


def _refuse_text(root: Element) -> None:
    """Between stanzas there is white space or nothing (RFC 6120 §4.6.1); other text would only pile up."""
    if root.text is not None and root.text.strip(" \t\r\n"):
        raise StreamError("bad-format", "text between stanzas")


def header(*, id: str, from_: str, to: str = "", lang: str = "en", namespace: str = CLIENT) -> bytes:
    """The XML declaration and stream header of this side (RFC 6120 §4.7)."""
    attributes = {"from": from_, "to": to, "id": id, "version": "1.0", "xml:lang": lang}
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f'<?xml version="1.0"?><stream:stream xmlns="{namespace}" xmlns:stream="{STREAM}"{written}>'.encode()


FOOTER = b"</stream:stream>"
