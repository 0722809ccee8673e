"""The books of all messages: what was sent, what came of it, and what cannot be known.

Without stream management (XEP-0198) a server does not learn what a client has read. So a message may be lost on the
wire when a connection is cut, but only one that was under way between the last thing the client has confirmed and the
cut: those are in doubt. Every other one arrives exactly once, in order, or its sender is told that it does not.

Pure. Times are seconds of one monotonic clock. People are named by their localparts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

# What a recipient has confirmed to have read all before is judged so many seconds later: what a session gives back when
# it ends takes another way, which is a little longer.
GRACE = 10.0


@dataclass(slots=True)
class Message:
    """`number` counts what its sender has sent on that stream. `confirmed`: when the recipient's User had handled it.

    `recipient` is None where nobody is who could get it. `digest` is the hash of its body. `whole`: it was not cut off
    half-way.
    """

    id: str
    sender: str
    to: str
    recipient: str | None
    digest: int
    number: int
    sent: float
    confirmed: float = inf
    whole: bool = True

    @property
    def stream(self) -> str:
        return self.id.partition("-")[0]


@dataclass(slots=True)
class Span:
    """From `since` `until`."""

    since: float
    until: float = inf

    def overlaps(self, since: float, until: float) -> bool:
        return self.since <= until and since <= self.until


@dataclass(slots=True)
class Inbox:
    """What one resource has received: all ids, and the last number of each stream and address it was sent to."""

    ids: set[str] = field(default_factory=set)
    last: dict[tuple[str, str], int] = field(default_factory=dict)


class Books:
    """`fault` is told of what is wrong, in words. `fates` counts what became of the messages."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        self._fault = fault
        self._messages: dict[str, Message] = {}
        self._pending: defaultdict[str | None, dict[str, Message]] = defaultdict(dict)
        self._inboxes: defaultdict[tuple[str, str], Inbox] = defaultdict(Inbox)
        self._refused: set[str] = set()
        self._cuts: defaultdict[str, list[Span]] = defaultdict(list)
        self._blocks: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
        self.fates: Counter[str] = Counter()

    # -- the sender's side

    def send(self, message: Message) -> None:
        """It is about to be sent."""
        self._messages[message.id] = message
        self._pending[message.recipient][message.id] = message
        self.fates["sent"] += 1

    def confirm(self, message: Message, at: float) -> None:
        """A request that was sent after it, on the same way, has been answered. An error would have come before."""
        message.confirmed = at
        if message.recipient is None and message.id in self._pending[None]:
            self._fault(f"no error for a message to nobody: {message.id} to {message.to}")

    def refuse(self, id: str, condition: str) -> None:
        """Its sender has got an error."""
        message = self._messages.get(id)
        if message is None:
            self._fault(f"an error for a message that nobody has sent: {id}")
        elif id in self._refused:
            self._fault(f"a second error for {id}")
        else:
            self._refused.add(id)
            self.fates[f"refused: {condition}"] += 1
            if self._pending[message.recipient].pop(id, None) is None:
                self._fault(f"an error for {id}, which was received")
            if not self._is_right(message, condition):
                self._fault(f"{id} to {message.to} was refused: {condition}")

    def _is_right(self, message: Message, condition: str) -> bool:
        if message.recipient is None:
            unknown = message.to.endswith(".invalid")
            return condition == ("remote-server-not-found" if unknown else "service-unavailable")
        if condition == "not-acceptable":
            return self.has_blocked(message.sender, message.recipient, message.sent)
        # To the full address of a resource that is gone, a normal message is refused (RFC 6121 §8.5.3.2.1).
        blocked = self.has_blocked(message.recipient, message.sender, message.sent)
        return condition == "service-unavailable" and (blocked or "/" in message.to)

    # -- the recipient's side

    def receive(self, user: str, resource: str, id: str, from_: str, digest: int) -> None:
        """This resource of this user has read it."""
        message = self._messages.get(id)
        if message is None or message.recipient != user:
            self._fault(f"{user}/{resource} received {id} from {from_}, which was not sent there")
            return
        inbox = self._inboxes[user, resource]
        if id in inbox.ids:
            self._fault(f"{user}/{resource} received {id} twice")
            return
        inbox.ids.add(id)
        if id in self._refused:
            self._fault(f"{user}/{resource} received {id}, which was refused")
        if not message.whole:
            self._fault(f"{user}/{resource} received {id}, of which one half was sent")
        if from_.partition("@")[0] != message.sender or digest != message.digest:
            self._fault(f"{user}/{resource} received {id} changed, from {from_}")
        way = message.stream, message.to
        last = inbox.last.get(way, 0)
        if message.number < last:
            self._fault(f"{user}/{resource} received {id} after number {last} of its stream")
        inbox.last[way] = max(last, message.number)
        self.fates["copies received"] += 1
        if self._pending[user].pop(id, None) is not None:
            self.fates["received"] += 1

    # -- what explains a loss

    def cut(self, user: str, since: float) -> Span:
        """A connection of the user's was cut. What was confirmed before `since` has been read.

        The server may deliver to it until the caller sets the end of what is returned.
        """
        self._cuts[user].append(Span(since))
        return self._cuts[user][-1]

    def block(self, user: str, whom: str, at: float) -> None:
        self._blocks[user, whom].append(Span(at))

    def unblock(self, user: str, at: float) -> None:
        """All whom the user has blocked."""
        for (blocker, _), spans in self._blocks.items():
            if blocker == user and spans[-1].until == inf:
                spans[-1].until = at

    def has_blocked(self, user: str, whom: str, since: float) -> bool:
        """Whether the user has blocked them at any time from then on."""
        return any(span.overlaps(since, inf) for span in self._blocks.get((user, whom), ()))

    # -- judging

    def settle(self, user: str, before: float) -> None:
        """All that was confirmed `before` is read by now, by every resource that could get it, or it never will be."""
        for message in list(self._pending[user].values()):
            if message.confirmed < before - GRACE:
                self._judge(message)

    def close(self) -> None:
        """Everybody has read what there was."""
        for pending in self._pending.values():
            for message in list(pending.values()):
                self._judge(message)

    def _judge(self, message: Message) -> None:
        """It has not been received."""
        del self._pending[message.recipient][message.id]
        recipient = message.recipient
        if not message.whole:
            self.fates["never sent to its end"] += 1
        elif message.confirmed == inf:
            self.fates["in doubt: its sender's connection ended"] += 1
        elif recipient is None:
            self.fates["without a fate"] += 1  # told when it was confirmed
        elif any(cut.overlaps(message.sent, message.confirmed) for cut in self._cuts[recipient]):
            self.fates["in doubt: its recipient's connection was cut"] += 1
        elif self.has_blocked(recipient, message.sender, message.sent):
            self.fates["dropped: its sender was blocked while it was stored, or has left without the error"] += 1
        elif self.has_blocked(message.sender, recipient, message.sent):
            self.fates["dropped: its sender has blocked its recipient, and left without the error"] += 1
        else:
            self.fates["lost"] += 1
            self._fault(
                f"{message.id} from {message.sender} to {message.to} is lost: sent at {message.sent:.3f},"
                f" confirmed at {message.confirmed:.3f}"
            )
