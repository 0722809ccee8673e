"""Which mechanisms a stream is offered, and how an exchange begins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from net.xmpp.sasl.anonymous import anonymous
from net.xmpp.sasl.exchange import Answer, Challenge, SASLError
from net.xmpp.sasl.external import external
from net.xmpp.sasl.plain import plain
from net.xmpp.sasl.scram import SCRAM, Scram

MECHANISMS = (*SCRAM, "PLAIN")
"""Every mechanism with a password, strongest first."""


ANONYMOUS = "ANONYMOUS"
EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, slots=True)
class Offer:
    """The mechanisms for a stream to `domain` as it is now.

    `secure`: nobody can listen, because of TLS or because the connection never leaves the machine.
    `bindings`: the data of each channel-binding type (RFC 5929, RFC 9266) that XEP-0440 announces. Empty where there is
    no TLS, and where TLS ends in front of the server.
    `enabled`: the mechanisms with a password that the operator allows. `anonymous`: whether ANONYMOUS is too.
    `certified`: the addresses that a trusted certificate of the client's names, None where it has shown none.
    `sender`: who the client's stream header says it is from, where an authorization identity has to agree with it.
    """

    domain: str
    secure: bool
    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    enabled: Collection[str] = MECHANISMS
    anonymous: bool = False
    certified: Collection[str] | None = None
    sender: str | None = None

    @property
    def mechanisms(self) -> list[str]:
        """What to list in the stream features, strongest first."""
        names = [name for name in MECHANISMS if name in self.enabled and self._possible(name)]
        if self.certified is not None:
            names.insert(0, EXTERNAL)
        return [*names, ANONYMOUS] if self.anonymous else names

    @property
    def announced(self) -> Collection[str]:
        """The channel-binding types to list beside them (XEP-0440): none where none of the mechanisms binds to any."""
        return self.bindings if any(name in SCRAM and SCRAM[name].plus for name in self.mechanisms) else ()

    @property
    def advertised(self) -> bytes:
        """What clients were told of mechanisms and channel bindings, as it is protected by a hash (XEP-0474 §6.1)."""
        lists = (self.mechanisms, self.announced) if self.announced else (self.mechanisms,)
        return "\x1f".join("\x1e".join(sorted(names)) for names in lists).encode()

    def begin(self, mechanism: str | None, data: bytes | None) -> Answer:
        """Answer an `<auth/>` that asks for `mechanism` and brings `data` as its initial response, None if it has none.

        Raises SASLError: encryption-required for PLAIN in the clear, invalid-mechanism for others not offered, and
        whatever the mechanism objects to.
        """
        if mechanism == ANONYMOUS and self.anonymous:
            return anonymous(data or b"")  # XEP-0175 §4: answered at once, with or without an initial response
        if mechanism == EXTERNAL and self.certified is not None:
            certified = self.certified
            if data is None:
                return Challenge(b"", lambda response: external(self.domain, certified, response or b"", self.sender))
            return external(self.domain, certified, data, self.sender)
        if mechanism not in MECHANISMS or mechanism not in self.enabled:
            raise SASLError("invalid-mechanism")
        if not self._possible(mechanism):
            raise SASLError("encryption-required" if mechanism == "PLAIN" else "invalid-mechanism")
        if data is None:
            # With a password it is always the client that speaks first; an empty challenge asks it to (RFC 4422 §5).
            return Challenge(b"", lambda response: self._first(mechanism, response or b""))
        return self._first(mechanism, data)

    def _possible(self, mechanism: str) -> bool:
        if mechanism == "PLAIN":
            return self.secure
        return bool(self.bindings) or not SCRAM[mechanism].plus

    def _first(self, mechanism: str, data: bytes) -> Answer:
        if mechanism == "PLAIN":
            return plain(self.domain, data, self.sender)
        plus_offered = any(SCRAM[name].plus for name in self.mechanisms if name in SCRAM)
        return Scram(SCRAM[mechanism], self.domain, self.bindings, plus_offered, self.sender, self.advertised).first(
            data
        )
