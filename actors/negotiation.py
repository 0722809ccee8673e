"""The way of a client stream to a bound resource (RFC 6120 §4 to §7): its header, TLS, login, binding."""

from __future__ import annotations

import logging
import secrets
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from actors import sasl1, sasl2
from actors.access import Access
from actors.actor import Actor, Inbox, told
from actors.clock import Timer
from actors.hooks import Later, Stranger
from actors.login import Login
from actors.mailbox import Bind, BindRefused, Bound, Close, LoginExpired, Unbind
from actors.sasl2 import Authentication
from actors.storage import StorageError
from net.transport import Secured, Transport
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JID, JIDMalformed, prepare_domain, prepare_resource
from net.xmpp.offers import AFTER_LOGIN, BIND, TLS, Offer, State, features, mechanisms, starttls
from net.xmpp.stanza import Stanza
from net.xmpp.stream import Nonza, Opened, header
from net.xmpp.xml import Element, element

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.roster import Roster
    from actors.router import Router
    from actors.session import Session

log = logging.getLogger(__name__)

BIND_REQUEST = f"{{{BIND}}}bind"
STARTTLS = f"{{{TLS}}}starttls"

# RFC 6120 §7.7.3: a client may be refused so many resources, at least 5 and no more than 10.
BIND_ATTEMPTS = 10

# As many requests has one on a stream who has not logged in.
STRANGERS_REQUESTS = 20

# RFC 5646 §4.4.1: no language tag needs more characters. A longer one is not worth adding to every stanza.
LONGEST_LANG = 35


class Binding(NamedTuple):
    """A resource that is being bound: what is done when it is, and when it cannot be."""

    bound: Callable[[Bound], None]
    refused: Callable[[StanzaError], None]


class Negotiation(Actor):
    """A Session on its way: each step is one from which the next ones are offered. `Session` tells of the fields.

    A handler that raises StreamError ends the stream.
    """

    def __init__(self, router: Router, conn: Transport | None) -> None:
        super().__init__()
        self.conn = conn
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
        self.access = Access()
        self._login: Login | None = None
        self._authentication: Authentication | None = None
        self._peer = conn.peer if conn is not None else ""
        self._from: str | None = None
        self.lang = ""
        self._said_goodbye = False
        self._binding: Binding | None = None
        self._refusals = 0
        self._requests = 0
        self._deadline: Timer | None = None
        inbox = self.actor_inbox
        if conn is not None:
            limit = next(router.domains).config.limits.login_seconds
            self._deadline = router.clock.after(limit, lambda: inbox.tell(LoginExpired()))
        router.sessions.add(inbox)

    @abstractmethod
    def close(self, reason: StreamError | None) -> None:
        """Ends the stream."""

    # -- the stream

    @told(Opened)
    def on_opened(self, opened: Opened) -> None:
        """A stream header (RFC 6120 §4.7), the first or that after a restart."""
        if self.conn is None:
            return
        try:
            self._from = JID.parse(opened.from_).bare if opened.from_ else None
        except JIDMalformed:
            self._from = opened.from_
        self._domain = domain = self._addressed(opened)
        self.host = domain.name
        if self.username is not None and opened.from_ and self._from != domain.accounts.jid(self.username):
            raise StreamError("invalid-from", "not the account that has logged in")  # §6.4.6
        self.lang = opened.lang if len(opened.lang) <= LONGEST_LANG else ""
        self.conn.send(self._header() + features(self._offers(domain), self._state))
        self.notopen = False
        self.conn.proceed()

    def _addressed(self, opened: Opened) -> Domain:
        """The domain that the client wants to talk to, in a version that is spoken here. Raises StreamError."""
        try:
            name = prepare_domain(opened.to)
        except JIDMalformed as malformed:
            raise StreamError("improper-addressing", f"the stream header's 'to': {malformed}") from None
        domain = self._router.domain(name)
        if domain is None or self.host not in (None, domain.name):
            raise StreamError("host-unknown")
        major = opened.version.partition(".")[0]
        if not (major.isascii() and major.isdigit()) or not major.strip("0"):
            raise StreamError("unsupported-version")  # §4.7.5: no version is version 0.9
        return domain

    def _header(self) -> bytes:
        """This side's stream header; whoever the client said it was is whom it is addressed to (§4.7.2)."""
        to = self._from if isinstance(self._from, JID) else ""
        name = self.host or next(self._router.domains).name
        return header(id=secrets.token_urlsafe(12), from_=name, to=to)

    @property
    def _state(self) -> int:
        state = State.SECURE if self.conn is not None and self.conn.secured else State.NEW
        return state | State.AUTHENTICATED if self.type == "c2s" else state

    def _offers(self, domain: Domain) -> list[Offer]:
        required = domain.config.tls.required
        offers = [starttls(required=required)]
        if self.type == "c2s_unauthed":
            login = self._login_to(domain)
            offers.append(mechanisms(login.offer.mechanisms, login.offer.announced, secure_first=required))
            if self._authentication is not None:
                offers.append(self._authentication.offer())
        return [*offers, *AFTER_LOGIN, *domain.hooks.offers]

    def _login_to(self, domain: Domain) -> Login:
        if self._login is None:
            assert self.conn is not None
            self._login = Login(domain, self._peer, self.conn)
            if "sasl2" in domain.hooks:
                self._authentication = Authentication(domain, self._login, self._from)
        return self._login

    def _expect_header(self) -> None:
        self.notopen = True
        self._login = self._authentication = self._from = None
        self.lang = ""

    @told(Secured)
    def on_secured(self, secured: Secured) -> None:
        """TLS is in force: everything known from before is forgotten (RFC 6120 §5.4.3.3)."""
        self._expect_header()
        self.host = self._domain = None

    @told(Nonza)
    def on_nonza(self, nonza: Nonza) -> None:
        """An element of negotiation, or of a feature's."""
        if self.conn is None:
            return
        node, asked = nonza.element, self._authentication
        if asked is not None and self.type == "c2s_unauthed" and node.tag in sasl2.TAGS:
            self._authenticate(self.conn, asked, node)
            return
        self._refuse_in_between()
        handler = self._domain.hooks.nonzas.get(node.tag) if self._domain is not None else None
        if node.tag == STARTTLS:
            self._start_tls(self.conn)
        elif node.tag in sasl1.TAGS and self.type == "c2s_unauthed":
            self._authenticate_by_rfc(self.conn, node)
        elif handler is not None:
            handler(cast("Session", self), node)
        else:
            raise StreamError("unsupported-stanza-type")

    def _refuse_in_between(self) -> None:
        """XEP-0388 §2.4: from the beginning of a login to its end a client sends nothing else."""
        if self._authentication is not None and self._authentication.under_way:
            raise StreamError("policy-violation", "a login is under way")

    def _start_tls(self, conn: Transport) -> None:
        if self._state == State.NEW:
            conn.send(f'<proceed xmlns="{TLS}"/>'.encode())
            conn.secure(self.host or "")
        else:  # RFC 6120 §5.4.2.2: it was not offered
            conn.send(f'<failure xmlns="{TLS}"/>'.encode())
            self.close(None)

    def _authenticate_by_rfc(self, conn: Transport, node: Element) -> None:
        """RFC 6120 §6: after a login the stream is opened again."""
        assert self._domain is not None
        login = self._login_to(self._domain)
        conn.send(sasl1.answer(login, node))
        if login.username is not None:
            self._note_login(login.username, login.access(""))
            self._expect_header()
            conn.restart()
        else:
            self._let_try_again(conn, login)

    def _authenticate(self, conn: Transport, asked: Authentication, node: Element) -> None:
        """XEP-0388: after a login the stream goes on, and some of what comes next may have been asked for already."""
        assert self._domain is not None
        login = self._login_to(self._domain)
        conn.send(asked.answer(node))
        if asked.granted:
            assert login.username is not None and asked.request is not None
            self._note_login(login.username, login.access(asked.request.user_agent.id))
            self.go_on(None)
        else:
            self._let_try_again(conn, login)

    def _note_login(self, username: str, access: Access) -> None:
        self.username = username
        self.access = access
        self.type = "c2s"
        log.info("logged in as %s@%s", username, self.host)

    @staticmethod
    def _let_try_again(conn: Transport, login: Login) -> None:
        if login.exhausted:
            raise StreamError("policy-violation", "too many failed logins")  # RFC 6120 §6.4.5
        conn.proceed()

    # -- what is asked for along with the login

    def go_on(self, answer: Element | None) -> None:
        """Goes on with what was asked for along with the login, and ends it when all of that is done.

        `answer`: what has come of the last thing so far.
        """
        asked = self._authentication
        if self.conn is None:
            return
        assert asked is not None and asked.request is not None and self._domain is not None
        asked.add(answer)
        while (handler := asked.next_inline()) is not None:
            come = handler(self, asked.request)
            if isinstance(come, Later):
                return
            asked.add(come)
        assert self.username is not None
        jid = self.full_jid or self._domain.accounts.jid(self.username)
        state = self._state | State.BOUND if self.full_jid is not None else self._state
        self.conn.send(asked.welcome().xml(jid) + features(self._offers(self._domain), state))
        self._authentication = self._login = None
        self.conn.proceed(freely=self.full_jid is not None)

    # -- requests of strangers

    def _before_login(self, conn: Transport, iq: Stanza) -> None:
        """Before the login, nothing is allowed but what a feature wants to be asked by strangers; nor without end."""
        assert self._domain is not None
        self._refuse_in_between()
        if not iq.is_request or iq.to not in (None, self._domain.jid):
            raise StreamError("not-authorized")
        iq.from_ = None
        try:
            check(iq)
            answer = self._domain.hooks.answer_stranger(Stranger(self._peer, conn.secured), iq)
        except (StanzaError, StorageError) as error:
            answer = self._router.refusal(iq, error)
        if answer is None:
            raise StreamError("not-authorized")
        conn.send(answer.wire)
        self._requests += 1
        if self._requests >= STRANGERS_REQUESTS:
            raise StreamError("policy-violation", "too many requests before the login")
        conn.proceed()

    # -- resource binding

    def _before_binding(self, conn: Transport, stanza: Stanza) -> None:
        """Before a resource is bound, nothing but the request for one is allowed (RFC 6120 §7.1)."""
        if self.type == "c2s_unauthed":
            self._before_login(conn, stanza)
            return
        payload = stanza.payload
        if not stanza.is_request or payload is None or payload.tag != BIND_REQUEST:
            raise StreamError("not-authorized")
        assert self._domain is not None and self.username is not None
        refused = partial(self._refuse_binding, stanza)
        try:
            check(stanza)
            if stanza.type != "set":
                raise StanzaError("bad-request")
            wanted = payload.findtext(f"{{{BIND}}}resource")
            resource = prepare_resource(wanted) if wanted else ""
        except JIDMalformed as malformed:
            refused(StanzaError("bad-request", str(malformed)))  # §7.7.2.1
        except StanzaError as error:
            refused(error)
        else:
            self.bind(resource, Binding(partial(self._answer_binding, stanza), refused))

    def bind(self, resource: str, binding: Binding, inline: tuple[Element, ...] | None = None) -> None:
        """Asks the User for this resource, or with "" for any; `inline` as in `Bind`. The answer goes to `binding`."""
        assert self._domain is not None and self.username is not None
        self._binding = binding
        self._user = self._router.user(self._domain.accounts.jid(self.username))
        self._user.tell(Bind(self.actor_inbox, resource, self.access, inline))

    def _answer_binding(self, request: Stanza, bound: Bound) -> None:
        assert self.conn is not None
        answer = element(BIND_REQUEST, None, element(f"{{{BIND}}}jid", self.full_jid))
        result = Stanza("iq", type="result", id=request.id, content=element("iq", None, answer))
        self.conn.send(result.wire)
        self.conn.proceed(freely=True)

    def _refuse_binding(self, request: Stanza, error: StanzaError) -> None:
        self.refuse_step(Stanza("iq", id=request.id).error(error).wire)

    def refuse_step(self, answer: bytes) -> None:
        """The client may try again, or something else, but not for ever (RFC 6120 §7.7.3)."""
        assert self.conn is not None
        self.conn.send(answer)
        self._refusals += 1
        if self._refusals >= BIND_ATTEMPTS:
            raise StreamError("policy-violation", "too many resources were refused")
        self.conn.proceed()

    @told(Bound)
    def on_bound(self, bound: Bound) -> None:
        binding, self._binding = self._binding, None
        self.resource = bound.resource
        assert self._domain is not None and self.username is not None and self._user is not None
        if self.conn is None:
            self._user.tell(Unbind(self.actor_inbox, bound.resource))
            return
        self._stop_deadline()
        if self.conn.certified is not None:
            self._end_with_certificate(self.conn.certified.not_after)
        self.full_jid = JID.of(self.username, self._domain.name, bound.resource)
        self.roster = bound.roster
        assert binding is not None
        binding.bound(bound)

    @told(BindRefused)
    def on_bind_refused(self, refused: BindRefused) -> None:
        binding, self._binding = self._binding, None
        if self.conn is None:
            self._stop()
        else:
            assert binding is not None
            binding.refused(refused.error)

    # -- time

    @told(LoginExpired)
    def on_login_expired(self, message: LoginExpired) -> None:
        if self.full_jid is None:
            raise StreamError("connection-timeout", "no login in time")

    def _end_with_certificate(self, expires: float) -> None:
        """RFC 6120 §13.7.2.3: a stream ends when the certificate that the client has shown expires."""
        clock, inbox = self._router.clock, self.actor_inbox
        end = Close(StreamError("reset", "the client's certificate has expired"))
        self._deadline = clock.after(max(0.0, expires - clock.now()), lambda: inbox.tell(end))

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @property
    def address(self) -> str:
        return self.full_jid or self._peer

    def __repr__(self) -> str:
        return f"<Session {self.address}>"


def check(iq: Stanza) -> None:
    """RFC 6120 §8.2.3: an id, a type out of four, and as many children as go with it. Raises StanzaError."""
    count = len(iq.element)
    fits = count == 1 if iq.is_request else iq.type == "error" or (iq.type == "result" and count <= 1)
    if not fits or iq.id is None:
        raise StanzaError("bad-request", "RFC 6120 §8.2.3")
