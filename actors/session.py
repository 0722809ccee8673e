"""A Session: the actor of one client stream, from the first byte to `close`.

It owns the stream's state (RFC 6120); how that comes about is told in `actors.negotiation`. What its client sends is
checked and stamped here and goes to the User; what the User delivers is written here.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from actors.actor import Actor, told
from actors.contacts import QUERY
from actors.hooks import Gate
from actors.mailbox import (
    Attach,
    Bound,
    Close,
    Deliver,
    HostGone,
    Outbound,
    Reattach,
    Released,
    Remove,
    ResumeRefused,
    Returned,
    RosterChanged,
    Settle,
    Settled,
    Show,
    Unbind,
)
from actors.negotiation import check
from actors.presence import priority
from actors.resumption import Resumption
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.stream import FOOTER, Closed, Failed, Misaddressed

log = logging.getLogger(__name__)


class Session(Resumption):
    """One client stream. The fields are the contract of docs/architecture.md, under "The Session".

    `conn`: the transport, None while the Session hibernates (XEP-0198) and once the stream has ended. `notopen`: no
    stream header of the peer's has been accepted since the start or the last restart. `type`: "c2s_unauthed", then
    "c2s". `username`, `host`, `resource`, `full_jid`: None until they are known. `priority`, `presence`: of the last
    presence that was not directed; 0 and None without. `interested`: the roster has been asked for. `roster`: the
    user's, as of now; None before binding. Besides, `lang`: the language of the stream; `gate`: what a feature has put
    between this and the client.
    """

    gate: Gate | None = None

    @property
    def connected(self) -> bool:
        """A connected resource: one that is bound."""
        return self.full_jid is not None

    @property
    def available(self) -> bool:
        """An available resource: one that has sent presence."""
        return self.presence is not None

    @property
    def congested(self) -> bool:
        """Whether this Session, or the User that it feeds, has enough to do for now."""
        return super().congested or (self._user is not None and self._user.congested)

    def receive(self, message: Any) -> Any:
        """A StreamError that is raised while a message is handled ends the stream."""
        try:
            return Actor.receive(self, message)  # super() would look for it in six classes, with every message
        except StreamError as error:
            self.close(error)
            return None

    # -- out

    def send(self, stanza: Stanza) -> None:
        """Serialises and writes to the connection, behind what the gate holds."""
        self.on_deliver(Deliver(stanza))

    def write(self, delivery: Deliver) -> None:
        """Writes to the connection. What comes too late goes back to the User."""
        if self.managed is not None and not self._said_goodbye:
            self.managed.deliver(delivery)
        elif self.conn is not None:
            self.conn.send(delivery.stanza.wire)
        elif self._user is not None:
            self._user.tell(Returned(delivery.stanza, delivery.shared, delivery.receipt))

    def put_gate(self, gate: Gate | None) -> None:
        """From now on this gate says what goes to the client when. What the one before it holds goes out first."""
        before, self.gate = self.gate, gate
        if before is not None:
            for delivery in before.empty():
                self.write(delivery)

    def close(self, reason: StreamError | None) -> None:
        """Ends the stream and cleans up. Every close, whatever caused it, comes through here; once is enough.

        `reason` is sent as a stream error, None closes without one.
        """
        conn, self.conn = self.conn, None
        if not self._said_goodbye:
            self._said_goodbye = True
            self._leave()
        if conn is None:
            return
        if reason is not None:
            log.info("closing: %s %s", reason.condition, reason.text)
        try:
            conn.send(self._farewell(reason))
        finally:
            conn.close()

    def _leave(self) -> None:
        """Tells the User, which answers with `Released`. While it is binding a resource, that answer comes first."""
        self._stop_deadline()
        self.presence, self.priority, self.interested = None, 0, False
        if self._user is not None and self.resource is not None:
            self._user.tell(Unbind(self.actor_inbox, self.resource))
            if self.managed is not None:
                self.managed.end(self._user)
            self.put_gate(None)
        elif self._binding is None and not self._resuming:
            self._stop()

    def _farewell(self, reason: StreamError | None) -> bytes:
        """RFC 6120 §4.9.1.2: an error stands inside a stream, so one is opened for it if need be."""
        if reason is None:
            return b"" if self.notopen else FOOTER
        return (self._header() if self.notopen else b"") + reason.xml() + FOOTER

    @property
    def closed(self) -> bool:
        return self._said_goodbye

    def on_stop(self) -> None:
        self._router.sessions.discard(self.actor_inbox)
        if self.managed is not None:
            self.managed.forget()
            self.managed = None
        self._forget_guest()

    def _forget_guest(self) -> None:
        """An anonymous user is gone with the session."""
        if self._domain is None or self.username is None:
            return
        accounts = self._domain.accounts
        jid = accounts.jid(self.username)
        if jid not in accounts.guests:
            return
        if self._user is not None:
            self._user.tell(Remove())
        else:
            accounts.guests.discard(jid)

    # -- stanzas from the client

    @told(Stanza)
    def on_stanza(self, stanza: Stanza) -> None:
        """A stanza from the client: stamped, checked, and on to the User."""
        if self._said_goodbye:
            return
        if self.full_jid is None:
            assert self.conn is not None
            self._before_binding(self.conn, stanza)
            return
        own, user = self.full_jid, self._user
        assert user is not None
        self._stamp(stanza, own)
        receipt = self.managed.receive() if self.managed is not None else None
        try:
            if stanza.kind == "iq":
                check(stanza)
                if stanza.type == "get" and stanza.element[0].tag == QUERY and stanza.to in (None, own.bare):
                    self.interested = True
            elif stanza.kind == "presence" and stanza.to is None:
                self._note_presence(stanza)
        except StanzaError as error:
            self._refuse(stanza, error)
            if receipt is not None:
                receipt.handled()
            return
        if stanza.to is None and stanza.kind != "presence":
            stanza.to = own.bare  # §10.3.1, §10.3.3: the server acts for the account
        user.tell(Outbound(stanza, self.actor_inbox, receipt))

    def _stamp(self, stanza: Stanza, own: JID) -> None:
        """Whoever a stanza is from, it says so truly (RFC 6120 §8.1.2.1); and its language is the stream's (§8.1.5)."""
        if stanza.from_ is not None and stanza.from_ not in (own, own.bare):
            raise StreamError("invalid-from")
        stanza.from_ = own
        stanza.lang = stanza.lang or self.lang

    def _note_presence(self, stanza: Stanza) -> None:
        """Presence that is not directed says whether this resource is available. Raises StanzaError."""
        if stanza.type == "":
            self.priority = priority(stanza)
            self.presence = stanza.at_rest()
        elif stanza.type == "unavailable":
            self.presence, self.priority = None, 0

    def _refuse(self, stanza: Stanza, error: StanzaError) -> None:
        """The error goes straight back to the client: the stanza has not gone any further."""
        if stanza.answerable:
            self.send(stanza.error(error))

    @told(Misaddressed)
    def on_misaddressed(self, event: Misaddressed) -> None:
        """An address that is none (RFC 6120 §8.3.3.8; §8.1.2.1 for the sender's own)."""
        if self.closed:
            return
        if self.full_jid is None:
            raise StreamError("not-authorized")
        if event.attribute == "from":
            raise StreamError("invalid-from")
        self._stamp(event.stanza, self.full_jid)
        receipt = self.managed.receive() if self.managed is not None else None
        self._refuse(event.stanza, StanzaError("jid-malformed", event.reason))
        if receipt is not None:
            receipt.handled()

    # -- from the User

    @told(Deliver)
    def on_deliver(self, message: Deliver) -> None:
        if self.gate is None:
            self.write(message)
        else:
            for delivery in self.gate.admit(message):
                self.write(delivery)

    @told(RosterChanged)
    def on_roster_changed(self, message: RosterChanged) -> None:
        self.roster = message.roster

    @told(Reattach)
    def on_reattach(self, message: Reattach) -> None:
        """The User has been started again. What was told to the old one meanwhile, it hands on."""
        self._user = message.user

    @told(Released)
    def on_released(self, message: Released) -> None:
        self._say_settled()
        self._released = True
        if self.managed is None or self.managed.ended:
            self._stop()

    @told(Settle)
    def on_settle(self, message: Settle) -> None:
        self._say_settled()

    def _say_settled(self) -> None:
        if self._user is not None:
            self._user.tell(Settled(self.actor_inbox))

    # -- the end

    @told(Closed)
    def on_closed(self, closed: Closed) -> None:
        """The peer closed its stream; so do we (RFC 6120 §4.4)."""
        self.close(None)

    @told(Failed)
    def on_failed(self, failed: Failed) -> None:
        self.close(failed.error)

    @told(Close)
    def on_close(self, message: Close) -> None:
        error, managed = message.error, self.managed
        if error is not None and error.condition == "system-shutdown" and managed is not None and managed.resumable:
            self.suspend(error)
        else:
            self.close(error)

    @told(HostGone)
    def on_host_gone(self, message: HostGone) -> None:
        if self.host == message.domain:
            raise StreamError("host-gone")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """A crash ends this stream, and leaves no trace in the User."""
        try:
            self.close(StreamError("internal-server-error"))
        finally:
            self.on_stop()

    def succeed(self, message: Any, left: list[Any]) -> None:
        """What was to be delivered goes back to the User; but not what may be at fault, lest it fell the next one."""
        if isinstance(message, Deliver) and message.stanza.kind != "presence":
            self._router.bounce(message.stanza.emptied(), StanzaError("internal-server-error"), message.receipt)
        elif isinstance(message, Attach):
            message.session.tell(ResumeRefused())
        super().succeed(message, left)

    def refuse(self, message: Any) -> None:
        """After a crash: the User still learns that this Session is gone, and gets back what it has sent."""
        if isinstance(message, Deliver) and self._user is not None:
            self._user.tell(Returned(message.stanza, message.shared, message.receipt))
        elif isinstance(message, Attach):
            message.session.tell(ResumeRefused())
        elif isinstance(message, Bound) and self._user is not None:
            self._user.tell(Unbind(self.actor_inbox, message.resource))
        elif isinstance(message, Released | Settle):
            self._say_settled()
        else:
            super().refuse(message)

    @told(Show)
    def on_show(self, message: Show) -> dict[str, Any]:
        """The fields by name, for `parleyctl session show`."""
        return {
            "conn": {"peer": self.conn.peer, "tls": self.conn.secured} if self.conn is not None else None,
            "notopen": self.notopen,
            "type": self.type,
            "username": self.username,
            "host": self.host,
            "resource": self.resource,
            "full_jid": self.full_jid,
            "priority": self.priority,
            "presence": self.presence.wire.decode() if self.presence is not None else None,
            "interested": self.interested,
            "roster": [str(jid) for jid in self.roster.listed] if self.roster is not None else None,
        }
