"""What a Session holds and what it hears: the verbs and events that all transports share, and the terms they keep to.

The four verbs of a transport, and a fifth that goes with the pause: `send`, `restart`, `secure`, `close`, `proceed`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from net.client_certificates import PeerCertificate
from net.limits import Rate
from net.xmpp.stream import Limits


class Transport(Protocol):
    """TCP, direct TLS, WebSocket, BOSH or a test's wire.

    `receiver`: who is told what the peer says; another one from the moment at which it is set. `peer`: the peer's
    address for the log. `secured`: TLS is in force. `end_point`: the tls-server-end-point binding data (RFC 5929) or
    None. `certified`: what the peer's certificate says, None without one.
    """

    receiver: Receiver
    peer: str
    secured: bool
    end_point: bytes | None
    certified: PeerCertificate | None

    def send(self, data: bytes) -> None: ...
    def restart(self) -> None: ...
    def secure(self, domain: str = "") -> None: ...
    def proceed(self, *, freely: bool = False) -> None: ...
    def close(self) -> None: ...


class Receiver(Protocol):
    """Whoever hears what the peer says: a Session's mailbox."""

    def tell(self, message: Any) -> None:
        """Takes an event of the stream, `Secured` or `Disconnected`."""

    @property
    def congested(self) -> bool:
        """Whether it has so much to do that nothing more should be read for it now."""


class Nobody:
    """The receiver of a connection that its Session has given up: whatever still comes is of no interest."""

    congested = False

    def tell(self, message: Any) -> None:
        """Drops it."""


class Secured(NamedTuple):
    """TLS is in force; a new stream header is expected."""


class Disconnected(NamedTuple):
    """The connection is gone, whoever ended it; `reason` is for the log. Nothing comes after this."""

    reason: str


class Terms(NamedTuple):
    """What a peer may do; one value for all that come while the configuration is the same.

    `stanza`: the most bytes of an element. `bytes`, `elements`: how fast it is read from; who sends faster is left
    waiting by TCP. `outbox`: how many bytes may wait for it. `write_seconds`: how long it may accept none of them.
    """

    stanza: Limits
    bytes: Rate
    elements: Rate
    outbox: int
    write_seconds: float
