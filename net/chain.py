"""What the certificates in a file say of themselves: for those who look before a client does."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Link = Literal["complete", "self-signed", "private", "broken", "unknown"]


class Chain(NamedTuple):
    """A server's certificate, the first in its file, and how the others lead from it to an authority.

    `key`: its kind, as "RSA" or "EC", and `bits` its size; `signature`: the hash it is signed with, "" for a signature
    without one (Ed25519). `link`: "complete" when the last in the file is a trusted authority or signed by one;
    "private" when it is an authority that is not trusted, "unknown" when nobody knows who has signed it; "broken" when
    one of them is not signed by the next.
    """

    not_before: datetime
    not_after: datetime
    key: str
    bits: int
    signature: str
    link: Link

    @classmethod
    def read(cls, certificate: Path, trusted: Sequence[x509.Certificate]) -> Self:
        """Reads a PEM file. `trusted`: certificates of authorities. Raises OSError, ValueError."""
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        leaf = chain[0]
        return cls(
            leaf.not_valid_before_utc, leaf.not_valid_after_utc, *_key(leaf), _signature(leaf), _link(chain, trusted)
        )


@cache
def authorities() -> list[x509.Certificate]:
    """Those that this machine trusts. One that cannot be read is left out."""
    found = []
    with warnings.catch_warnings(action="ignore"):  # some are older than the rules
        for der in ssl.create_default_context().get_ca_certs(binary_form=True):
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(der))
    return found


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.curve.key_size
    return type(key).__name__.removesuffix("PublicKey").strip("_"), getattr(key, "key_size", 0)


def _signature(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return algorithm.name if algorithm is not None else ""


def _link(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> Link:
    if not all(_signed_by(one, other) for one, other in pairwise(chain)):
        return "broken"
    last = chain[-1]
    if any(_signed_by(last, authority) for authority in trusted):
        return "complete"
    if not _signed_by(last, last):
        return "unknown"
    return "self-signed" if len(chain) == 1 else "private"


def _signed_by(certificate: x509.Certificate, other: x509.Certificate) -> bool:
    if certificate.issuer != other.subject:
        return False
    try:
        certificate.verify_directly_issued_by(other)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
