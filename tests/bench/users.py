"""Who lives on a server that is measured: users by number, in groups whose members all are contacts of each other.

They share a password and a salt, so that keys are derived once, here and for every server. No server can tell: it
compares keys, and derives none when it is asked for SCRAM.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import pbkdf2_hmac, sha256

DOMAIN = "localhost"

GROUP = 21
"""Users in one group: each has 20 contacts."""

PASSWORD = "a password for measuring"
SALT = b"salt of everyone"
ITERATIONS = 4096

_GS2 = b"n,,"
_salted = pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, ITERATIONS)
_client_key = hmac.digest(_salted, b"Client Key", "sha256")
STORED_KEY = sha256(_client_key).digest()
SERVER_KEY = hmac.digest(_salted, b"Server Key", "sha256")


def name(number: int) -> str:
    """The localpart of a user."""
    return f"u{number:05}"


def jid(number: int) -> str:
    """The bare JID of a user."""
    return f"{name(number)}@{DOMAIN}"


def contacts(number: int, count: int) -> Iterator[int]:
    """The others in the user's group, where there are `count` users."""
    first = number - number % GROUP
    return (other for other in range(first, min(first + GROUP, count)) if other != number)


def client_first(number: int) -> tuple[bytes, bytes]:
    """The first message of SCRAM-SHA-256 (RFC 5802 §7) in base64, and its bare part."""
    bare = b"n=%b,r=%b" % (name(number).encode(), b64encode(os.urandom(18)))
    return b64encode(_GS2 + bare), bare


def client_final(bare: bytes, challenge: bytes) -> bytes:
    """The answer to a challenge, both in base64. ValueError if the server does not use the keys that all users have."""
    server_first = b64decode(challenge)
    nonce, salt, rounds = server_first.split(b",")[:3]
    if b64decode(salt[2:]) != SALT or int(rounds[2:]) != ITERATIONS:
        raise ValueError(f"the server knows other keys: {server_first!r}")
    unproved = b"c=%b,%b" % (b64encode(_GS2), nonce)
    signature = hmac.digest(STORED_KEY, b",".join((bare, server_first, unproved)), "sha256")
    proof = (int.from_bytes(_client_key) ^ int.from_bytes(signature)).to_bytes(32)
    return b64encode(unproved + b",p=" + b64encode(proof))
