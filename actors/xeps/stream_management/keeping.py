"""What one stream has to keep so that it outlives the server, and whom it owes word of that."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from actors.receipts import Receipt
from actors.resource import Key
from actors.xeps.stream_management.saved import (
    Marks,
    SavedStanza,
    SavedStream,
    Seen,
    Streams,
    resource_key,
    stanza_key,
    stream_key,
)
from net.xmpp.ledger import Sent
from net.xmpp.stamps import DELAY, delay
from net.xmpp.stanza import Stanza

# Of one user's streams that have ended, so many are remembered.
ENDED = 10


class Letter(NamedTuple):
    """A stanza in the queue, and since when (UTC seconds) it has been there. `shared` as in `Deliver`."""

    stanza: Stanza
    shared: tuple[Key, ...]
    when: float

    def late(self, by: str) -> Stanza:
        """The stanza; if it is a message, with the note that `by` has kept it since then (XEP-0203)."""
        stanza = self.stanza
        if stanza.kind != "message" or (stanza.mentions(b"urn:xmpp:delay") and stanza.find(DELAY) is not None):
            return stanza
        return stanza.with_content(delay(by, self.when))


class Keeping:
    """What is on disk of one stream, and what is not yet. Runs in the Session's mailbox, and waits for storage.

    `stored`: what is on disk of the stream itself, None while nothing is.
    """

    __slots__ = ("_numbers", "_receipts", "_seen", "_stale", "_streams", "_unsaved", "previd", "stored")

    def __init__(self, streams: Streams, previd: str) -> None:
        self.previd = previd
        self.stored: SavedStream | None = None
        self._streams = streams
        self._seen = Seen()
        self._numbers: list[int] = []
        self._stale: list[int] = []
        self._unsaved: list[Sent[Letter]] = []
        self._receipts: dict[int, Receipt] = {}

    def is_new(self, receipt: Receipt, stanza: Stanza) -> bool:
        """Whether the stanza has not been here before, with this receipt."""
        return not receipt.origin or self._seen.note(receipt, stanza)

    def add(self, entry: Sent[Letter], receipt: Receipt | None) -> None:
        """Something more to keep; once it is on disk, or the client has it, it is handled."""
        self._unsaved.append(entry)
        if receipt is not None:
            self._receipts[entry.number] = receipt

    def receipt(self, entry: Sent[Letter]) -> Receipt | None:
        """That of what is not on disk."""
        return self._receipts.get(entry.number)

    def handled(self, entry: Sent[Letter]) -> None:
        """Says so to whoever waits for it."""
        receipt = self._receipts.pop(entry.number, None)
        if receipt is not None:
            receipt.handled()

    def renumber(self, known: int, more: int, entries: list[Sent[Letter]]) -> None:
        """What has come after the stanza `known` has numbers now that are higher: it is stored again, under these."""
        self._stale = [number for number in self._numbers if number > known]
        self._numbers = [number for number in self._numbers if number <= known]
        self._receipts = {n + more if n > known else n: receipt for n, receipt in self._receipts.items()}
        self._unsaved = [entry for entry in self._unsaved if entry.number <= known] + entries

    def marks(self) -> Marks:
        """What has been seen, for a `SavedStream`."""
        return {origin: {n: [*marks] for n, marks in numbers.items()} for origin, numbers in self._seen.marks.items()}

    def save(self, owner: str, now: SavedStream) -> None:
        """Stores what is not acknowledged, takes away what is. Raises StorageError, and then nothing has changed."""
        unsaved = [entry for entry in self._unsaved if entry.number > now.acknowledged]
        gone = [number for number in self._numbers if number <= now.acknowledged]
        changes: dict[str, msgspec.Struct | None] = {stanza_key(self.previd, n): None for n in (*gone, *self._stale)}
        changes |= {stanza_key(self.previd, entry.number): self._saved(entry) for entry in unsaved}
        if now != self.stored:
            changes[stream_key(self.previd)] = now
        if changes:
            self._streams.change(owner, changes)
        self.stored = now
        self._unsaved, self._stale = [], []
        self._numbers = self._numbers[len(gone) :] + [entry.number for entry in unsaved]
        for entry in unsaved:
            self.handled(entry)

    def _saved(self, entry: Sent[Letter]) -> SavedStanza:
        letter, receipt = entry.what, self.receipt(entry)
        origin, number = (receipt.origin, receipt.number) if receipt is not None else ("", 0)
        return SavedStanza(letter.stanza.wire.decode(), letter.shared, letter.when, origin, number)

    def recall(self, stream: SavedStream, stanzas: list[tuple[int, SavedStanza]]) -> list[Letter]:
        """Takes over what an earlier life of the server has left; returns what waits."""
        self.stored = stream
        self._seen = Seen(stream.seen)
        letters = []
        for number, saved in stanzas:
            self._numbers.append(number)
            if number > stream.acknowledged:
                stanza = saved.read()
                shared = () if isinstance(saved.shared, bool) else saved.shared
                letters.append(Letter(stanza, shared, saved.when))
                if saved.origin:
                    self._seen.recall(saved.origin, saved.number, stanza)
        return letters

    def forget(self, owner: str, late: SavedStream | None = None) -> None:
        """Takes away all that is on disk; `late` is left for a client that comes too late. Raises StorageError."""
        numbers = (*self._numbers, *self._stale)
        changes: dict[str, msgspec.Struct | None] = {stanza_key(self.previd, number): None for number in numbers}
        changes[resource_key(self.previd)] = None
        if late is not None:
            others = {key: stream.ended for key, stream in self._streams.streams(owner).items() if stream.ended}
            changes |= dict.fromkeys(sorted(others, key=lambda previd: others[previd])[: -ENDED + 1])
        changes[stream_key(self.previd)] = late
        self._streams.change(owner, changes)
