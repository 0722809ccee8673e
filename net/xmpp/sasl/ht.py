"""HT-SHA-256: hashed tokens (draft-schmaus-kitten-sasl-ht-09), one message each way.

The token is a key that both sides have. Who has it proves so by an HMAC over the data of the channel, if there is any,
so what goes over the wire is of use nowhere else.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from net.xmpp.sasl.exchange import SASLError, decode_utf8

HT: Mapping[str, str | None] = {"HT-SHA-256-ENDP": "tls-server-end-point", "HT-SHA-256-NONE": None}
"""The mechanisms by name, with the type of channel binding each of them takes."""


class Proof(NamedTuple):
    """What the client says: that it has a token of `username`. `binding`: the data of the channel."""

    username: str
    hashed: bytes
    binding: bytes

    def proves(self, token: str) -> bool:
        """Whether it has this token; how long that takes does not tell how near it was."""
        return hmac.compare_digest(self.hashed, self._hash(token, b"Initiator"))

    def answer(self, token: str) -> bytes:
        """What proves to the client that the server has it too."""
        return self._hash(token, b"Responder")

    def _hash(self, token: str, who: bytes) -> bytes:
        return hmac.digest(token.encode(), who + self.binding, "sha256")

    def __repr__(self) -> str:
        return f"Proof({self.username!r})"


def possible(bindings: Mapping[str, bytes]) -> list[str]:
    """The mechanisms for a channel with these types of binding."""
    return [name for name, kind in HT.items() if kind is None or kind in bindings]


def hashed_token(mechanism: str, bindings: Mapping[str, bytes], data: bytes | None) -> Proof:
    """Reads the one message, `authcid NUL hashed-token` (§3).

    Raises SASLError: malformed-request, or invalid-mechanism where the channel has no such binding.
    """
    if mechanism not in possible(bindings):
        raise SASLError("invalid-mechanism")
    username, separator, hashed = (data or b"").partition(b"\0")
    if not username or not separator or not hashed:
        raise SASLError("malformed-request")
    kind = HT[mechanism]
    return Proof(decode_utf8(username), hashed, bindings[kind] if kind is not None else b"")
