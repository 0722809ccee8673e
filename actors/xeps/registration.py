"""XEP-0077: In-Band Registration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec

from actors.accounts import AccountExists, NoSuchAccount, PasswordRefused
from actors.hooks import XEP, Aside, Feature, Stranger, asks, asks_as_stranger, offered
from actors.host import Domain, Host
from actors.mailbox import Remove
from actors.storage import StorageError
from actors.user import User
from net.limits import Rate, Throttle, origin
from net.xmpp import forms
from net.xmpp.errors import StanzaError
from net.xmpp.forms import Field, Form, FormRefused
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.offers import Offer, State
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element

log = logging.getLogger(__name__)

NAMESPACE = "jabber:iq:register"
QUERY = f"{{{NAMESPACE}}}query"
FEATURE = b'<register xmlns="http://jabber.org/features/iq-register"/>'

HOUR = 3600.0

FORM = Form(
    NAMESPACE,
    "An account of your own",
    "Choose a username and a password.",
    (
        Field("username", label="Username", required=True),
        Field("password", "text-private", label="Password", required=True),
    ),
)


class RegistrationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`per_hour`: attempts to make an account from one address, and password changes of one account, in an hour.

    `password_length`: the least number of characters of a password that is chosen here.
    """

    per_hour: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10
    password_length: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8


class Entered(NamedTuple):
    """Username and password, as they were entered; "" for what was not."""

    username: str
    password: str


class Registration(Feature):
    """Lets strangers make accounts, on hosts that allow it; and users change their password and leave.

    Everything here is about passwords, so no error repeats what it is about (§3.3).
    """

    implements = (XEP(77, "2.4", "In-Band Registration"),)
    advertises = (NAMESPACE,)
    Options = RegistrationOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._attempts = Throttle(Rate(options.per_hour / HOUR, HOUR))

    # -- strangers

    @offered
    def stream_feature(self) -> Offer:
        """§8. A password is not told to everybody on the way (§11)."""
        needs = State.SECURE if self.domain.config.tls.required else State.NEW
        content = FEATURE if self.domain.options.registration else b""
        return Offer("register", content, needs, State.AUTHENTICATED)

    @asks_as_stranger("get", QUERY)
    def ask(self, stranger: Stranger, iq: Stanza) -> Stanza:
        """§3.1: what has to be entered, in both ways (§6)."""
        self._check_open(stranger)
        fields = [element(f"{{{NAMESPACE}}}{name}") for name in Entered._fields]
        instructions = element(f"{{{NAMESPACE}}}instructions", FORM.instructions)
        return iq.result(element(QUERY, None, instructions, *fields, FORM.xml()))

    @asks_as_stranger("set", QUERY)
    def register(self, stranger: Stranger, iq: Stanza) -> Stanza:
        """§3.1. Waits for the thread that makes keys of the password, and for the storage."""
        self._check_open(stranger)
        entered = _entered(iq, incomplete="not-acceptable")
        try:
            jid = self.domain.accounts.jid(entered.username)
        except JIDMalformed as malformed:
            raise _refusal("not-acceptable", f"no username: {malformed}") from None
        self._check_strength(jid, entered.password)
        self._take_attempt(origin(stranger.peer))
        # A name that the configuration makes an administrator of is not for whoever comes first.
        if self.domain.is_admin(jid) or self.domain.accounts.exists(jid):
            raise _refusal("conflict", "this username is taken")
        self._store(lambda: self.domain.accounts.create(jid, entered.password, self.domain.clock.now()))
        log.info("%s registered", jid)
        return iq.result()

    def _check_open(self, stranger: Stranger) -> None:
        if not self.domain.options.registration:
            raise _refusal("service-unavailable", "accounts are not made this way here")
        if self.domain.config.tls.required and not stranger.secured:
            raise _refusal("not-authorized", "the stream has to be encrypted first")

    # -- users

    @asks("get", QUERY, of=(Host, User))
    def tell(self, actor: Host | User, iq: Stanza) -> Stanza:
        """§3.1: who has logged in is registered."""
        jid = self._account(actor, iq)
        told = {"registered": None, "username": jid.local, "password": None}
        return iq.result(element(QUERY, None, *(element(f"{{{NAMESPACE}}}{tag}", text) for tag, text in told.items())))

    @asks("set", QUERY, of=(Host, User))
    def change(self, actor: Host | User, iq: Stanza) -> Aside | None:
        """§3.2, §3.3: the account goes, or gets another password."""
        jid = self._account(actor, iq)
        query = iq.payload
        assert query is not None
        if query.find(f"{{{NAMESPACE}}}remove") is not None:
            if len(query) > 1:
                raise _refusal("bad-request", "who removes an account does nothing else, XEP-0077 §3.2")
            self.domain.router.user(jid).tell(Remove(iq))
            return None
        entered = _entered(iq, incomplete="bad-request")
        if not _names(entered.username, jid):
            raise _refusal("not-allowed", "the password of somebody else")
        self._check_strength(jid, entered.password)
        self._take_attempt(jid)
        return Aside(lambda: self._set_password(jid, entered.password, iq))

    def _account(self, actor: Host | User, iq: Stanza) -> JID:
        """Whose account this is about: the asker's own, of this domain."""
        assert iq.from_ is not None
        jid = iq.from_.bare
        if isinstance(actor, User) and jid != actor.jid:
            raise _refusal("forbidden", "only their own account is anybody's business")
        if jid.domain != self.domain.name or jid in self.domain.accounts.guests:
            raise _refusal("registration-required", "there is no such account")
        return jid

    def _set_password(self, jid: JID, password: str, iq: Stanza) -> Stanza:
        self._store(lambda: self.domain.accounts.set_password(jid, password))
        log.info("another password")
        return iq.result()

    # -- both

    def _check_strength(self, jid: JID, password: str) -> None:
        if len(password) < self.options.password_length or password.lower() in (jid.local, jid):
            # In these words, for which some clients look.
            raise _refusal("not-acceptable", "The password is too weak")

    def _take_attempt(self, who: str) -> None:
        if not self._attempts.take(who, self.domain.clock.now()):
            raise _refusal("resource-constraint", "too many attempts; try again later")

    @staticmethod
    def _store(change: Callable[[], None]) -> None:
        try:
            change()
        except AccountExists:
            raise _refusal("conflict", "this username is taken") from None
        except NoSuchAccount:
            raise _refusal("registration-required", "there is no such account") from None
        except PasswordRefused as refused:
            raise _refusal("not-acceptable", str(refused)) from None
        except StorageError as error:
            log.error("an account could not be stored: %s", error)
            raise _refusal("internal-server-error") from error


def _refusal(condition: str, text: str = "") -> StanzaError:
    return StanzaError(condition, text, echo=False)


def _names(username: str, jid: JID) -> bool:
    """Whether this is how the owner of the account calls it: localpart or address (§3.3 has both)."""
    try:
        return JID.parse(username if "@" in username else f"{username}@{jid.domain}") == jid
    except JIDMalformed:
        return False


def _entered(iq: Stanza, *, incomplete: str) -> Entered:
    """What was entered, in a form or without (§5, §6). Raises StanzaError, `incomplete` where something is missing."""
    query = iq.payload
    assert query is not None
    form = query.find(forms.X)
    try:
        found = _from_form(form) if form is not None else _from_fields(query)
    except FormRefused as refused:
        raise _refusal(incomplete, str(refused)) from None
    if not all(found):
        raise _refusal(incomplete, "a username and a password are needed")
    return found


def _from_form(form: Element) -> Entered:
    submitted = FORM.read(form)
    return Entered(submitted.text("username"), submitted.text("password"))


def _from_fields(query: Element) -> Entered:
    return Entered(*(query.findtext(f"{{{NAMESPACE}}}{name}") or "" for name in Entered._fields))
