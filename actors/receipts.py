"""What goes with a stanza until it is known what has become of it (XEP-0198)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from actors.actor import Inbox
from actors.mailbox import Handled, Message, Split


class Mark(NamedTuple):
    """What of a receipt is kept with what has come of it. `stream`: a few letters that the id of a stream, which is a
    secret, always gives. `number`: the how manieth stanza on it.
    """

    stream: str
    number: int

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """What `str` gives; None for ""."""
        stream, _, number = text.partition(" ")
        return cls(stream, int(number)) if stream else None

    def repeats(self, earlier: Mark, *, named: bool) -> bool:
        """Whether of two stanzas that say the same this one is the other sent again, after the server has died.

        A client that does not send everything again gives what follows a smaller number than before, never a greater
        one: so what has been said before, and was acknowledged, is not taken for it. A stanza that is not `named` by
        an id might as well be another one, and has to have the very same number.
        """
        if self.stream != earlier.stream:
            return False
        return earlier.number >= self.number if named else earlier.number == self.number

    def __str__(self) -> str:
        return f"{self.stream} {self.number}"


@lru_cache
def _tag(stream: str) -> str:
    return blake2b(stream.encode(), digest_size=4).hexdigest()


class Receipt(Message, frozen=True):
    """Travels with what comes of a stanza whose client wants to know that it has been handled (XEP-0198).

    Whoever is done with its part says so with `handled`, once. Who hands on more than one part says `split` first, for
    each but one. `session`: whose client it is. `origin` and `number`: which of its streams, and the how manieth stanza
    on it. `saved`: the greatest number that will never come a second time, whatever becomes of the server. `again`: it
    may have come before, in an earlier life of the server.
    """

    session: Inbox
    origin: str
    number: int
    saved: int = 0
    again: bool = False

    @property
    def mark(self) -> Mark:
        """By this it is known to whoever keeps what has come of it."""
        return Mark(_tag(self.origin), self.number)

    def handled(self) -> None:
        """This part has been stored, delivered, answered or dropped."""
        self.session.tell(Handled(self.number))

    def split(self) -> Receipt:
        """There is one part more."""
        self.session.tell(Split(self.number))
        return self
