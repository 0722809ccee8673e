"""Certificates of clients (XEP-0178 §2), over real handshakes in memory-sized socket pairs."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from net.client_certificates import PeerCertificate, _utf8_string
from net.tls import Identities, Identity, TLSError, TLSSocket, self_signed

XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")
NOW = datetime.now(UTC)


class Authority:
    """Somebody whose word on clients is good, or not."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        own = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None), days=9)
        self.path.write_bytes(own)

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType, days: int
    ) -> bytes:
        builder = x509.CertificateBuilder(
            self._name,
            subject,
            key.public_key(),
            x509.random_serial_number(),
            NOW - timedelta(days=10),
            NOW + timedelta(days=days),
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def certify(self, *values: bytes, days: int = 9) -> Path:
        """A client's certificate and key with these DER values for addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.OtherName(XMPP_ADDR, value) for value in values]
        extensions = [x509.SubjectAlternativeName(names)] if names else []
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
        path = self._folder / "client.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + self._signed(subject, key, *extensions, days=days))
        return path

    def revokes(self, *certificates: Path, days: int = 9) -> Path:
        """A file with its own certificate and a list that revokes these, to be renewed after so many days."""
        builder = x509.CertificateRevocationListBuilder(
            self._name, NOW - timedelta(days=10), NOW + timedelta(days=days)
        )
        for certificate in certificates:
            number = x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(number, NOW - timedelta(days=1)).build()
            )
        path = self.path.with_suffix(".crl.pem")
        found = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        path.write_bytes(self.path.read_bytes() + found)
        return path


def utf8(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 128
    return bytes((0x0C, len(data))) + data


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


Shaking = Callable[..., TLSSocket]


@pytest.fixture
def shaking(tmp_path: Path, authority: Authority) -> Shaking:
    """Shakes hands with a client that shows this certificate; returns the server's end."""
    self_signed(tmp_path / "crt", tmp_path / "key", ["a.example"])

    def shake(
        client_pem: Path | None, *, asked: bool = True, version: str = "TLSv1_3", trusted: Path | None = None
    ) -> TLSSocket:
        trusted = (trusted or authority.path) if asked else None
        identities = Identities(Identity.load(tmp_path / "crt", tmp_path / "key", authorities=trusted))
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion[version]
        if client_pem is not None:
            context.load_cert_chain(client_pem)
        server = identities.wrap(ours)
        with context.wrap_socket(theirs, do_handshake_on_connect=False) as client:
            steps = [client.do_handshake, server.do_handshake]
            try:
                while steps:
                    for step in tuple(steps):
                        try:
                            step()
                        except ssl.SSLWantReadError:
                            continue
                        steps.remove(step)
            except OSError:
                server.close()
                raise
        return server

    return shake


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_the_addresses_in_a_clients_certificate_are_told(shaking: Shaking, authority: Authority, version: str) -> None:
    pem = authority.certify(utf8("romeo@a.example"), utf8("jülia@a.example"))
    server = shaking(pem, version=version)
    said = server.certified()
    assert said is not None
    assert said.addresses == ("romeo@a.example", "jülia@a.example")
    assert said.not_after == int((NOW + timedelta(days=9)).timestamp())
    server.close()


@pytest.mark.parametrize("asked", [True, False])
def test_a_client_without_a_certificate_is_served_as_ever(shaking: Shaking, asked: bool) -> None:
    server = shaking(None, asked=asked)
    assert server.certified() is None
    server.close()


def test_a_client_is_not_asked_where_no_authority_is_trusted(shaking: Shaking, authority: Authority) -> None:
    server = shaking(authority.certify(utf8("romeo@a.example")), asked=False)
    assert server.certified() is None
    server.close()


def test_a_certificate_of_somebody_elses_fails_the_handshake(shaking: Shaking, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        shaking(Authority(tmp_path, "stranger").certify(utf8("romeo@a.example")))


def test_an_expired_certificate_fails_the_handshake(shaking: Shaking, authority: Authority) -> None:
    with pytest.raises(ssl.SSLError):
        shaking(authority.certify(utf8("romeo@a.example"), days=-1))


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_revoked_certificate_fails_the_handshake_and_others_do_not(
    shaking: Shaking, authority: Authority, version: str
) -> None:
    """RFC 6120 §13.7.2"""
    good = authority.certify(utf8("romeo@a.example"))
    shaking(good, version=version, trusted=authority.revokes()).close()
    with pytest.raises(ssl.SSLError, match="revoked"):
        shaking(good, version=version, trusted=authority.revokes(good))
    other = authority.certify(utf8("juliet@a.example"))
    shaking(other, version=version, trusted=authority.path.with_suffix(".crl.pem")).close()
    shaking(None, version=version, trusted=authority.path.with_suffix(".crl.pem")).close()


def test_a_revocation_list_that_is_out_of_date_vouches_for_nobody(shaking: Shaking, authority: Authority) -> None:
    with pytest.raises(ssl.SSLError, match="CRL has expired"):
        shaking(authority.certify(utf8("romeo@a.example")), trusted=authority.revokes(days=-1))


def test_an_authority_without_a_revocation_list_beside_one_with_is_named(tmp_path: Path, authority: Authority) -> None:
    self_signed(tmp_path / "crt", tmp_path / "key", ["a.example"])
    both = tmp_path / "both.pem"
    both.write_bytes(authority.revokes().read_bytes() + Authority(tmp_path, "other").path.read_bytes())
    with pytest.raises(TLSError, match=r"both\.pem: no revocation list of CN=other"):
        Identity.load(tmp_path / "crt", tmp_path / "key", authorities=both)


def test_a_broken_revocation_list_is_named(tmp_path: Path, authority: Authority) -> None:
    self_signed(tmp_path / "crt", tmp_path / "key", ["a.example"])
    broken = tmp_path / "broken.pem"
    broken.write_bytes(authority.path.read_bytes() + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    with pytest.raises(TLSError, match=r"broken\.pem: a revocation list in it is broken"):
        Identity.load(tmp_path / "crt", tmp_path / "key", authorities=broken)


def test_a_certificate_that_nobody_can_read_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r".*"):
        PeerCertificate.read(b"\x30\x00")


def test_a_certificate_without_addresses_names_none(shaking: Shaking, authority: Authority) -> None:
    server = shaking(authority.certify())
    said = server.certified()
    assert said is not None
    assert said.addresses == ()
    server.close()


@pytest.mark.parametrize("value", [b"\x0c\x82\x00\x05romeo", b"\x0c\x81\x05romeo", b"\x0c\x05romeo"])
def test_a_string_may_say_its_length_in_several_ways(value: bytes) -> None:
    assert _utf8_string(value) == "romeo"


@pytest.mark.parametrize(
    "value", [b"", b"\x0c", b"\x0c\x06romeo", b"\x16\x05romeo", b"\x0c\x01\xff", b"\x0c\x82\x05", b"\x0c\x85romeo"]
)
def test_what_is_no_string_is_empty(value: bytes) -> None:
    assert _utf8_string(value) == ""


def test_a_file_without_certificates_of_authorities_is_named(tmp_path: Path) -> None:
    self_signed(tmp_path / "crt", tmp_path / "key", ["a.example"])
    with pytest.raises(TLSError, match="key: no usable certificate"):
        Identity.load(tmp_path / "crt", tmp_path / "key", authorities=tmp_path / "key")
