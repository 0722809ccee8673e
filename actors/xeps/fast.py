"""XEP-0484: Fast Authentication Streamlining Tokens."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Annotated

import msgspec

from actors.clients import Client, Token
from actors.hooks import XEP, Feature, authenticate_inline, authenticates, offered_inline
from actors.storage import StorageError
from net.xmpp import sasl
from net.xmpp.jid import JIDMalformed
from net.xmpp.sasl.ht import HT, Proof, hashed_token, possible
from net.xmpp.stamps import stamp
from net.xmpp.xml import Element, element

if TYPE_CHECKING:
    from actors.negotiation import Negotiation
    from actors.sasl2 import Request

log = logging.getLogger(__name__)

NAMESPACE = "urn:xmpp:fast:0"
FAST = f"{{{NAMESPACE}}}fast"
REQUEST = f"{{{NAMESPACE}}}request-token"

DAY = 86400.0

_COUNT = re.compile("[1-9][0-9]{0,9}")


class FastOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`days`: how long a token is good."""

    days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 28


class Fast(Feature):
    """Lets clients log in by a token that they were given at an earlier login, in one round trip.

    A token belongs to one client, one mechanism and one epoch of the account (`actors/clients.py`). TLS takes no early
    data here; still, a `count` that has been there before is refused (§3.4).
    """

    implements = (XEP(484, "0.2.0", "Fast Authentication Streamlining Tokens"),)
    requires = ("sasl2",)
    Options = FastOptions

    @offered_inline
    def offer(self, offer: sasl.Offer) -> Element:
        """§3.1"""
        return element(FAST, None, *(element(f"{{{NAMESPACE}}}mechanism", name) for name in possible(offer.bindings)))

    # -- logging in by a token

    @authenticates(*HT)
    def authenticate(self, request: Request, data: bytes | None) -> sasl.Claim:
        """§3.4"""
        proof = hashed_token(request.mechanism, request.offer.bindings, data)
        asked = request.find(FAST)
        if asked is None or not request.user_agent.id:
            raise sasl.SASLError("malformed-request", "A token needs <fast/>, and the id of the user agent.")
        count = _count(asked.get("count"))
        return sasl.Claim(proof.username, lambda: self._verify(proof, request, count))

    def _verify(self, proof: Proof, request: Request, count: int | None) -> sasl.Success:
        """A token that is given back is gone with this (§3.6): if that cannot be stored, the login fails."""
        now = self.domain.clock.now()
        proved: Token | None = None

        def use(client: Client, epoch: str) -> Client:
            nonlocal proved
            token = next(
                (token for token in (client.new, client.current) if token and proof.proves(token.secret)), None
            )
            if token is None or token.mechanism != request.mechanism:
                raise sasl.SASLError("not-authorized")
            if not token.is_good(epoch, now):
                raise sasl.SASLError("credentials-expired")
            if count is not None and count <= token.count:
                raise sasl.SASLError("not-authorized")
            proved = token
            if _is_given_back(request):
                return msgspec.structs.replace(client, current=None, new=None)
            used = token if count is None else msgspec.structs.replace(token, count=count)
            # §5.1: one that is used for the first time ends the one before it; one that has not been used yet stays.
            return msgspec.structs.replace(client, current=used, new=None if token is client.new else client.new)

        try:
            jid = self.domain.accounts.jid(proof.username)
        except JIDMalformed:
            raise sasl.SASLError("not-authorized") from None
        self.domain.clients.change(jid, request.user_agent.id, now, use, anew=False)
        if proved is None:  # there is no such client, or no such account
            raise sasl.SASLError("not-authorized")
        return sasl.Success(jid.local, proof.answer(proved.secret))

    # -- giving tokens out

    @authenticate_inline(FAST, REQUEST)
    def renew(self, session: Negotiation, request: Request) -> Element | None:
        """§3.3, §3.5. A token that cannot be stored is not given out; the login stands."""
        by_token, wanted = request.mechanism in HT, request.find(REQUEST)
        if wanted is not None:
            mechanism = wanted.get("mechanism", "")
        else:
            mechanism = request.mechanism if by_token and not _is_given_back(request) else ""
        if not request.user_agent.id or mechanism not in possible(request.offer.bindings):
            return None
        assert session.username is not None
        now, given = self.domain.clock.now(), None

        def give(client: Client, epoch: str) -> Client:
            nonlocal given
            if wanted is None and not _is_due(client.current, now):
                return client
            given = Token.new(mechanism, epoch, now, self.options.days * DAY)
            return msgspec.structs.replace(client, new=given)

        try:
            jid = self.domain.accounts.jid(session.username)
            epoch = session.access.epoch
            self.domain.clients.change(jid, request.user_agent.id, now, give, anew=not by_token, epoch=epoch)
        except StorageError as error:
            log.error("a token could not be stored: %s", error)
            return None
        if given is None:
            return None
        return element(f"{{{NAMESPACE}}}token", token=given.secret, expiry=stamp(given.expires))


def _is_due(token: Token | None, now: float) -> bool:
    """Whether half of its time is over (§3.5)."""
    return token is not None and now > (token.issued + token.expires) / 2


def _is_given_back(request: Request) -> bool:
    """Whether the client wants its token to be good no more (§3.6)."""
    asked = request.find(FAST)
    return asked is not None and asked.get("invalidate") in ("true", "1")


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if _COUNT.fullmatch(text) is None:
        raise sasl.SASLError("malformed-request", "The count is a positive integer.")
    return int(text)
