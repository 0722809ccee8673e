"""A certificate authority of the tests' own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """One that nobody trusts, unless its `certificate` is among those that somebody does."""

    def __init__(self, name: str, parent: Authority | None = None) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (parent or self)._sign(self.name, self.key.public_key(), timedelta(days=3650), ca=True)

    def signs(self, name: str) -> Authority:
        """An authority below this one."""
        return Authority(name, self)

    def issues(self, *domains: str, days: int = 90, key: Any = None) -> tuple[x509.Certificate, Any]:
        """A certificate for these domains that is good for so many days more, of the 90 it was made for; its key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])])
        return self._sign(subject, key.public_key(), timedelta(days=days), domains=domains), key

    def writes(self, folder: Path, *domains: str, days: int = 90, key: Any = None) -> tuple[Path, Path]:
        """The same as files in `folder`: the chain with this authority in it, and the key with mode 0600."""
        certificate, key = self.issues(*domains, days=days, key=key)
        paths = folder / f"{domains[0]}.pem", folder / f"{domains[0]}.key"
        paths[0].write_bytes(self.pem(certificate) + self.pem(self.certificate))
        paths[1].touch(mode=0o600)
        form = serialization.PrivateFormat.PKCS8
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return paths

    @staticmethod
    def pem(certificate: x509.Certificate) -> bytes:
        return certificate.public_bytes(serialization.Encoding.PEM)

    def _sign(
        self, subject: x509.Name, key: Any, left: timedelta, *, domains: tuple[str, ...] = (), ca: bool = False
    ) -> x509.Certificate:
        end = datetime.now(UTC) + left
        start = end - max(left, timedelta(days=90)) - timedelta(hours=1)
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number(), start, end)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if domains:
            names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())
