"""A Session: the actor of one client stream, from the first byte to `close`.

It owns the stream's state (RFC 6120): opening, securing, authenticating and binding, each a step from which the next
ones are offered. What its client sends is checked and stamped here and goes to the User; what the User delivers is
written here.
"""

from __future__ import annotations

import logging
import secrets
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from actors.actor import Actor, Inbox, Timer, told
from actors.contacts import QUERY
from actors.login import ABORT, AUTH, RESPONSE, Login, TooManyAttempts
from actors.mailbox import (
    Attach,
    Bind,
    BindRefused,
    Bound,
    Close,
    Deliver,
    LoginExpired,
    Outbound,
    Reattach,
    Released,
    Returned,
    RosterChanged,
    Show,
    Unbind,
)
from actors.presence import priority
from net.connection import Disconnected, Secured, Transport
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JID, JIDMalformed, prepare_domain, prepare_resource
from net.xmpp.offers import AFTER_LOGIN, BIND, TLS, State, features, mechanisms, starttls
from net.xmpp.stanza import Stanza
from net.xmpp.stream import FOOTER, Closed, Failed, Misaddressed, Nonza, Opened, header
from net.xmpp.xml import element

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.roster import Roster
    from actors.router import Router

log = logging.getLogger(__name__)

BIND_REQUEST = f"{{{BIND}}}bind"


class Session(Actor):
    """One client stream. The fields are the contract of docs/architecture.md, under "The Session".

    `conn`: the transport, None once the stream has ended. `notopen`: no stream header of the peer's has been accepted
    since the start or the last restart. `type`: "c2s_unauthed", then "c2s". `username`, `host`, `resource`, `full_jid`:
    None until they are known. `priority`, `presence`: of the last presence that was not directed; 0 and None without.
    `interested`: the roster has been asked for. `roster`: the user's, as of now; None before binding.
    """

    def __init__(self, router: Router, conn: Transport) -> None:
        super().__init__()
        self.conn: Transport | None = conn
        self.notopen = True
        self.type: Literal["c2s_unauthed", "c2s"] = "c2s_unauthed"
        self.username: str | None = None
        self.host: str | None = None
        self.resource: str | None = None
        self.full_jid: JID | None = None
        self.priority = 0
        self.presence: Stanza | None = None
        self.interested = False
        self.roster: Roster | None = None

        self._router = router
        self._domain: Domain | None = None
        self._user: Inbox | None = None
        self._login: Login | None = None
        self._peer = conn.peer
        self._secured = conn.secured
        self._header_sent = False
        self._said_goodbye = False
        self._binding = False
        self._bind_id: str | None = None
        limit = next(router.domains).config.limits.login_seconds
        inbox = self.actor_inbox
        self._deadline: Timer | None = router.clock.after(limit, lambda: inbox.tell(LoginExpired()))
        router.sessions.add(inbox)

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

    # -- out

    def send(self, stanza: Stanza) -> None:
        """Serialises and writes to the connection."""
        if self.conn is not None:
            self.conn.send(stanza.wire)

    def close(self, reason: StreamError | None) -> None:
        """Ends the stream and cleans up. Every close, whatever caused it, comes through here; once is enough.

        `reason` is sent as a stream error, None closes without one.
        """
        conn, self.conn = self.conn, None
        if conn is not None:
            if reason is not None:
                log.info("%s: closing: %s %s", self._who, reason.condition, reason.text)
                if not self._header_sent:
                    # RFC 6120 §4.9.1.2: an error stands inside a stream, so one is opened for it.
                    conn.send(self._header(""))
                conn.send(reason.xml())
            if self._header_sent:
                conn.send(FOOTER)
            conn.close()
        if self._said_goodbye:
            return
        self._said_goodbye = True
        self._stop_deadline()
        self.presence, self.priority, self.interested = None, 0, False
        if self._user is not None and self.full_jid is not None:
            self._user.tell(Unbind(self.actor_inbox, self.full_jid.resource))
        elif not self._binding:
            self._stop()

    def on_stop(self) -> None:
        self._router.sessions.discard(self.actor_inbox)

    # -- the stream

    @told(Opened)
    def on_opened(self, opened: Opened) -> None:
        """A stream header (RFC 6120 §4.7), the first or that after a restart."""
        domain = self._addressed(opened)
        self._answer_header(domain, opened)

    def _addressed(self, opened: Opened) -> Domain | None:
        """The domain that the client wants to talk to; None after an error."""
        if not opened.to:
            self.close(StreamError("improper-addressing", "the stream header has no 'to'"))
            return None
        try:
            name = prepare_domain(opened.to)
        except JIDMalformed:
            name = ""
        domain = self._router.domain(name)
        if domain is None or (self.host is not None and self.host != domain.name):
            self.close(StreamError("host-unknown"))
            return None
        major = opened.version.partition(".")[0]
        if not (major.isascii() and major.isdigit()) or int(major[:9]) < 1:
            self.close(StreamError("unsupported-version"))  # §4.7.5: no version is version 0.9
            return None
        return domain

    def _answer_header(self, domain: Domain | None, opened: Opened) -> None:
        if domain is None or self.conn is None:
            return
        self._domain = domain
        self.host = domain.name
        self.notopen = False
        self.conn.send(self._header(opened.from_) + features(self._offers(domain), self._state))
        self.conn.proceed()

    def _header(self, from_: str) -> bytes:
        """This side's stream header; `from_` is what the peer's header said of itself, to be answered to (§4.7.2)."""
        self._header_sent = True
        try:
            to = str(JID.parse(from_)) if from_ else ""
        except JIDMalformed:
            to = ""
        name = self.host or next(self._router.domains).name
        return header(id=secrets.token_urlsafe(12), from_=name, to=to)

    @property
    def _state(self) -> State:
        state = State.SECURE if self._secured else State.NEW
        return state | State.AUTHENTICATED if self.type == "c2s" else state

    def _offers(self, domain: Domain) -> list[Any]:
        required = domain.config.tls.required
        offers = [starttls(required=required)]
        if self.type == "c2s_unauthed":
            login = self._login_to(domain)
            offers.append(mechanisms(login.mechanisms, login.bindings, secure_first=required))
        return [*offers, *AFTER_LOGIN, *domain.hooks.offers]

    def _login_to(self, domain: Domain) -> Login:
        if self._login is None:
            assert self.conn is not None
            self._login = Login(domain, secured=self._secured, end_point=self.conn.end_point)
        return self._login

    @told(Secured)
    def on_secured(self, secured: Secured) -> None:
        """TLS is in force: everything known from before is forgotten (RFC 6120 §5.4.3.3)."""
        self._secured = True
        self.notopen = True
        self._header_sent = False
        self._login = None
        self.host = self._domain = None

    @told(Nonza)
    def on_nonza(self, nonza: Nonza) -> None:
        """An element of negotiation."""
        if self.conn is None or self._domain is None:
            return
        node = nonza.element
        if node.tag == f"{{{TLS}}}starttls" and not self._secured and self.type == "c2s_unauthed":
            self.conn.send(f'<proceed xmlns="{TLS}"/>'.encode())
            self.conn.secure()
        elif node.tag in (AUTH, RESPONSE, ABORT) and self.type == "c2s_unauthed":
            self._authenticate(self._domain, nonza)
        else:
            self.close(StreamError("unsupported-stanza-type"))

    def _authenticate(self, domain: Domain, nonza: Nonza) -> None:
        if domain.config.tls.required and not self._secured:
            # RFC 6120 §6.5.4
            assert self.conn is not None
            self.conn.send(b'<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><encryption-required/></failure>')
            self.close(StreamError("policy-violation", "TLS comes first"))
            return
        login = self._login_to(domain)
        try:
            answer = login.answer(nonza.element)
        except TooManyAttempts as error:
            if self.conn is not None:
                self.conn.send(error.failure)
            self.close(error)
            return
        if self.conn is None:  # gone while the password was verified
            return
        self.conn.send(answer)
        if login.username is None:
            self.conn.proceed()
            return
        self.username = login.username
        self.type = "c2s"
        self._login = None
        self.notopen = True
        self._header_sent = False
        log.info("%s: logged in as %s@%s", self._peer, self.username, self.host)
        self.conn.restart()

    # -- stanzas from the client

    @told(Stanza)
    def on_stanza(self, stanza: Stanza) -> None:
        """A stanza from the client: checked, stamped, and on to the User."""
        if self.conn is None or self._domain is None:
            return
        if self.full_jid is None:
            self._before_binding(stanza)
            return
        user, own = self._user, self.full_jid
        assert user is not None
        if stanza.from_ is not None and stanza.from_ not in (own, own.bare):
            self.close(StreamError("invalid-from"))  # RFC 6120 §8.1.2.1
            return
        stanza.from_ = own
        if stanza.kind != "presence":
            if stanza.to is None:
                stanza.to = own.bare  # §10.3.1, §10.3.3: the server acts for the account
            if stanza.kind == "iq" and not self._well_formed(stanza, own):
                return
        elif stanza.to is None and not self._note_presence(stanza):
            return
        user.tell(Outbound(stanza, self.actor_inbox))

    def _well_formed(self, iq: Stanza, own: JID) -> bool:
        """RFC 6120 §8.2.3. Also notes a roster get, which makes the resource an interested one."""
        count = len(iq.element)
        fits = count == 1 if iq.is_request else iq.type == "error" or (iq.type == "result" and count <= 1)
        if not fits or iq.id is None:
            self._refuse(iq, StanzaError("bad-request", "RFC 6120 §8.2.3"))
            return False
        if iq.type == "get" and iq.element[0].tag == QUERY and iq.to == own.bare:
            self.interested = True
        return True

    def _note_presence(self, stanza: Stanza) -> bool:
        """Presence that is not directed says whether this resource is available."""
        if stanza.type == "":
            try:
                self.priority = priority(stanza)
            except StanzaError as error:
                self._refuse(stanza, error)
                return False
            self.presence = stanza.at_rest()
        elif stanza.type == "unavailable":
            self.presence, self.priority = None, 0
        return True

    def _refuse(self, stanza: Stanza, error: StanzaError) -> None:
        """The error goes straight back to the client: the stanza has not gone any further."""
        if stanza.answerable:
            self.send(stanza.error(error))

    @told(Misaddressed)
    def on_misaddressed(self, event: Misaddressed) -> None:
        """An address that is none (RFC 6120 §8.3.3.8; §8.1.2.1 for the sender's own)."""
        if self.conn is None:
            return
        if event.attribute == "from":
            self.close(StreamError("invalid-from"))
        elif self.full_jid is None:
            self.close(StreamError("not-authorized"))
        else:
            event.stanza.from_ = self.full_jid
            self._refuse(event.stanza, StanzaError("jid-malformed", event.reason))

    # -- resource binding

    def _before_binding(self, stanza: Stanza) -> None:
        """Before a resource is bound, nothing but the request for one is allowed (RFC 6120 §7.1)."""
        payload = stanza.payload
        if self.type == "c2s_unauthed" or stanza.kind != "iq" or payload is None or payload.tag != BIND_REQUEST:
            self.close(StreamError("not-authorized"))
            return
        assert self.conn is not None and self._domain is not None and self.username is not None
        try:
            if stanza.type != "set" or stanza.id is None:
                raise StanzaError("bad-request")
            wanted = payload.findtext(f"{{{BIND}}}resource")
            resource = prepare_resource(wanted) if wanted else ""
        except (StanzaError, JIDMalformed):
            self._refuse(stanza, StanzaError("bad-request", "RFC 6120 §7.7.2.1"))
            self.conn.proceed()
            return
        self._binding = True
        self._bind_id = stanza.id
        self._user = self._router.user(self._domain.accounts.jid(self.username))
        self._user.tell(Bind(self.actor_inbox, resource))

    @told(Bound)
    def on_bound(self, bound: Bound) -> None:
        self._binding = False
        assert self._domain is not None and self.username is not None and self._user is not None
        if self.conn is None:
            self._user.tell(Unbind(self.actor_inbox, bound.resource))
            return
        self._stop_deadline()
        self.resource = bound.resource
        self.full_jid = JID.of(self.username, self._domain.name, bound.resource)
        self.roster = bound.roster
        answer = element(BIND_REQUEST, None, element(f"{{{BIND}}}jid", self.full_jid))
        self.send(Stanza("iq", type="result", id=self._bind_id, content=element("iq", None, answer)))
        self.conn.proceed(freely=True)

    @told(BindRefused)
    def on_bind_refused(self, refused: BindRefused) -> None:
        self._binding = False
        if self.conn is None:
            self._stop()
            return
        self.send(Stanza("iq", id=self._bind_id).error(refused.error))
        self.conn.proceed()

    # -- from the User

    @told(Deliver)
    def on_deliver(self, message: Deliver) -> None:
        if self.conn is not None:
            self.conn.send(message.stanza.wire)
        elif self._user is not None:
            self._user.tell(Returned(message.stanza))

    @told(RosterChanged)
    def on_roster_changed(self, message: RosterChanged) -> None:
        self.roster = message.roster

    @told(Reattach)
    def on_reattach(self, message: Reattach) -> None:
        """The User has been started again."""
        self._user = message.user
        resource = self.resource or ""
        if self.conn is None:
            self._user.tell(Unbind(self.actor_inbox, resource))
        else:
            self._user.tell(Attach(self.actor_inbox, resource, self.presence, self.priority, self.interested))

    @told(Released)
    def on_released(self, message: Released) -> None:
        self._stop()

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
        self.close(message.error)

    @told(Disconnected)
    def on_disconnected(self, disconnected: Disconnected) -> None:
        log.debug("%s: %s", self._who, disconnected.reason)
        self.close(None)

    @told(LoginExpired)
    def on_login_expired(self, message: LoginExpired) -> None:
        if self.full_jid is None:
            self.close(StreamError("connection-timeout", "no login in time"))

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """A crash ends this stream, and leaves no trace in the User."""
        self.close(StreamError("internal-server-error"))
        self._router.sessions.discard(self.actor_inbox)

    def refuse(self, message: Any) -> None:
        """After a crash: what the User has sent meanwhile goes back to it."""
        if isinstance(message, Deliver) and self._user is not None:
            self._user.tell(Returned(message.stanza))
        elif isinstance(message, Bound) and self._user is not None:
            self._user.tell(Unbind(self.actor_inbox, message.resource))
        else:
            super().refuse(message)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @told(Show)
    def on_show(self, message: Show) -> dict[str, Any]:
        """The fields by name, for `parleyctl session show`."""
        return {
            "conn": repr(self.conn) if self.conn is not None else None,
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

    @property
    def _who(self) -> str:
        return self.full_jid or self._peer

    def __repr__(self) -> str:
        return f"<Session {self._who}>"
