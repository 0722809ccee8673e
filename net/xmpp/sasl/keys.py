"""What is kept of a password: the keys of SCRAM (RFC 5802 §3), which also answer for PLAIN.

Functions called slow take a PBKDF2 of as many rounds as the keys have iterations: 10 ms and more. It releases the
interpreter lock, so they belong in a native thread.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

import msgspec
from precis_i18n import get_profile

Hash = Literal["SHA-1", "SHA-256"]
"""Names from the IANA registry of hash functions, as in the names of the mechanisms."""

SALT_SIZE = 16
"""Bytes of salt. Decoys have as many: an account with another number would be known to exist."""

PASSWORD_LIMIT = 512
"""Bytes of UTF-8. The contextual rules of PRECIS take quadratic time: 8 kB of Arabic digits would hold the interpreter
for seconds, and anybody may ask for it before logging in. RFC 4616 §2 wants 255 accepted."""

_OPAQUE = get_profile("OpaqueString")


class PasswordRefused(ValueError):
    """The password is empty, too long, or has characters that no password may have. The message does not repeat it."""


class ScramKeys(msgspec.Struct, frozen=True):
    """What the server stores of a password; who reads it can pose as the server, but cannot log in with it."""

    hash: Hash
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"ScramKeys({self.hash}, {self.iterations} iterations)"


def digest(algorithm: Hash, data: bytes) -> bytes:
    """H() of RFC 5802 §2.2."""
    return hashlib.new(_short(algorithm), data).digest()


def mac(algorithm: Hash, key: bytes, data: bytes) -> bytes:
    """HMAC() of RFC 5802 §2.2."""
    return hmac.digest(key, data, _short(algorithm))


def derive(algorithm: Hash, password: str, salt: bytes, iterations: int) -> ScramKeys:
    """The keys of a password (RFC 5802 §3). Slow.

    Raises PasswordRefused if the password is longer than PASSWORD_LIMIT or does not obey OpaqueString (RFC 8265 §4.2).
    """
    salted = hashlib.pbkdf2_hmac(_short(algorithm), _prepare(password).encode(), salt, iterations)
    return keys_of(algorithm, salted, salt, iterations)


def keys_of(algorithm: Hash, salted: bytes, salt: bytes, iterations: int) -> ScramKeys:
    """The keys of a SaltedPassword (RFC 5802 §3), which a client can compute itself. Raises ValueError for none."""
    if len(salted) != hashlib.new(_short(algorithm)).digest_size:
        raise ValueError("a salted password is as long as the hash")
    client_key = mac(algorithm, salted, b"Client Key")
    return ScramKeys(algorithm, salt, iterations, digest(algorithm, client_key), mac(algorithm, salted, b"Server Key"))


def verify_password(keys: ScramKeys, password: str) -> bool:
    """Whether the keys are those of this password. Slow; the time does not tell how wrong it is."""
    try:
        derived = derive(keys.hash, password, keys.salt, keys.iterations)
    except PasswordRefused:
        return False
    return hmac.compare_digest(derived.stored_key, keys.stored_key)


def decoy(secret: bytes, algorithm: Hash, account: str, iterations: Sequence[int]) -> ScramKeys:
    """Keys for an account that does not exist: nothing verifies against them, and nothing tells them from real ones.

    They are always the same for the same `account`, as real ones are. So `account` is the prepared bare JID, lest two
    spellings, or two domains, give away a decoy by their salts. `secret` belongs to the server and never changes;
    `iterations` are the counts that real accounts have, of which it gets one.
    """

    def derived(purpose: str) -> bytes:
        return mac(algorithm, secret, f"{purpose}\0{algorithm}\0{account}".encode())

    # The hashes of one account need not have the same count: clients bring them up to date one by one (XEP-0480).
    count = iterations[int.from_bytes(derived("iterations")) % len(iterations)]
    # No password is behind the stored key: to satisfy it takes a preimage of the hash.
    return ScramKeys(algorithm, derived("salt")[:SALT_SIZE], count, derived("stored key"), derived("server key"))


def _short(algorithm: Hash) -> str:
    return algorithm.replace("-", "").lower()


def _prepare(password: str) -> str:
    # RFC 5802 asks for SASLprep, which OpaqueString replaces (RFC 8265 §6.1). Neither changes printable ASCII; they
    # differ on compatibility characters ("²"), which SASLprep replaces and OpaqueString keeps.
    if len(password.encode(errors="surrogatepass")) > PASSWORD_LIMIT:
        raise PasswordRefused(f"the password is longer than {PASSWORD_LIMIT} bytes")
    if password.isascii() and password.isprintable() and password:
        return password
    try:
        return _OPAQUE.enforce(password)
    except UnicodeEncodeError:  # it carries the password, so it goes no further
        raise PasswordRefused("the password is empty or has characters that a password may not have") from None
