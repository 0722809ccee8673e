"""Certificates of clients (XEP-0178 §2): what one says, and whose word on them is good."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

_XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")  # id-on-xmppAddr, RFC 6120 §13.7.1.4
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class PeerCertificate(NamedTuple):
    """What a client's certificate says.

    `addresses`: the XMPP addresses that it names (RFC 6120 §13.7.1.4). `not_after`: when it expires (seconds, UTC).
    """

    addresses: tuple[str, ...]
    not_after: float

    @classmethod
    def read(cls, der: bytes) -> Self:
        """Of a certificate that has been verified. Raises ValueError where OpenSSL has been content with less."""
        certificate = x509.load_der_x509_certificate(der)
        return cls(_xmpp_addresses(certificate), certificate.not_valid_after_utc.timestamp())


def whose_word_is_good(pem: bytes) -> bytes:
    """The certificates and revocation lists of authorities out of a PEM file, and nothing else that is in it.

    Raises ValueError, with the remedy, where there is no certificate, or not a list of each authority but of some.
    """
    try:
        authorities = x509.load_pem_x509_certificates(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("no usable certificate in it: it must hold those of authorities, in PEM form") from error
    try:
        lists = [x509.load_pem_x509_crl(found) for found in _LIST.findall(pem)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("a revocation list in it is broken: fetch it anew") from error
    lacking = {authority.subject for authority in authorities} - {found.issuer for found in lists}
    if lists and lacking:
        names = ", ".join(sorted(name.rfc4514_string() for name in lacking))
        raise ValueError(f"no revocation list of {names} in it: where there is one, each authority needs one")
    written = [authority.public_bytes(Encoding.PEM) for authority in authorities]
    return b"".join((*written, *(found.public_bytes(Encoding.PEM) for found in lists)))


def revokes(pem: bytes) -> bool:
    """Whether there are revocation lists in it."""
    return _LIST.search(pem) is not None


def _xmpp_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return ()
    others = found.value.get_values_for_type(x509.OtherName)
    return tuple(text for other in others if other.type_id == _XMPP_ADDR and (text := _utf8_string(other.value)))


def _utf8_string(der: bytes) -> str:
    """The content of a DER UTF8String of at most 127 bytes or 255 or 65,535; "" for anything else."""
    head, size = 2, der[1] if len(der) > 1 else 0
    if size in (0x81, 0x82):
        head = 2 + size - 0x80
        size = int.from_bytes(der[2:head])
    if der[:1] != b"\x0c" or len(der) != head + size:
        return ""
    try:
        return der[head:].decode()
    except UnicodeDecodeError:
        return ""
