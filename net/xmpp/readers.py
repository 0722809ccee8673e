"""Parsers for what strangers send, lent to streams while they have something to read.

Making a parser takes longer than parsing a stanza with it, and one that is dropped is garbage that only the collector
finds. Between two stanzas a parser knows nothing but the header of its stream: so one serves all the streams whose
headers say the same, and a stream at rest has none.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from lxml import etree

from net.xmpp.xml import Element

# lxml 6 keeps one dictionary of the names in documents for each thread and never drops a name: some 70 bytes for each
# that a stranger invents, and when it is full no parser of the thread accepts a new one. So with this many names it is
# left to those who use it, and the next document begins another. Nodes may move between documents with different
# dictionaries, as they do between threads. (lxml 7 has one for each parser.)
MOST_NAMES = 20_000
_DICTIONARY = "_ParserDictionaryContext"

_thread_state = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThreadState_GetDict", ctypes.pythonapi))

# A document remembers every warning, and how much it has been. After so many bytes there is a new one.
MOST_FED = 1 << 18

# Of one kind, so many are kept that nobody reads with; each takes 11 kB.
MOST_IDLE = 50


class Reader:
    """A parser within a document, at the level of stanzas: `root` is the element around them, None while there is none.

    `warnings`: how many of the entries in its error log have been looked at. `fed`: how many bytes it was given.
    `ended`: the end of the root has come.
    """

    __slots__ = ("dictionary", "ended", "fed", "header", "parser", "root", "warnings")

    def __init__(self, parser: etree.XMLPullParser[Element], header: bytes, dictionary: int) -> None:
        self.parser = parser
        self.header = header
        self.dictionary = dictionary
        self.root: Element | None = None
        self.fed = self.warnings = 0
        self.ended = False


class Readers:
    """Readers of one kind, which tell these `events`; with `tag`, of elements only these.

    Their parsers take UTF-8 only, and nothing from the network. They are fed from the root element on: then there is no
    DTD, and no entity but XML's own five. What is wrong with the input stands in the `feed_error_log` and nowhere else:
    an exception would end the document with whatever dictionary is then in use, and crash the process if that is not
    its own.
    """

    def __init__(self, *events: str, tag: Iterable[str] | None = None) -> None:
        self._events = events
        self._tag = None if tag is None else tuple(tag)
        self._blank: list[etree.XMLPullParser[Element]] = []
        self._idle: dict[bytes, list[Reader]] = {}
        self._count = 0
        _kinds.append(self)

    def blank(self) -> Reader:
        """One at the beginning of a document."""
        reader = self._begin(b"")
        reader.parser.feed(b"    ")  # it does not look at the first four bytes before the fifth has come
        return reader

    def within(self, header: bytes) -> Reader:
        """One in a document that has begun with this start tag."""
        idle = self._idle.get(header)
        if idle:
            self._count -= 1
            return idle.pop()
        reader = self._begin(header)
        reader.parser.feed(header + b"<iq/>")
        for _, node in reader.parser.read_events():
            reader.root = node.getparent()
            reader.root.remove(node)
        return reader

    def _begin(self, header: bytes) -> Reader:
        if etree.memory_debugger.dict_size() > MOST_NAMES:
            _renew_dictionary()
        return Reader(self._blank.pop() if self._blank else self._make(), header, _Dictionary.number)

    def _make(self) -> etree.XMLPullParser[Element]:
        return etree.XMLPullParser(
            events=self._events,
            tag=self._tag,
            encoding="utf-8",
            recover=True,
            resolve_entities="internal",
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            collect_ids=False,
        )

    def take_back(self, reader: Reader) -> None:
        """Nothing is half read, and nothing was amiss."""
        worn = reader.root is None or reader.ended or reader.warnings or reader.fed > MOST_FED
        if worn or reader.dictionary != _Dictionary.number:
            self.end(reader)
            return
        if self._count >= MOST_IDLE:
            self.forget()
        self._idle.setdefault(reader.header, []).append(reader)
        self._count += 1

    def forget(self) -> None:
        """Ends all documents that nobody reads."""
        for idle in self._idle.values():
            for reader in idle:
                self.end(reader)
        self._idle.clear()
        self._count = 0

    def end(self, reader: Reader) -> None:
        """Something is half read or was amiss, or the document has grown old: the parser begins another one."""
        if reader.dictionary != _Dictionary.number or len(self._blank) >= MOST_IDLE:
            return
        try:
            reader.parser.close()
        except etree.XMLSyntaxError:
            return
        for _ in reader.parser.read_events():  # the ends of what was open
            pass
        self._blank.append(reader.parser)


_kinds: list[Readers] = []


class _Dictionary:
    """Which dictionary documents begin with now."""

    number = 0


def _renew_dictionary() -> None:
    for kind in _kinds:
        kind.forget()
    ctypes.cast(_thread_state(), ctypes.py_object).value.pop(_DICTIONARY, None)
    etree.memory_debugger.dict_size()  # makes it; otherwise a parser that has been used before would bring its own
    _Dictionary.number += 1


_renew_dictionary()  # The first one is never dropped, and looked up by all later ones: it is left as it is now.
