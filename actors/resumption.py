"""The Session is not the connection: how a stream goes on with another one (XEP-0198 §5).

A client that comes back has a new Session, which is logged in and has no resource. It asks its User for the old one,
and hands its connection over to that; then it ends, and nobody has noticed it.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING

from actors.actor import Inbox, told
from actors.clock import Clock
from actors.hooks import Gate
from actors.mailbox import (
    Attach,
    Handled,
    Hibernates,
    HibernationOver,
    Overdue,
    Recount,
    Resumable,
    Resume,
    Resumed,
    ResumeRefused,
    Save,
    Severed,
    Split,
    Superseded,
    Unacknowledged,
    Withheld,
)
from actors.management import Management
from actors.negotiation import Negotiation
from net.transport import Disconnected, Nobody, Transport
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID
from net.xmpp.sm import failed
from net.xmpp.stream import FOOTER
from net.xmpp.xml import parse

if TYPE_CHECKING:
    from actors.host import Domain

log = logging.getLogger(__name__)


class Resumption(Negotiation):
    """A Session that may outlive its connection. `managed`: the books of its stream, None without stream management."""

    managed: Management | None = None
    _lent: Transport | None = None
    _released = False
    _resuming = False

    @property
    def user(self) -> Inbox | None:
        """The mailbox of its User, None before resource binding."""
        return self._user

    @property
    def clock(self) -> Clock:
        """The server's."""
        return self._router.clock

    # -- the new Session

    def resume(self, previd: str, h: int) -> None:
        """The client wants to go on with the stream of this id, of which it has handled `h` stanzas."""
        assert self._domain is not None and self.username is not None
        self._resuming = True
        self._user = self._router.user(self._domain.accounts.jid(self.username))
        self._user.tell(Resume(self.actor_inbox, previd, h, self.access))

    @told(Resumable)
    def on_resumable(self, message: Resumable) -> None:
        self._lent = self.conn
        if self.conn is None:
            self._stop()
        else:
            # No features follow it: the earlier stream has had them (XEP-0198 §6.2).
            welcome = self._authentication.welcome() if self._authentication is not None else None
            message.session.tell(Attach(self.actor_inbox, self.conn, message.h, self.access, welcome))

    @told(ResumeRefused)
    def on_resume_refused(self, message: ResumeRefused) -> None:
        self._resuming = False
        self._user = self._lent = None
        if self.conn is None:
            self._stop()
        elif message.error is not None:
            raise message.error
        elif self._authentication is not None:
            self.go_on(parse(failed("item-not-found", message.h)))
        else:
            self.refuse_step(failed("item-not-found", message.h))

    @told(Superseded)
    def on_superseded(self, message: Superseded) -> None:
        if self.conn is None and self._lent is not None:
            message.by.tell(Severed(self._lent))
        self.conn = self._lent = self._user = None
        self._stop_deadline()
        self._stop()

    # -- the old Session

    @abstractmethod
    def put_gate(self, gate: Gate | None) -> None:
        """From now on this gate says what goes to the client when."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether this Session has come to its end."""

    @told(Attach)
    def on_attach(self, message: Attach) -> None:
        """Goes on with another connection. What was said on the one before is handled first."""
        if self.closed or self.managed is None:
            message.session.tell(ResumeRefused())
            return
        try:
            self.managed.check(message.h)
        except StreamError as error:
            message.session.tell(ResumeRefused(error=error))
            return
        if self.conn is not None:
            try:
                self._turn_away(self.conn, StreamError("conflict", "the stream goes on with another connection"))
            except StreamError:  # too much waits for it
                message.session.tell(ResumeRefused())
                raise
            self.actor_inbox.tell(message)
            return
        self.conn = message.conn
        self.conn.receiver = self.actor_inbox
        self._peer = self.conn.peer
        if self.conn.certified is not None:
            self._end_with_certificate(self.conn.certified.not_after)
        message.session.tell(Superseded(self.actor_inbox))
        assert self._user is not None and self.resource is not None
        self._user.tell(Resumed(self.actor_inbox, self.resource, message.access, self.managed.revived))
        self.managed.resume(message.h, message.welcome)

    @told(Severed)
    def on_severed(self, message: Severed) -> None:
        if self.conn is message.conn:
            message.conn.receiver = Nobody()
            self._hibernate()

    def part(self, reason: StreamError) -> None:
        """Gives up the connection, which is told why. The Session stays, if its client can come back."""
        if self.managed is None or not self.managed.resumable:
            raise reason
        if self.conn is not None:
            self._turn_away(self.conn, reason)
            self._tell_hibernates()

    def _turn_away(self, conn: Transport, reason: StreamError) -> None:
        log.info("parting: %s %s", reason.condition, reason.text)
        conn.receiver = Nobody()
        conn.send(reason.xml() + FOOTER)
        conn.close()
        self._rest()

    def suspend(self, reason: StreamError) -> None:
        """The server stops; what is kept of the Session goes on in its next life. Nobody waits for this one to end."""
        self.part(reason)
        self._router.sessions.discard(self.actor_inbox)

    def _hibernate(self) -> None:
        self._rest()
        self._tell_hibernates()

    def _rest(self) -> None:
        assert self.managed is not None
        self.conn = None
        self._stop_deadline()
        self.managed.hibernate()
        self.put_gate(None)  # XEP-0352 §5.2: a stream that is resumed is active; what is held joins the queue

    def _tell_hibernates(self) -> None:
        assert self._user is not None and self.resource is not None
        self._user.tell(Hibernates(self.actor_inbox, self.resource))

    @told(Disconnected)
    def on_disconnected(self, disconnected: Disconnected) -> None:
        log.debug("disconnected: %s", disconnected.reason)
        if self.closed or self.managed is None or not self.managed.resumable:
            self.close(None)
        elif self.conn is not None:
            self._hibernate()

    @told(Recount)
    def on_recount(self, message: Recount) -> None:
        messages = self.managed.unacknowledged if self.managed is not None and not self.closed else ()
        if messages:
            assert self._user is not None and self.resource is not None
            self._user.tell(Unacknowledged(self.actor_inbox, self.resource, messages))

    # -- the Session of an earlier life of the server

    def revive(self, domain: Domain, jid: JID, lang: str) -> None:
        """Becomes the Session of this full JID, which hibernates, with a stream of this language."""
        self.type, self.notopen = "c2s", False
        self.username, self.host, self.resource, self.full_jid = jid.local, domain.name, jid.resource, jid
        self._domain, self._user, self.lang = domain, self._router.user(jid.bare), lang

    # -- all of them

    @told(Handled, Split, Save, Overdue, Withheld, HibernationOver)
    def on_managed(self, message: Handled | Split | Save | Overdue | Withheld | HibernationOver) -> None:
        if self.managed is not None:
            self.managed.told(message)
            if self._released and self.managed is not None and self.managed.ended:
                self._stop()

    def on_idle(self) -> None:
        if self.managed is not None and not self.closed:
            self.managed.idle()
