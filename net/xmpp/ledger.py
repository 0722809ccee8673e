"""The books of one managed stream (XEP-0198 §4): what was received and handled, what was sent and not acknowledged.

Inside, numbers are counted on without end, the first stanza being number 1; on the wire they are modulo 2^32 (`h`).
"""

from __future__ import annotations

from itertools import takewhile
from typing import Generic, NamedTuple, TypeVar

MODULUS = 1 << 32

# How far a stream may be ahead of what is known of it after its server has died.
FAR = MODULUS // 2

T = TypeVar("T")


class Incoming:
    """Stanzas received and handled, the latter in any order and each in as many parts as it has been `split` into.

    `received`: the number of the last one. `handled`: the greatest number up to which all have been handled.
    """

    __slots__ = ("_ahead", "_parts", "handled", "received")

    def __init__(self, received: int = 0) -> None:
        self.received = self.handled = received
        self._ahead: set[int] = set()
        self._parts: dict[int, int] = {}

    def receive(self) -> int:
        """The number of a stanza that has come; it has one part."""
        self.received += 1
        return self.received

    def split(self, number: int) -> None:
        """One more part of this stanza has to be handled, if it has not been already."""
        if not self._is_handled(number):
            self._parts[number] = self._parts.get(number, 1) + 1

    def handle(self, number: int) -> None:
        """A part of this stanza has been handled. Once all are, whatever more is said of it changes nothing."""
        if self._is_handled(number):
            return
        left = self._parts.pop(number, 1) - 1
        if left:
            self._parts[number] = left
            return
        self._ahead.add(number)
        while self.handled + 1 in self._ahead:
            self.handled += 1
            self._ahead.remove(self.handled)

    def _is_handled(self, number: int) -> bool:
        return number <= self.handled or number in self._ahead

    @property
    def settled(self) -> bool:
        """Whether all that has come has been handled."""
        return self.handled == self.received


class Sent(NamedTuple, Generic[T]):
    """One stanza in the queue, under its number."""

    number: int
    what: T
    size: int


class TooHigh(Exception):
    """The peer acknowledges more than it was sent (XEP-0198 §6): `h`, and `sent` as it should be at most."""

    def __init__(self, h: int, sent: int) -> None:
        super().__init__(f"You acknowledged {h} stanzas, but I only sent you {sent} so far.")
        self.h = h
        self.sent = sent


class Outgoing(Generic[T]):
    """Stanzas sent, and the queue of those that the peer has not acknowledged, oldest first.

    `sent`, `acknowledged`: the number of the last one. `written`: that of the last one that the peer can have got, for
    what waits in the queue has not always been written. `most`, `most_bytes`: how much may wait there.
    `forgiving`: the peer may have been sent more than is known, because whoever knew has died; `known` is the number of
    the last stanza that is. What is added then has not been sent yet.
    """

    __slots__ = ("acknowledged", "forgiving", "known", "most", "most_bytes", "queue", "sent", "size", "written")

    def __init__(self, most: int, most_bytes: int, *, acknowledged: int = 0) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.sent = self.written = self.acknowledged = acknowledged
        self.forgiving = False
        self.known = 0
        self.queue: list[Sent[T]] = []
        self.size = 0

    def send(self, what: T, size: int) -> Sent[T]:
        """Puts a stanza of so many bytes into the queue."""
        self.sent += 1
        entry = Sent(self.sent, what, size)
        self.queue.append(entry)
        self.size += size
        return entry

    def forgive(self) -> None:
        """From now on: more may have been sent than is in the queue, until the peer says how much."""
        self.forgiving = True
        self.known = self.written = self.sent

    def believe(self, h: int) -> int:
        """The peer says how much it was sent in truth. What has been added since comes behind that, under new numbers.

        Returns by how much these are higher. Raises TooHigh as `acknowledge` does.
        """
        if not self.forgiving:
            return 0
        more = max(0, self._number(h) - self.known)
        self.queue = [
            entry._replace(number=entry.number + more) if entry.number > self.known else entry for entry in self.queue
        ]
        self.sent += more
        self.written += more
        self.forgiving = False
        return more

    @property
    def full(self) -> bool:
        """Whether there is more in the queue than there may be. One stanza there may always be, whatever its size."""
        return len(self.queue) > self.most or (self.size > self.most_bytes and len(self.queue) > 1)

    def acknowledge(self, h: int) -> list[Sent[T]]:
        """What the peer acknowledges by this `h`, which leaves the queue. Raises TooHigh, and then nothing does."""
        number = self._number(h)
        count = sum(1 for _ in takewhile(lambda entry: entry.number <= number, self.queue))
        gone, self.queue = self.queue[:count], self.queue[count:]
        self.size -= sum(entry.size for entry in gone)
        self.acknowledged = max(number, self.acknowledged)
        self.written = max(number, self.written)
        self.sent = max(number, self.sent)
        return gone

    def check(self, h: int) -> None:
        """Raises TooHigh where `acknowledge` would."""
        self._number(h)

    def _number(self, h: int) -> int:
        """The number that is meant by an `h`: the next one from the last that was acknowledged, or an older one."""
        ahead = (h - self.acknowledged) % MODULUS
        if ahead <= self.written - self.acknowledged or (self.forgiving and ahead < FAR):
            return self.acknowledged + ahead
        behind = MODULUS - ahead
        if behind < FAR and behind <= self.acknowledged:
            return self.acknowledged - behind
        raise TooHigh(h, self.written % MODULUS)
