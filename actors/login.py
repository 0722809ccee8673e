"""Authentication on one stream (RFC 6120 §6): what `<auth/>`, `<response/>` and `<abort/>` get for an answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.storage import StorageError
from net.xmpp import sasl
from net.xmpp.jid import JIDMalformed
from net.xmpp.offers import SASL
from net.xmpp.xml import Element, escape

if TYPE_CHECKING:
    from actors.host import Domain
    from net.transport import Transport

log = logging.getLogger(__name__)

AUTH = f"{{{SASL}}}auth"
RESPONSE = f"{{{SASL}}}response"
ABORT = f"{{{SASL}}}abort"

END_POINT = "tls-server-end-point"


class Login:
    """The exchange that is under way on a stream, and how many have failed. An organ of the Session.

    `peer`: where it comes from. `bindings`: the channel-binding data by type. `username` is None until a login
    succeeds, then a prepared localpart.
    """

    def __init__(self, domain: Domain, peer: str, conn: Transport) -> None:
        self._domain = domain
        self._peer = peer
        self._forbidden = domain.config.tls.required and not conn.secured
        self.bindings = {END_POINT: conn.end_point} if conn.end_point is not None else {}
        self.username: str | None = None
        self._offer = sasl.Offer(
            domain.name,
            conn.secured,
            self.bindings,
            domain.config.sasl.mechanisms,
            anonymous=domain.options.anonymous,
            certified=conn.certified.addresses if conn.certified is not None else None,
        )
        self._failures = 0
        self._account: str | None = None
        self._challenge: sasl.Challenge | None = None

    @property
    def mechanisms(self) -> list[str]:
        """What to offer, strongest first."""
        return self._offer.mechanisms

    @property
    def exhausted(self) -> bool:
        """Whether so many exchanges have failed that no more are allowed (RFC 6120 §6.4.5)."""
        return self._failures >= self._domain.config.limits.login_attempts

    def answer(self, node: Element) -> bytes:
        """What to send back to an `<auth/>`, `<response/>` or `<abort/>`.

        Waits for storage, and for the thread in which a password is verified.
        """
        try:
            reply = self._step(node)
            if isinstance(reply, sasl.Success):
                self.username = self._succeed(reply)
        except sasl.SASLError as error:
            return self._failure(error)
        except StorageError:
            log.exception("a login to %s could not be decided", self._domain.name)
            return self._failure(sasl.SASLError("temporary-auth-failure"))
        if isinstance(reply, sasl.Challenge):
            self._challenge = reply
            return f'<challenge xmlns="{SASL}">{sasl.encode(reply.data)}</challenge>'.encode()
        return f'<success xmlns="{SASL}">{sasl.encode(reply.data)}</success>'.encode()

    def _attempt(self, username: str) -> None:
        """Refuses in the same way whether or not there is such an account, and whatever its password."""
        try:
            self._account = self._domain.accounts.jid(username).local
        except JIDMalformed:
            self._account = username
        if not self._domain.attempts.begin(self._peer, self._account, self._domain.clock.now()):
            raise sasl.SASLError("temporary-auth-failure", "There were too many failed logins; try again later.")

    def _succeed(self, success: sasl.Success) -> str:
        jid = self._domain.accounts.jid(success.username)
        if self._account is not None:
            self._domain.attempts.succeeded(self._peer, self._account)
        # RFC 6120 §6.5.2; only who knows the password is told.
        account = self._domain.accounts.find(jid)
        if account is not None and account.disabled is not None:
            raise sasl.SASLError("account-disabled", account.disabled)
        return jid.local

    def _failure(self, error: sasl.SASLError) -> bytes:
        self._failures += 1
        text = f'<text xml:lang="en">{escape(error.text)}</text>' if error.text else ""
        return f'<failure xmlns="{SASL}"><{error.condition}/>{text}</failure>'.encode()

    def _step(self, node: Element) -> sasl.Challenge | sasl.Success:
        challenge, self._challenge = self._challenge, None
        if self._forbidden:
            raise sasl.SASLError("encryption-required")
        if node.tag == ABORT:
            raise sasl.SASLError("aborted")
        if (node.tag == AUTH) == (challenge is not None):
            # An exchange that is dropped for another one counts as failed, or there could be any number of them.
            raise sasl.SASLError("malformed-request", "Every challenge is responded to, and nothing else is.")
        data = sasl.decode(node.text)
        reply = challenge.step(data) if challenge is not None else self._offer.begin(node.get("mechanism"), data)
        accounts = self._domain.accounts
        if isinstance(reply, sasl.Lookup | sasl.VerifyPassword):
            self._attempt(reply.username)
        if isinstance(reply, sasl.Certified):
            return reply.supply(exists=accounts.exists(accounts.jid(reply.username)))
        if isinstance(reply, sasl.Anonymous):
            return reply.supply(accounts.guests.admit().local)
        if isinstance(reply, sasl.Lookup):
            return reply.supply(accounts.keys(reply.username, reply.hash))
        if isinstance(reply, sasl.VerifyPassword):
            return reply.supply(verified=accounts.verify(reply.username, reply.password))
        return reply
