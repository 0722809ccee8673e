"""Every option there is, with its default and its range. What each is for stands in `etc/parley.toml`."""

import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta, Struct

from net.xmpp.jid import JID
from net.xmpp.sasl import MECHANISMS

Bytes = Annotated[int, Meta(ge=10_000, le=1 << 30)]
Seconds = Annotated[float, Meta(ge=0.1, le=3600)]


class Address(str):
    """A place to listen, as "HOST:PORT" or "[IPv6]:PORT"; port 0 lets the system choose one.

    Raises ValueError for any other text.
    """

    __slots__ = ("host", "port")
    host: str
    port: int

    def __new__(cls, text: str) -> Self:
        found = re.fullmatch(r"(?:\[([^][]+)\]|([^][:\s]+)):([0-9]{1,5})", text)
        if found is None or int(found[3]) > 0xFFFF:
            raise ValueError(f"not HOST:PORT: {text!r}")
        self = super().__new__(cls, text)
        self.host = str(IPv6Address(found[1])) if found[1] else found[2]
        self.port = int(found[3])
        return self


class BareJID(str):
    """The address of an account, prepared. Raises ValueError for any other text."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        jid = JID.parse(text)
        if not jid.is_bare:
            raise ValueError(f"not LOCAL@DOMAIN: {text!r}")
        return super().__new__(cls, jid)


class Listen(Struct, frozen=True, kw_only=True):
    """Where connections are accepted; an empty list is not listened for."""

    c2s: tuple[Address, ...] = (Address("0.0.0.0:5222"), Address("[::]:5222"))
    c2s_tls: tuple[Address, ...] = (Address("0.0.0.0:5223"), Address("[::]:5223"))


class Certified(Struct, frozen=True, kw_only=True):
    """Whatever may have a certificate: the PEM files of its chain and of its key."""

    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key together, or neither of them")


class TLS(Certified, frozen=True, kw_only=True):
    """Encryption. The certificate is for domains without their own; if there is none, a self-signed one is made."""

    required: bool = True
    minimum: Literal["1.2", "1.3"] = "1.2"
    client_certificates: Path | None = None


class HostOptions(Certified, frozen=True, kw_only=True):
    """One served domain. `conflict`: what happens when a resource in use is asked for again (RFC 6120 §7.7.2.2).

    `admins`: who may give it commands from a client (XEP-0133). `registration`: whether anybody may make an account
    (XEP-0077). `search`: whether its users can be searched for (XEP-0055). `anonymous`: whether anybody may log in
    without an account (XEP-0175). `archive`: whose messages are kept for users who have not said so themselves
    (XEP-0441). `archive_...`: how much is kept of each user's (XEP-0313); 0: all. `push_summary`: how much the app
    servers of users' clients are told of what there is to see (XEP-0357).
    """

    conflict: Literal["replace", "refuse", "number"] = "replace"
    admins: tuple[BareJID, ...] = ()
    registration: bool = False
    search: bool = False
    anonymous: bool = False
    archive: Literal["always", "roster", "never"] = "always"
    archive_days: Annotated[int, Meta(ge=0, le=100_000)] = 0
    archive_messages: Annotated[int, Meta(ge=0, le=1 << 40)] = 0
    archive_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    push_summary: Literal["nothing", "count", "sender", "body"] = "count"


Hosts = dict[str, HostOptions]


class Storage(Struct, frozen=True, kw_only=True):
    """Where state sleeps; as loaded, never empty and with an absolute path."""

    url: str = ""

    def __post_init__(self) -> None:
        if self.url not in {"", "memory:"} and not re.match("sqlite:///.|postgresql://.", self.url):
            raise ValueError(
                'url to be "sqlite:///PATH", "postgresql://USER@HOST/NAME", "memory:" or "" for a file in data_dir'
            )


class Limits(Struct, frozen=True, kw_only=True):
    """What one peer or user may take. Stanzas and the outbox in bytes, times in seconds, the rest counts."""

    stanza_before_login: Bytes = 10_000  # not below: RFC 6120 §13.12
    stanza: Bytes = 262_144
    outbox: Bytes = 4_194_304
    mailbox: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    login_seconds: Seconds = 60
    login_attempts: Annotated[int, Meta(ge=1, le=100)] = 5
    failed_logins_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] = 500
    failed_logins_per_account: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    connections_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    half_open_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] = 200
    bytes_per_second: Annotated[int, Meta(ge=1_000, le=1 << 40)] = 1_000_000
    stanzas_per_second: Annotated[int, Meta(ge=10, le=1_000_000_000)] = 2_000
    burst_seconds: Annotated[float, Meta(ge=0, le=3600)] = 5
    resources: Annotated[int, Meta(ge=1, le=10_000)] = 50
    clients: Annotated[int, Meta(ge=1, le=10_000)] = 50
    roster: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    offline: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_000
    write_seconds: Seconds = 60
    stop_seconds: Seconds = 10

    def __post_init__(self) -> None:
        if self.outbox < self.stanza:
            raise ValueError(f"outbox ({self.outbox}) to hold at least one stanza ({self.stanza})")


class SASL(Struct, frozen=True, kw_only=True):
    """Logging in. `iterations`: the PBKDF2 count of newly made SCRAM keys (RFC 5802 §5.1: at least 4096)."""

    iterations: Annotated[int, Meta(ge=4096, le=10_000_000)] = 10_000
    mechanisms: Annotated[tuple[str, ...], Meta(min_length=1)] = MECHANISMS

    def __post_init__(self) -> None:
        for name in self.mechanisms:
            if name not in MECHANISMS:
                raise ValueError(f"mechanisms out of {', '.join(MECHANISMS)}; {name} is none of them")


class Log(Struct, frozen=True, kw_only=True):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class NoOptions(Struct, frozen=True):
    """The options of a feature that has none."""


class XEPs(Struct, frozen=True, kw_only=True):
    """`disabled` features by name; as loaded, with one more attribute for each feature: its own options."""

    disabled: tuple[str, ...] = ()


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration. As loaded: paths are absolute, and `hosts` is keyed by prepared domains."""

    data_dir: Path = Path("data")
    listen: Listen = Listen()
    tls: TLS = TLS()
    hosts: Hosts = msgspec.field(default_factory=lambda: {"localhost": HostOptions()})
    storage: Storage = Storage()
    limits: Limits = Limits()
    sasl: SASL = SASL()
    log: Log = Log()
    xeps: XEPs = XEPs()
