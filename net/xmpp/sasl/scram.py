"""SCRAM-SHA-1 and SCRAM-SHA-256, plain and bound to the channel (RFC 5802, RFC 7677).

The client can tell whether what it was offered is what was sent (XEP-0474).

Three moves: the client's first message leads to a `Lookup`, the keys to a `Challenge`, the client's final message to
`Success`. Only the proof, the very last check, depends on the account.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from net.xmpp.sasl.exchange import Challenge, Lookup, SASLError, Success, check_authzid, decode_base64, decode_utf8
from net.xmpp.sasl.keys import Hash, ScramKeys, digest, mac


class Variant(NamedTuple):
    """What a mechanism's name says."""

    hash: Hash
    plus: bool


SCRAM: Mapping[str, Variant] = {
    "SCRAM-SHA-256-PLUS": Variant("SHA-256", plus=True),
    "SCRAM-SHA-1-PLUS": Variant("SHA-1", plus=True),
    "SCRAM-SHA-256": Variant("SHA-256", plus=False),
    "SCRAM-SHA-1": Variant("SHA-1", plus=False),
}
"""The mechanisms by name, strongest first."""

# RFC 5802 §7. Extensions are skipped, except that "m" asks us to fail if we do not know it, and we know none (§5.1).
_SASLNAME = r"(?:[^\0=,]|=2C|=3D)+"
_NONCE = r"[\x21-\x2B\x2D-\x7E]+"
_EXTENSIONS = r"(?:,[A-Za-ln-z]=[^\0,]+)*"
_CLIENT_FIRST = re.compile(
    rf"(?P<header>(?:[ny]|p=(?P<kind>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>{_SASLNAME}))?,)"
    rf"(?P<bare>n=(?P<username>{_SASLNAME}),r=(?P<nonce>{_NONCE}){_EXTENSIONS})"
)
_CLIENT_FINAL = re.compile(rf"(?P<unproved>c=(?P<binding>[^,]+),r=(?P<nonce>{_NONCE}){_EXTENSIONS}),p=(?P<proof>[^,]+)")


def _nonce() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Scram:
    """One SCRAM mechanism, before the client has spoken.

    `plus_offered` tells whether any -PLUS mechanism was, which is how a client's "y" betrays a downgrade. `sender` is
    as for `check_authzid`. `advertised`: what was offered, whose hash the client can compare with that of what reached
    it (XEP-0474); None: it is not sent. `nonce` makes the server's part of the nonce: printable ASCII without commas,
    never the same twice.
    """

    variant: Variant
    domain: str
    bindings: Mapping[str, bytes] = field(repr=False)
    plus_offered: bool
    sender: str | None = None
    advertised: bytes | None = None
    nonce: Callable[[], str] = _nonce

    def first(self, data: bytes) -> Lookup:
        """Read the client-first-message.

        Raises SASLError malformed-request, invalid-authzid, or not-authorized where the channel binding is at fault.
        """
        message = _parse(_CLIENT_FIRST, data)
        username = _unescape(message["username"])
        check_authzid(_unescape(message["authzid"] or ""), username, self.domain, self.sender)
        bound = message["header"].encode() + self._binding(message["header"][0], message["kind"])
        nonce = message["nonce"] + self.nonce()
        opened = _Opened(username, message["bare"], nonce, b64encode(bound).decode(), self.advertised)
        return Lookup(username, self.variant.hash, opened.supply)

    def _binding(self, flag: str, kind: str | None) -> bytes:
        if (flag == "p") != self.variant.plus:
            raise SASLError("malformed-request", "Channel binding goes with the -PLUS mechanisms, and only with them.")
        if flag == "y" and self.plus_offered:
            # RFC 5802 §6: the client could bind, but somebody on the way has hidden that we can.
            raise SASLError("not-authorized", "The server does support channel binding.")
        if kind is None:
            return b""
        if kind not in self.bindings:
            raise SASLError("not-authorized", "The server does not support this type of channel binding.")
        return self.bindings[kind]


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is agreed once the client has spoken: everything but the keys."""

    username: str
    client_first_bare: str
    nonce: str
    binding: str
    advertised: bytes | None

    def supply(self, keys: ScramKeys) -> Challenge:
        server_first = f"r={self.nonce},s={b64encode(keys.salt).decode()},i={keys.iterations}"
        if self.advertised is not None:
            server_first += f",h={b64encode(digest(keys.hash, self.advertised)).decode()}"
        return Challenge(server_first.encode(), partial(self._final, keys, server_first))

    def _final(self, keys: ScramKeys, server_first: str, data: bytes | None) -> Success:
        message = _parse(_CLIENT_FINAL, data or b"")
        proof = decode_base64(message["proof"], "malformed-request")
        if not hmac.compare_digest(message["binding"].encode(), self.binding.encode()):
            raise SASLError("not-authorized", "The channel bindings do not match.")
        if not hmac.compare_digest(message["nonce"], self.nonce):
            raise SASLError("not-authorized", "The nonce is not the one of this exchange.")
        auth_message = ",".join((self.client_first_bare, server_first, message["unproved"])).encode()
        signature = mac(keys.hash, keys.stored_key, auth_message)
        if len(proof) != len(signature):
            raise SASLError("malformed-request", "The proof is not as long as the hash.")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(digest(keys.hash, client_key), keys.stored_key):
            raise SASLError("not-authorized")
        verifier = mac(keys.hash, keys.server_key, auth_message)
        return Success(self.username, b"v=" + b64encode(verifier))


def _parse(grammar: re.Pattern[str], data: bytes) -> re.Match[str]:
    match = grammar.fullmatch(decode_utf8(data))
    if match is None:
        raise SASLError("malformed-request")
    return match


def _unescape(saslname: str) -> str:
    return saslname.replace("=2C", ",").replace("=3D", "=")
