"""A managed stream: its Session's part of XEP-0198."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from actors.actor import Inbox
from actors.clock import Clock, Timer
from actors.mailbox import Deliver, Handled, HibernationOver, Message, Overdue, Returned, Save, Split, Withheld
from actors.receipts import Receipt
from actors.storage import StorageError
from actors.xeps.stream_management.keeping import Keeping, Letter
from actors.xeps.stream_management.saved import SavedStanza, SavedStream, Streams
from net.xmpp.errors import StreamError
from net.xmpp.ledger import Incoming, Outgoing, Sent, TooHigh
from net.xmpp.sm import ASKING, ack, resumed, too_high
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.sasl2 import Welcome
    from actors.session import Session

log = logging.getLogger(__name__)

# With so many stanzas written since the last request for acknowledgement comes another one, answered or not.
BATCH = 25

# What need not be on disk before it is written gets so many seconds to be acknowledged: then it never is stored.
SAVE_SECONDS = 0.2

# With so many stanzas handled and not stored as such, that is done without being asked: others have to remember them.
UNSAVED = 50

# A server that dies has handled no more than so many stanzas of a stream without having stored that it has: `UNSAVED`,
# and what fits into the mailboxes on the way before nothing more is read.
REPEATED = 500

# After a storage error the next attempt is made after so many.
RETRY_SECONDS = 5.0

# A request for acknowledgement is answered when all is handled, or after so many seconds with what is.
ANSWER_SECONDS = 1.0


class Terms(NamedTuple):
    """What a stream may take: stanzas and bytes that wait, and seconds until a request is answered."""

    stanzas: int
    bytes: int
    patience: float


class Managed:
    """The books of a Session's stream, and what it does by them. An organ of the Session: runs in its mailbox.

    On a resumable stream, what came with a receipt is stored before it is written: so it is known after any crash
    whether the client can have got it. The rest is stored too if it is not acknowledged at once.

    `seconds`: for how long it may hibernate, 0: it cannot be resumed.
    """

    __slots__ = (
        "_asked",
        "_awaiting",
        "_flowing",
        "_held",
        "_in",
        "_keeping",
        "_last",
        "_out",
        "_repeated",
        "_returning",
        "_saving",
        "_session",
        "_terms",
        "_timed_out",
        "_timers",
        "_wanted",
        "_welcome",
        "resumable",
        "revived",
        "seconds",
    )

    def __init__(self, session: Session, streams: Streams, terms: Terms, *, previd: str, seconds: float) -> None:
        self.resumable = seconds > 0
        self.revived = False
        self.seconds = seconds
        self._session = session
        self._keeping = Keeping(streams, previd)
        self._terms = terms
        self._in = Incoming()
        self._out: Outgoing[Letter] = Outgoing(terms.stanzas, terms.bytes)
        self._held: list[Sent[Letter]] = []
        self._timers: dict[type[Message], Timer] = {}
        self._welcome: Welcome | None = None
        self._flowing = True
        self._returning = self._timed_out = self._saving = False
        self._last = self._repeated = 0
        self._wanted: int | None = None
        self._asked = 0
        self._awaiting = False

    @property
    def previd(self) -> str:
        """The id of the stream."""
        return self._keeping.previd

    # -- from the client

    def receive(self) -> Receipt:
        number = self._in.receive()
        stored = self._keeping.stored
        saved = stored.received if stored is not None else number - 1
        return Receipt(self._inbox, self.previd, number, saved, again=number <= self._repeated)

    def requested(self) -> None:
        """<r/>: the client wants to know what has been handled of what it has sent (§4)."""
        self._wanted = self._in.received
        self._answer()

    def acknowledged(self, h: int) -> None:
        """<a/>: the client has handled so many. Raises StreamError."""
        self._acknowledge(h)
        self._awaiting = False
        self._stop(Overdue)

    def _acknowledge(self, h: int) -> None:
        try:
            gone = self._out.acknowledge(h)
        except TooHigh as error:
            raise StreamError("undefined-condition", str(error), detail=too_high(error.h, error.sent)) from None
        for entry in gone:
            self._keeping.handled(entry)
        if gone and self.resumable:
            self._later(Save, SAVE_SECONDS)

    def check(self, h: int) -> None:
        try:
            self._out.check(h)
        except TooHigh as error:
            raise StreamError("undefined-condition", str(error), detail=too_high(error.h, error.sent)) from None

    def _answer(self) -> None:
        if self._wanted is None or not self._flowing:
            return
        if self._in.handled < self._wanted:
            self._later(Withheld, ANSWER_SECONDS)
        else:
            self._say()

    @property
    def _unstored(self) -> int:
        """How many stanzas have been handled, and a server that comes back would not know it."""
        stored = self._keeping.stored
        return self._in.handled - stored.received if stored is not None else 0

    def _say(self) -> None:
        """What is acknowledged stays acknowledged, so it is on disk first."""
        handled = self._in.handled
        if self._unstored and not self.save():
            return
        assert self._session.conn is not None
        self._session.conn.send(ack(handled))
        if self._wanted is not None and handled >= self._wanted:
            self._wanted = None
            self._stop(Withheld)

    # -- to the client

    def deliver(self, message: Deliver) -> None:
        stanza, receipt = message.stanza, message.receipt
        if receipt is not None and not self._keeping.is_new(receipt, stanza):
            receipt.handled()
            return
        entry = self._out.send(Letter(stanza, message.shared, self._clock.now()), len(stanza.wire))
        if self.resumable:
            self._keeping.add(entry, receipt)
        if self._out.full:
            raise StreamError("resource-constraint", "too much waits to be acknowledged")
        if not self.resumable:
            self._write(entry)
            return
        if receipt is not None or self._held or not self._flowing:
            self._held.append(entry)
            self._save_soon()
        else:
            self._write(entry)
            self._later(Save, SAVE_SECONDS)

    def _write(self, entry: Sent[Letter]) -> None:
        if not self._flowing:
            return
        assert self._session.conn is not None
        self._session.conn.send(entry.what.stanza.wire)
        self._out.written = entry.number
        if entry.number - self._asked >= BATCH:
            self._ask()

    def idle(self) -> None:
        """§9.2: one request for all that has been written, when there is nothing more to write."""
        if self._flowing and self._out.written > self._asked and not self._awaiting:
            self._ask()

    def _ask(self) -> None:
        assert self._session.conn is not None
        self._session.conn.send(ASKING)
        self._asked = self._out.written
        self._awaiting = True
        self._later(Overdue, self._terms.patience)

    # -- what is told

    def told(self, message: Handled | Split | Save | Overdue | Withheld | HibernationOver) -> None:
        if isinstance(message, Split):
            self._in.split(message.number)
        elif isinstance(message, Handled):
            self._in.handle(message.number)
            if self._unstored >= UNSAVED:
                self._save_soon()
            if self._returning:
                self._go_on()
            else:
                self._answer()
        elif self._session.closed:
            return
        elif isinstance(message, Save):
            self._saving = False
            self.save()
            self._answer()
        elif type(message) not in self._timers:
            return  # cancelled, and under way then
        else:
            del self._timers[type(message)]
            self._expired(message)

    def _expired(self, message: Overdue | Withheld | HibernationOver) -> None:
        if isinstance(message, HibernationOver):
            self._timed_out = True
            self._session.close(None)
        elif isinstance(message, Overdue):
            self._session.part(StreamError("connection-timeout", "a request for acknowledgement was not answered"))
        elif self._returning:
            self._flow()
        else:
            self._say()

    # -- without a connection, and with another one

    def hibernate(self) -> None:
        self._flowing = self._returning = self._awaiting = False
        self._wanted = None
        for kind in (Overdue, Withheld):
            self._stop(kind)
        self._later(HibernationOver, self.seconds)
        self._save_soon()

    def resume(self, h: int, welcome: Welcome | None) -> None:
        self._welcome = welcome
        self._stop(HibernationOver)
        known = self._out.known
        more = self._out.believe(h)
        if more:
            self._keeping.renumber(known, more, [entry for entry in self._out.queue if entry.number > known])
        self._acknowledge(h)
        self._returning = True
        self._go_on()

    def _go_on(self) -> None:
        """The client sends again what is not acknowledged now: nothing of it may still be under way."""
        if self._in.settled:
            self._flow()
        else:
            self._later(Withheld, ANSWER_SECONDS)

    def _flow(self) -> None:
        """§5: what the client has not handled is written again, and then all goes on as before."""
        self._stop(Withheld)
        self._returning = self.revived = False
        conn = self._session.conn
        assert conn is not None
        self.save()
        answer = resumed(self.previd, self._in.received)
        welcome, self._welcome = self._welcome, None
        if welcome is not None:
            assert self._session.full_jid is not None
            answer = welcome.xml(self._session.full_jid, answer)
        conn.send(answer)
        for entry in self._out.queue:
            conn.send(entry.what.late(self._host).wire)
        self._held.clear()
        self._out.written, self._asked = self._out.sent, self._out.acknowledged
        self._flowing = True
        conn.proceed(freely=True)

    # -- the end

    def end(self, user: Inbox) -> None:
        """§4: what was not acknowledged is treated as if it were for a resource that is not there.

        What is stored is forgotten when that is done.
        """
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._flowing = self._returning = False
        self._last = self._in.handled
        for entry in self._out.queue:
            receipt = self._keeping.receipt(entry)
            if receipt is None and self.resumable:
                receipt = Receipt(self._inbox, "", self._in.receive())
            user.tell(Returned(entry.what.late(self._host), entry.what.shared, receipt))

    @property
    def ended(self) -> bool:
        return self._in.settled or not self.resumable

    @property
    def unacknowledged(self) -> tuple[Stanza, ...]:
        return tuple(entry.what.stanza for entry in self._out.queue if entry.what.stanza.kind == "message")

    def forget(self) -> None:
        """Takes from the disk what is there; that a client came too late is remembered for it."""
        if not self.resumable:
            return
        late = None
        if self._timed_out:
            late = replace(self._snapshot(), received=self._last, seen={}, ended=self._clock.now())
        try:
            self._keeping.forget(self._owner, late)
        except StorageError as error:
            log.error("%r: what is stored of an ended stream could not be deleted: %s", self._session, error)

    # -- on disk

    def save(self) -> bool:
        """Stores what has to outlive the server; then writes what waited for that. Whether it could be stored."""
        if not self.resumable:
            return True
        self._stop(Save)
        try:
            self._keeping.save(self._owner, self._snapshot())
        except StorageError as error:
            log.error("%r: the state of its stream could not be stored: %s", self._session, error)
            self._later(Save, RETRY_SECONDS)
            stored = False
        else:
            stored = True
        if self._flowing:
            held, self._held = self._held, []
            for entry in held:
                self._write(entry)
        return stored

    def _snapshot(self) -> SavedStream:
        assert self._session.resource is not None
        return SavedStream(
            resource=self._session.resource,
            received=self._in.handled,
            acknowledged=self._out.acknowledged,
            seconds=self.seconds,
            seen=self._keeping.marks(),
            lang=self._session.lang,
        )

    def revive(self, stream: SavedStream, stanzas: list[tuple[int, SavedStanza]]) -> None:
        """As it was when the server died, without a connection."""
        self.revived = True
        self._in = Incoming(stream.received)
        self._repeated = stream.received + REPEATED
        self._out = Outgoing(self._terms.stanzas, self._terms.bytes, acknowledged=stream.acknowledged)
        for letter in self._keeping.recall(stream, stanzas):
            self._out.send(letter, len(letter.stanza.wire))
        self._out.forgive()
        self.hibernate()

    # -- time

    @property
    def _inbox(self) -> Inbox:
        return self._session.actor_inbox

    @property
    def _clock(self) -> Clock:
        return self._session.clock

    @property
    def _owner(self) -> str:
        assert self._session.full_jid is not None
        return self._session.full_jid.bare

    @property
    def _host(self) -> str:
        assert self._session.host is not None
        return self._session.host

    def _save_soon(self) -> None:
        """After what is in the mailbox by now: so all of it is stored at once."""
        if not self._saving and self.resumable:
            self._saving = True
            self._inbox.tell(Save())

    def _later(self, kind: type[Message], seconds: float) -> None:
        """Tells the Session so, unless it will be told anyway."""
        if kind not in self._timers:
            inbox = self._inbox
            self._timers[kind] = self._clock.after(seconds, lambda: inbox.tell(kind()))

    def _stop(self, kind: type[Message]) -> None:
        if kind in self._timers:
            self._timers.pop(kind).cancel()
