"""Which mechanisms a stream is offered, and how an exchange begins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from net.xmpp.sasl.exchange import Answer, Challenge, SASLError
from net.xmpp.sasl.plain import plain
from net.xmpp.sasl.scram import SCRAM, Scram

MECHANISMS = (*SCRAM, "PLAIN")
"""Every mechanism, strongest first."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The mechanisms for a stream to `domain` as it is now.

    `secure`: nobody can listen, because of TLS or because the connection never leaves the machine.
    `bindings`: the data of each channel-binding type (RFC 5929, RFC 9266) that XEP-0440 announces. Empty where there is
    no TLS, and where TLS ends in front of the server.
    `enabled`: the mechanisms that the operator allows.
    """

    domain: str
    secure: bool
    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    enabled: Collection[str] = MECHANISMS

    @property
    def mechanisms(self) -> list[str]:
        """What to list in the stream features, strongest first."""
        return [name for name in MECHANISMS if name in self.enabled and self._possible(name)]

    def begin(self, mechanism: str | None, data: bytes | None) -> Answer:
        """Answer an `<auth/>` that asks for `mechanism` and brings `data` as its initial response, None if it has none.

        Raises SASLError: encryption-required for PLAIN in the clear, invalid-mechanism for others not offered, and
        whatever the mechanism objects to.
        """
        if mechanism not in MECHANISMS or mechanism not in self.enabled:
            raise SASLError("invalid-mechanism")
        if not self._possible(mechanism):
            raise SASLError("encryption-required" if mechanism == "PLAIN" else "invalid-mechanism")
        if data is None:
            # Every mechanism here lets the client speak first: it is asked to by an empty challenge (RFC 4422 §5).
            return Challenge(b"", lambda response: self._first(mechanism, response or b""))
        return self._first(mechanism, data)

    def _possible(self, mechanism: str) -> bool:
        if mechanism == "PLAIN":
            return self.secure
        return bool(self.bindings) or not SCRAM[mechanism].plus

    def _first(self, mechanism: str, data: bytes) -> Answer:
        if mechanism == "PLAIN":
            return plain(self.domain, data)
        plus_offered = any(SCRAM[name].plus for name in self.mechanisms if name in SCRAM)
        return Scram(SCRAM[mechanism], self.domain, self.bindings, plus_offered).first(data)
