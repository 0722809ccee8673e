"""What a User keeps of the messages of one turn goes to the database in one way, and nobody hears of them before.

The way there and back costs much more than what is stored, and each message would have to wait for it. So whatever
comes of a message that is being kept is held, with all that comes of those behind it, until the end of the turn: it is
said when they are stored. A message that could not be stored has never been there, and its sender is told so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from actors.actor import Actor
from actors.mailbox import Inbound, Outbound, Returned, Waited
from actors.receipts import Receipt
from actors.storage import Archive, Entry, Prepared, StorageError

if TYPE_CHECKING:
    from actors.user import User
    from net.xmpp.jid import JID

log = logging.getLogger(__name__)

# When a batch has as much as this it is finished: large messages gain nothing by waiting for each other.
MOST_CHARACTERS = 100_000

Stanzas = Outbound | Inbound | Returned

_PLACE = itemgetter(0)


class Batch(NamedTuple):
    """`messages`: in the order in which they came, each with its receipt, which nobody else has yet. In the same order
    and with the places of their messages, `entries`: what is to be stored, and `effects`: what is done when it is.
    """

    messages: list[tuple[Stanzas, Receipt | None]]
    entries: list[tuple[int, Archive, Prepared]]
    effects: list[tuple[int, Callable[..., Any], tuple[Any, ...]]]


class Batching(Actor):
    """The fields are those of `actors.user.User`. `unfinished`: the messages of the batch, if there is one."""

    batches = frozenset((Outbound, Inbound, Waited, Returned))

    jid: JID
    _batch: Batch | None = None
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

    def _hold(self, message: Stanzas) -> Batch:
        batch = self._batch
        if batch is None:
            batch = self._batch = Batch([], [], [])
            self.unfinished = batch.messages
        batch.messages.append((message, self._receipt))
        return batch

    def keep(self, archive: Archive, entry: Entry) -> str:
        """Stores an entry of the user's, in handling a message: its new id. Raises StorageError, or does so later."""
        message = self._message
        if message is None:
            return archive.append(self.jid, entry)
        prepared = archive.prepare(self.jid, entry)
        batch = self._batch
        if batch is None or batch.messages[-1][0] is not message:
            batch = self._hold(message)
        batch.entries.append((len(batch.messages) - 1, archive, prepared))
        self._weight += len(entry.doc)
        return prepared.id

    def once_kept(self, effect: Callable[..., Any], *arguments: Any) -> None:
        """Calls this now or, while what has led to it is not stored yet, as soon as it is."""
        batch = self._batch
        if batch is not None:
            batch.effects.append((len(batch.messages) - 1, effect, arguments))
        else:
            effect(*arguments)

    def finish(self) -> None:
        """Stores the batch, waits for that, and lets out what came of it."""
        batch = self._taken()
        self._let_out(batch, self._store(batch))

    def finish_later(self, wake: Callable[[], None]) -> Callable[[], None] | None:
        """As `finish`, but while it is being stored nothing of the actor's waits."""
        batch = self._taken()
        archives = {archive for _, archive, _ in batch.entries}
        if len(archives) != 1:
            self._let_out(batch, self._store(batch))
            return None
        outcome: list[Exception | None] = []

        def stored(fault: Exception | None) -> None:
            outcome.append(fault)
            wake()

        archives.pop().put_soon(self.jid, [prepared for _, _, prepared in batch.entries], stored)
        return lambda: self._let_out(batch, self._failures(batch, outcome[0]))

    def _taken(self) -> Batch:
        batch = self._batch or Batch([], [], [])
        self._batch, self.unfinished, self._weight = None, (), 0
        return batch

    def _let_out(self, batch: Batch, failures: Mapping[int, StorageError]) -> None:
        under_way = self._message, self._receipt
        effects = batch.effects
        if failures:
            refusals = [
                (place, self._as_user._refuse, (*batch.messages[place], error)) for place, error in failures.items()
            ]
            effects = sorted(refusals + [each for each in effects if each[0] not in failures], key=_PLACE)
        for place, effect, arguments in effects:
            try:
                effect(*arguments)
            except Exception as fault:
                carried = next((each for each in arguments if isinstance(each, Receipt)), None)
                self._as_user._refuse(batch.messages[place][0], carried, self._failed(fault))
        self._message, self._receipt = under_way

    def fail(self, message: Any, rest: list[Any], crash: BaseException) -> None:
        """Of the message that did it nothing has come: it may be tried once more. What came before it is finished."""
        batch = self._batch
        if batch is not None and batch.messages[-1][0] is message:
            messages, entries, effects = self._taken()
            place = len(messages) - 1
            if place:
                self._batch = Batch(
                    messages[:place],
                    [each for each in entries if each[0] != place],
                    [each for each in effects if each[0] != place],
                )
                self.unfinished = self._batch.messages
        super().fail(message, rest, crash)

    def _store(self, batch: Batch) -> Mapping[int, StorageError]:
        """All of it at once or, if that fails, each by itself: by its place, what has gone wrong with a message."""
        try:
            self._put(batch.entries)
        except Exception as fault:
            return self._failures(batch, fault)
        return {}

    def _failures(self, batch: Batch, fault: Exception | None) -> Mapping[int, StorageError]:
        """What has gone wrong with each, `fault` being what went wrong with all of them together."""
        if fault is None:
            return {}
        if len(batch.messages) == 1:
            return {0: self._failed(fault)}
        failures = {}
        for place, entries in groupby(batch.entries, _PLACE):
            try:
                self._put([*entries])
            except Exception as error:
                failures[place] = self._failed(error)
        return failures

    def _failed(self, fault: Exception) -> StorageError:
        if isinstance(fault, StorageError):
            return fault
        log.error("%r failed to finish", self, exc_info=fault)
        return StorageError("something is wrong in the server")

    def _put(self, entries: Sequence[tuple[int, Archive, Prepared]]) -> None:
        for archive in {archive for _, archive, _ in entries}:
            archive.put(self.jid, [prepared for _, where, prepared in entries if where is archive])
