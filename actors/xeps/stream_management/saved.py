"""What is on disk of managed streams, so that they outlive the server. Told in docs/design/0008-stream-management.md.

One Map, whose owners are bare JIDs. The id of a stream is the key of what is known of it, and begins the keys of its
resource and of the stanzas that its client has not acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

import msgspec

from actors.access import Access
from actors.receipts import Receipt
from actors.resource import Key
from actors.storage import Map, Storage
from net.xmpp.stanza import Stanza
from net.xmpp.xml import parse

Changes = dict[str, Any]

Marks = dict[str, dict[int, list[str]]]
"""By the origin and the number of a receipt: what has been delivered with it (see `Seen`)."""

# Of so many others' streams it is remembered what came on them, and so many stanzas of each.
ORIGINS = 100
NUMBERS = 1000


class SavedStream(msgspec.Struct, frozen=True):
    """`received`: so many stanzas were handled. `acknowledged`: the last one that the client has. `seconds`: how long
    it may hibernate. `ended`: when it has (UTC seconds), None while it can be resumed; it is only remembered then.
    `lang`: its language.
    """

    resource: str
    received: int
    acknowledged: int
    seconds: float
    seen: Marks
    ended: float | None = None
    lang: str = ""


class SavedStanza(msgspec.Struct, frozen=True):
    """One that waits to be acknowledged. `origin`, `number`: of the receipt that it came with, "" and 0 without.

    `shared` as in `Deliver`; a truth from a time when it was not noted who they are.
    """

    stanza: str
    shared: tuple[Key, ...] | bool
    when: float
    origin: str
    number: int

    def read(self) -> Stanza:
        return Stanza.read(parse(self.stanza.encode()))


class SavedResource(msgspec.Struct, frozen=True):
    """A resource as its User knows it. `since` is 0 from a time when it was not noted."""

    presence: str
    interested: bool
    directed: list[str]
    state: dict[str, Any]
    access: Access = Access()
    since: float = 0.0


class Streams:
    """The Map."""

    def __init__(self, storage: Storage) -> None:
        self._map: Map[Any] = storage.store("streams", Map)

    def change(self, owner: str, changes: Mapping[str, msgspec.Struct | None]) -> None:
        """All of it or, with a StorageError, nothing."""
        self._map.change(
            owner, {key: None if doc is None else msgspec.to_builtins(doc) for key, doc in changes.items()}
        )

    def stream(self, owner: str, previd: str) -> SavedStream | None:
        """The stream of this id, which may have ended."""
        doc = self._map.get(owner, stream_key(previd)) if len(previd) == ID_LENGTH else None
        return None if doc is None else _read(doc, SavedStream)

    def owners(self, domain: str) -> list[str]:
        """Whose streams there are in this domain."""
        return [*self._map.owners(suffix=f"@{domain}")]

    def streams(self, owner: str) -> dict[str, SavedStream]:
        """All of one owner's, by id."""
        return {key: _read(doc, SavedStream) for key, doc in self._map.items(owner).items() if len(key) == ID_LENGTH}

    def resource(self, owner: str, previd: str) -> SavedResource | None:
        """The resource of this stream, None if nothing of it was worth storing."""
        doc = self._map.get(owner, resource_key(previd))
        return None if doc is None else _read(doc, SavedResource)

    def stanzas(self, owner: str, previd: str) -> Iterator[tuple[int, SavedStanza]]:
        """What waits on this stream, in order."""
        for key, doc in self._map.items(owner).items():
            if key.startswith(f"{previd} "):
                yield int(key[ID_LENGTH + 1 :]), _read(doc, SavedStanza)

    def keys(self, owner: str, previd: str) -> list[str]:
        """Of all that is stored of this stream."""
        return [key for key in self._map.items(owner) if key.startswith(previd)]


# What secrets.token_urlsafe makes of ID_BYTES: no blank and no slash is in it.
ID_BYTES = 24
ID_LENGTH = 32


def stream_key(previd: str) -> str:
    return previd


def resource_key(previd: str) -> str:
    return f"{previd}/"


def stanza_key(previd: str, number: int) -> str:
    return f"{previd} {number:020}"


def _read(doc: Any, kind: type[Any]) -> Any:
    return msgspec.convert(doc, kind, str_keys=True)


class Seen:
    """What has been delivered with which receipts, so that nothing is delivered twice.

    When the server dies before it could store that a stanza has been handled, the client sends it again, as the stanza
    of the same number. The same number alone says nothing: a client need not send everything again.
    """

    def __init__(self, marks: Marks | None = None) -> None:
        self.marks: Marks = marks or {}

    def note(self, receipt: Receipt, stanza: Stanza) -> bool:
        """Whether this is new. What cannot come again any more is forgotten."""
        numbers = self.marks.pop(receipt.origin, {})
        known = {number: marks for number, marks in numbers.items() if number > receipt.saved}
        new = self._add(known, receipt.number, mark(stanza))
        if len(known) > NUMBERS:
            del known[min(known)]
        self.marks[receipt.origin] = known
        if len(self.marks) > ORIGINS:
            del self.marks[next(iter(self.marks))]
        return new

    def recall(self, origin: str, number: int, stanza: Stanza) -> None:
        """Notes what has been stored."""
        self._add(self.marks.setdefault(origin, {}), number, mark(stanza))

    @staticmethod
    def _add(numbers: dict[int, list[str]], number: int, mark: str) -> bool:
        marks = numbers.setdefault(number, [])
        if mark in marks:
            return False
        marks.append(mark)
        return True


def mark(stanza: Stanza) -> str:
    """What tells a stanza from others of the same number, in a few letters.

    An iq that is answered again may be answered otherwise. Of others it is the whole: an id is only its sender's.
    """
    whole = stanza.kind != "iq" or stanza.id is None
    content = stanza.wire if whole else f"{stanza.type} {stanza.from_} {stanza.id}".encode()
    return f"{stanza.kind} {crc32(content):08x}"
