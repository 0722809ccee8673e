"""Authentication on one stream (RFC 4422): the exchange that is under way, whichever profile carries it.

How its moves look on the stream is the business of `actors.sasl1` (RFC 6120 §6) and `actors.sasl2` (XEP-0388).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.access import Access, Way
from actors.storage import StorageError
from net.xmpp import sasl
from net.xmpp.jid import JID, JIDMalformed

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

# By what somebody logs in for whom the accounts are asked this.
WAYS: dict[type[sasl.Answer], Way] = {
    sasl.Anonymous: "nothing",
    sasl.Certified: "certificate",
    sasl.Claim: "token",
    sasl.Lookup: "password",
    sasl.VerifyPassword: "password",
}


class Login:
    """The exchange that is under way on a stream, and how many have failed. An organ of the Session.

    `peer`: where it comes from. `offer`: the mechanisms with a password, and what the stream is like.
    `username` is None until a login succeeds, then a prepared localpart.

    Each move returns what to answer or raises SASLError. It may wait for storage, and for the thread in which a
    password is verified.
    """

    def __init__(self, domain: Domain, peer: str, conn: Transport) -> None:
        self._domain = domain
        self._peer = peer
        self._forbidden = domain.config.tls.required and not conn.secured
        bindings = {END_POINT: conn.end_point} if conn.end_point is not None else {}
        self.username: str | None = None
        self.offer = sasl.Offer(
            domain.name,
            conn.secured,
            bindings,
            domain.config.sasl.mechanisms,
            anonymous=domain.options.anonymous,
            certified=conn.certified.addresses if conn.certified is not None else None,
        )
        self._failures = 0
        self._account: str | None = None
        self._found: Account | None = None
        self._by: Way = "password"
        self._challenge: sasl.Challenge | None = None

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
        elif isinstance(answer, sasl.Anonymous | sasl.Certified):
            self._account = None  # who gets in so has not guessed any password
        if isinstance(answer, sasl.Challenge | sasl.Success):
            return answer
        self._by = WAYS[type(answer)]
        if isinstance(answer, sasl.Anonymous):
            self._found = None
            return answer.supply(accounts.guests.admit().local)
        # Before anything is proved: what will be proved holds for the account as it is now.
        found = self._found = accounts.named(answer.username)
        if isinstance(answer, sasl.Certified):
            return answer.supply(exists=found is not None)
        if isinstance(answer, sasl.Lookup):
            return answer.supply(accounts.keys_of(found, answer.username, answer.hash))
        if isinstance(answer, sasl.VerifyPassword):
            return answer.supply(verified=accounts.verify(found, answer.username, answer.password))
        return answer.verify()

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
        self._confirm(jid)
        return jid.local

    def confirm(self) -> None:
        """The login has succeeded, and since then taken its time. Raises SASLError if it counts no more."""
        assert self.username is not None
        try:
            self._confirm(self._domain.accounts.jid(self.username))
        except sasl.SASLError:
            self.username = None
            raise

    def _confirm(self, jid: JID) -> None:
        """Who was proved to be the owner is that only until the password changes. Only who knows it is told of more."""
        account = self._found
        if account is None:
            return
        if account.disabled is not None:
            raise sasl.SASLError("account-disabled", account.disabled)  # RFC 6120 §6.5.2
        if self._domain.accounts.epoch(jid, account.epoch) != account.epoch:
            raise sasl.SASLError("credentials-expired" if self._by == "token" else "not-authorized")

    def access(self, client: str) -> Access:
        """What has been proved, by the client of that id."""
        return Access(client, self._by, self._found.epoch if self._found is not None else "")

    def out_of_turn(self) -> Reply:
        """The client has answered what it was not asked, which is a failure like others."""

        def move(_: sasl.Challenge | None) -> sasl.Answer:
            raise _out_of_turn()

        return self._decide(move)


def _out_of_turn() -> sasl.SASLError:
    return sasl.SASLError("malformed-request", "Every challenge is responded to, and nothing else is.")
