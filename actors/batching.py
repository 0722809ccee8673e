"""What a User keeps of the messages of one turn goes to the database in one way, and nobody hears of them before.

The way there and back costs much more than what is stored, and each message would have to wait for it. So whatever
comes of a message that is being kept is held, with all that comes of those behind it, until the end of the turn: it is
said when they are stored. A message that could not be stored has never been there, and its sender is told so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from actors.actor import Actor
from actors.mailbox import Inbound, Outbound, Receipt, Returned, Waited
from actors.storage import Archive, Entry, Prepared, StorageError

if TYPE_CHECKING:
    from actors.user import User
    from net.xmpp.jid import JID

log = logging.getLogger(__name__)

# When a batch has as much as this it is finished: large messages gain nothing by waiting for each other.
MOST_CHARACTERS = 100_000

Stanzas = Outbound | Inbound | Returned


class Held(msgspec.Struct, frozen=True):
    """Of one message: what is to be stored, and what is to be done when it is. `receipt`: nobody else has it yet."""

    message: Stanzas
    receipt: Receipt | None
    entries: list[tuple[Archive, Prepared]]
    effects: list[tuple[Callable[..., Any], tuple[Any, ...]]]


class Batching(Actor):
    """The fields are those of `actors.user.User`. `unfinished`: what is held, in the order in which it came."""

    batches = frozenset((Outbound, Inbound, Waited, Returned))

    jid: JID
    unfinished: list[Held]
    _weight = 0
    _receipt: Receipt | None
    _message: Stanzas | None

    @property
    def _as_user(self) -> User:
        return cast("User", self)

    def _join(self, message: Stanzas) -> None:
        """This comes behind what is held. There are batches of messages only."""
        if message.stanza.kind == "message" and self._weight < MOST_CHARACTERS:
            self._hold(message)
        else:
            self.finish()

    def _hold(self, message: Stanzas) -> Held:
        held = Held(message, self._receipt, [], [])
        if self.unfinished:
            self.unfinished.append(held)
        else:
            self.unfinished = [held]
        return held

    def keep(self, archive: Archive, entry: Entry) -> str:
        """Stores an entry of the user's, in handling a message: its new id. Raises StorageError, or does so later."""
        message = self._message
        if message is None:
            return archive.append(self.jid, entry)
        prepared = archive.prepare(self.jid, entry)
        last = self.unfinished[-1] if self.unfinished else None
        held = last if last is not None and last.message is message else self._hold(message)
        held.entries.append((archive, prepared))
        self._weight += len(entry.doc)
        return prepared.id

    def once_kept(self, effect: Callable[..., Any], *arguments: Any) -> None:
        """Calls this now or, while what has led to it is not stored yet, as soon as it is."""
        if self.unfinished:
            self.unfinished[-1].effects.append((effect, arguments))
        else:
            effect(*arguments)

    def finish(self) -> None:
        """Stores the batch, waits for that, and lets out what came of it."""
        batch = self._taken()
        self._let_out(batch, self._store(batch))

    def finish_later(self, wake: Callable[[], None]) -> Callable[[], None] | None:
        """As `finish`, but while it is being stored nothing of the actor's waits."""
        batch = self._taken()
        archives = {archive for held in batch for archive, _ in held.entries}
        if len(archives) != 1:
            self._let_out(batch, self._store(batch))
            return None
        outcome: list[Exception | None] = []

        def stored(fault: Exception | None) -> None:
            outcome.append(fault)
            wake()

        archives.pop().put_soon(self.jid, [prepared for held in batch for _, prepared in held.entries], stored)
        return lambda: self._let_out(batch, self._outcomes(batch, outcome[0]))

    def _taken(self) -> list[Held]:
        batch, self.unfinished, self._weight = self.unfinished, [], 0
        return batch

    def _let_out(self, batch: Sequence[Held], outcomes: Sequence[StorageError | None]) -> None:
        under_way = self._message, self._receipt
        for held, error in zip(batch, outcomes, strict=True):
            if error is not None:
                self._as_user._refuse(held.message, held.receipt, error)
                continue
            for effect, arguments in held.effects:
                try:
                    effect(*arguments)
                except Exception as fault:
                    carried = next((each for each in arguments if isinstance(each, Receipt)), None)
                    self._as_user._refuse(held.message, carried, self._failed(fault))
        self._message, self._receipt = under_way

    def fail(self, message: Any, rest: list[Any], crash: BaseException) -> None:
        """Of the message that did it nothing has come: it may be tried once more. What came before it is finished."""
        self.unfinished = [held for held in self.unfinished if held.message is not message]
        super().fail(message, rest, crash)

    def _store(self, batch: Sequence[Held]) -> list[StorageError | None]:
        """All of it at once or, if that fails, each by itself: what became of each."""
        try:
            self._put([entry for held in batch for entry in held.entries])
        except Exception as fault:
            return self._outcomes(batch, fault)
        return self._outcomes(batch, None)

    def _outcomes(self, batch: Sequence[Held], fault: Exception | None) -> list[StorageError | None]:
        """What became of each, `fault` being what went wrong with all of them together."""
        if fault is None:
            return [None] * len(batch)
        if len(batch) == 1:
            return [fault if isinstance(fault, StorageError) else self._failed(fault)]
        return [outcome for held in batch for outcome in self._store([held])]

    def _failed(self, fault: Exception) -> StorageError:
        log.error("%r failed to finish", self, exc_info=fault)
        return StorageError("something is wrong in the server")

    def _put(self, entries: Sequence[tuple[Archive, Prepared]]) -> None:
        archives = {archive for archive, _ in entries}
        for archive in archives:
            archive.put(self.jid, [prepared for where, prepared in entries if where is archive])
