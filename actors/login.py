"""Authentication on one stream (RFC 4422): the exchange that is under way, whichever profile carries it.

How its moves look on the stream is the business of `actors.sasl1` (RFC 6120 §6) and `actors.sasl2` (XEP-0388).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.storage import StorageError
from net.xmpp import sasl
from net.xmpp.jid import JIDMalformed

if TYPE_CHECKING:
    from actors.accounts import Account
    from actors.host import Domain
    from net.transport import Transport

log = logging.getLogger(__name__)

END_POINT = "tls-server-end-point"

# What a move brings along, still to be decoded; it may raise SASLError.
Data = Callable[[], bytes | None]

# How an exchange begins: by what is offered, and the initial response.
Start = Callable[[sasl.Offer, bytes | None], sasl.Answer]

Reply = sasl.Challenge | sasl.Success


class Login:
    """The exchange that is under way on a stream, and how many have failed. An organ of the Session.

    `peer`: where it comes from. `offer`: the mechanisms with a password, and what the stream is like.
    `bindings`: the channel-binding data by type. `username` is None until a login
    succeeds, then a prepared localpart.

    Each move returns what to answer or raises SASLError. It may wait for storage, and for the thread in which a
    password is verified.
    """

    def __init__(self, domain: Domain, peer: str, conn: Transport) -> None:
        self._domain = domain
        self._peer = peer
        self._forbidden = domain.config.tls.required and not conn.secured
        self.bindings = {END_POINT: conn.end_point} if conn.end_point is not None else {}
        self.username: str | None = None
        self.offer = sasl.Offer(
            domain.name,
            conn.secured,
            self.bindings,
            domain.config.sasl.mechanisms,
            anonymous=domain.options.anonymous,
            certified=conn.certified.addresses if conn.certified is not None else None,
        )
        self._failures = 0
        self._account: str | None = None
        self._found: Account | None = None
        self._challenge: sasl.Challenge | None = None

    @property
    def mechanisms(self) -> list[str]:
        """What to offer, strongest first."""
        return self.offer.mechanisms

    @property
    def exhausted(self) -> bool:
        """Whether so many exchanges have failed that no more are allowed (RFC 6120 §6.4.5)."""
        return self._failures >= self._domain.config.limits.login_attempts

    @property
    def challenged(self) -> bool:
        """Whether a response is expected."""
        return self._challenge is not None

    # -- the client's moves

    def begin(self, start: Start, data: Data) -> Reply:
        """The client begins an exchange."""

        def move(challenge: sasl.Challenge | None) -> sasl.Answer:
            if challenge is not None:
                # An exchange that is dropped for another one counts as failed, or there could be any number of them.
                raise _out_of_turn()
            return start(self.offer, data())

        return self._decide(move)

    def respond(self, data: Data) -> Reply:
        """The client responds to the challenge."""

        def move(challenge: sasl.Challenge | None) -> sasl.Answer:
            if challenge is None:
                raise _out_of_turn()
            return challenge.step(data())

        return self._decide(move)

    def abort(self) -> Reply:
        """The client gives up, which is a failure like others."""

        def move(_: sasl.Challenge | None) -> sasl.Answer:
            raise sasl.SASLError("aborted")

        return self._decide(move)

    def _decide(self, move: Callable[[sasl.Challenge | None], sasl.Answer]) -> Reply:
        challenge, self._challenge = self._challenge, None
        try:
            if self._forbidden:
                raise sasl.SASLError("encryption-required")
            reply = self._supply(move(challenge))
            if isinstance(reply, sasl.Success):
                self.username = self._succeed(reply)
        except sasl.SASLError:
            self._failures += 1
            raise
        except StorageError:
            log.exception("a login to %s could not be decided", self._domain.name)
            self._failures += 1
            raise sasl.SASLError("temporary-auth-failure") from None
        if isinstance(reply, sasl.Challenge):
            self._challenge = reply
        return reply

    # -- accounts

    def _supply(self, answer: sasl.Answer) -> Reply:
        """What becomes of an answer once the accounts have been asked."""
        accounts = self._domain.accounts
        if isinstance(answer, sasl.Lookup | sasl.VerifyPassword | sasl.Claim):
            self._attempt(answer.username)
        if isinstance(answer, sasl.Certified):
            return answer.supply(exists=accounts.exists(accounts.jid(answer.username)))
        if isinstance(answer, sasl.Anonymous):
            return answer.supply(accounts.guests.admit().local)
        if isinstance(answer, sasl.Lookup):
            self._found = accounts.named(answer.username)
            return answer.supply(accounts.keys_of(self._found, answer.username, answer.hash))
        if isinstance(answer, sasl.VerifyPassword):
            return answer.supply(verified=accounts.verify(answer.username, answer.password))
        if isinstance(answer, sasl.Claim):
            return answer.verify()
        return answer

    def _attempt(self, username: str) -> None:
        """Refuses in the same way whether or not there is such an account, and whatever its password."""
        self._found = None
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
        # RFC 6120 §6.5.2; only who knows the password is told. Should it be disabled since then, it binds no resource.
        account = self._found or self._domain.accounts.find(jid)
        if account is not None and account.disabled is not None:
            raise sasl.SASLError("account-disabled", account.disabled)
        return jid.local


def _out_of_turn() -> sasl.SASLError:
    return sasl.SASLError("malformed-request", "Every challenge is responded to, and nothing else is.")
