"""What passes between a SASL mechanism and its caller: answers, refusals and the base64 around them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.sasl.keys import Hash, ScramKeys

MESSAGE_LIMIT = 8192
"""Bytes of one message from the client, base64 removed. JID parts end at 1023 bytes, so nothing honest comes near."""

Condition = Literal[
    "aborted",
    "account-disabled",
    "credentials-expired",
    "encryption-required",
    "incorrect-encoding",
    "invalid-authzid",
    "invalid-mechanism",
    "malformed-request",
    "mechanism-too-weak",
    "not-authorized",
    "temporary-auth-failure",
]
"""The failure conditions of RFC 6120 §6.5."""


class SASLError(Exception):
    """Authentication is refused; sent to the client as `<failure/>` (RFC 6120 §6.4.5).

    `text` is for people and may be empty. It never says anything that depends on the account.
    """

    def __init__(self, condition: Condition, text: str = "") -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition: Condition = condition
        self.text = text


@dataclass(frozen=True, slots=True)
class Success:
    """The client has proved to be `username` (as it wrote it: not yet prepared as a localpart, RFC 7622 §3.3).

    `data` are the mechanism's last words to the client, if it has any.
    """

    username: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """`data` is for the client; what it responds goes to `step`, None standing for no data.

    `step` raises SASLError.
    """

    data: bytes
    step: Callable[[bytes | None], Answer] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Lookup:
    """`supply` wants the keys for `hash` of the account `username` (as the client wrote it), or its decoy."""

    username: str
    hash: Hash
    supply: Callable[[ScramKeys], Challenge] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VerifyPassword:
    """The client claims that `password` is that of `username`, both as it wrote them."""

    username: str
    password: str = field(repr=False)

    def supply(self, *, verified: bool) -> Success:
        """Go on with the outcome of `verify_password`.

        Raises SASLError not-authorized when the password was wrong.
        """
        if not verified:
            raise SASLError("not-authorized")
        return Success(self.username)


@dataclass(frozen=True, slots=True)
class Certified:
    """The client's certificate is that of `username`, whom there may not be."""

    username: str

    def supply(self, *, exists: bool) -> Success:
        """Go on with whether there is such an account. Raises SASLError not-authorized when there is not."""
        if not exists:
            raise SASLError("not-authorized")
        return Success(self.username)


@dataclass(frozen=True, slots=True)
class Claim:
    """The client claims to be `username` (as it wrote it).

    `verify` finds out, which may take a while, and raises SASLError not-authorized where that is not so.
    """

    username: str
    verify: Callable[[], Success] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """The client is nobody in particular."""

    def supply(self, username: str) -> Success:
        """Go on with the name it is given."""
        return Success(username)


Answer = Challenge | Lookup | VerifyPassword | Claim | Certified | Anonymous | Success


def decode(text: str | None) -> bytes | None:
    """The message in an `<auth/>` or `<response/>`: "=" is a zero-length one, an empty element (None or "") has none.

    Raises SASLError incorrect-encoding for anything but canonical base64 (RFC 6120 §6.4.2 and §13.9.1), and
    malformed-request for a message longer than MESSAGE_LIMIT.
    """
    if not text:
        return None
    if text == "=":
        return b""
    if len(text) > (MESSAGE_LIMIT + 2) // 3 * 4:
        raise SASLError("malformed-request", "The message is too long.")
    return decode_base64(text, "incorrect-encoding")


def encode(data: bytes | None) -> str:
    """The content of a `<challenge/>` or `<success/>`; both nothing and zero bytes are an empty element."""
    return b64encode(data or b"").decode()


def decode_base64(text: str, otherwise: Condition) -> bytes:
    """Decode canonical base64 (RFC 4648 §4). Raises SASLError `otherwise` if it is anything else."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise SASLError(otherwise, "The base64 is not valid.") from None
    # One value has one encoding: padding in the middle and stray bits after the end are refused by comparing.
    if b64encode(data).decode() != text:
        raise SASLError(otherwise, "The base64 is not valid.")
    return data


def decode_utf8(data: bytes) -> str:
    """Raises SASLError malformed-request if `data` is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SASLError("malformed-request", "The message is not UTF-8.") from None


def check_authzid(authzid: str, username: str, domain: str, sender: str | None = None) -> None:
    """An authorization identity is empty or the client's own bare JID: nobody acts for others (RFC 6120 §6.3.8).

    `sender`: who the client's stream header says it is from, where that has to agree (XEP-0388 §2.3); what is no JID
    agrees with none. Raises SASLError invalid-authzid otherwise.
    """
    if not authzid:
        return
    try:
        wanted = JID.parse(authzid)
        own = wanted == JID.of(username, domain) and sender in (None, wanted)
    except JIDMalformed:
        own = False
    if not own:
        raise SASLError("invalid-authzid")
