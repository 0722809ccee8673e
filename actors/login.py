"""Authentication on one stream (RFC 6120 §6): what `<auth/>`, `<response/>` and `<abort/>` get for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.xmpp import sasl
from net.xmpp.errors import StreamError
from net.xmpp.offers import SASL
from net.xmpp.xml import Element, escape

if TYPE_CHECKING:
    from actors.host import Domain

AUTH = f"{{{SASL}}}auth"
RESPONSE = f"{{{SASL}}}response"
ABORT = f"{{{SASL}}}abort"

END_POINT = "tls-server-end-point"


class Login:
    """The exchange that is under way on a stream, and how many have failed. An organ of the Session.

    `answer` waits for storage and for the thread in which passwords are verified.
    """

    def __init__(self, domain: Domain, *, secured: bool, end_point: bytes | None) -> None:
        self._domain = domain
        self.bindings = {END_POINT: end_point} if end_point is not None else {}
        self.offer = sasl.Offer(domain.name, secured, self.bindings, domain.config.sasl.mechanisms)
        self.username: str | None = None
        self.attempts = 0
        self._challenge: sasl.Challenge | None = None

    @property
    def mechanisms(self) -> list[str]:
        """What to offer, strongest first."""
        return self.offer.mechanisms

    def answer(self, node: Element) -> bytes:
        """What to send back. After a success `username` is set, as a prepared localpart.

        Raises StreamError policy-violation when it has failed too often (RFC 6120 §6.4.5).
        """
        try:
            reply = self._step(node)
        except sasl.SASLError as error:
            self._challenge = None
            self.attempts += 1
            text = f'<text xml:lang="en">{escape(error.text)}</text>' if error.text else ""
            failure = f'<failure xmlns="{SASL}"><{error.condition}/>{text}</failure>'.encode()
            if self.attempts >= self._domain.config.limits.login_attempts:
                raise TooManyAttempts(failure) from None
            return failure
        if isinstance(reply, sasl.Challenge):
            self._challenge = reply
            return f'<challenge xmlns="{SASL}">{sasl.encode(reply.data)}</challenge>'.encode()
        self.username = self._domain.accounts.jid(reply.username).local
        return f'<success xmlns="{SASL}">{sasl.encode(reply.data)}</success>'.encode()

    def _step(self, node: Element) -> sasl.Challenge | sasl.Success:
        challenge, self._challenge = self._challenge, None
        if node.tag == ABORT:
            raise sasl.SASLError("aborted")
        data = sasl.decode(node.text)
        if node.tag == AUTH:
            reply = self.offer.begin(node.get("mechanism"), data)
        elif challenge is not None:
            reply = challenge.step(data)
        else:
            raise sasl.SASLError("malformed-request", "There is no challenge to respond to.")
        accounts = self._domain.accounts
        if isinstance(reply, sasl.Lookup):
            return reply.supply(accounts.keys(reply.username, reply.hash))
        if isinstance(reply, sasl.VerifyPassword):
            return reply.supply(verified=accounts.verify(reply.username, reply.password))
        return reply


class TooManyAttempts(StreamError):
    """Login has failed too often. `failure` is still to be sent."""

    def __init__(self, failure: bytes) -> None:
        super().__init__("policy-violation", "too many failed logins")
        self.failure = failure
