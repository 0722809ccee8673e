"""TLS for the transports: certificates and their keys, which of them a client asked for, and sockets wrapped so.

TLS 1.2 and 1.3 with forward secrecy only, after RFC 7590 and BCP 195 (RFC 9325). Handshake, reading and writing are the
transport's: a wrapped socket is a plain non-blocking one, whether or not gevent has patched the process.

ssl.SSLSocket itself is not used: in a patched process even the original rests on gevent's sockets if ssl was imported
late, and it falls back to plain text when it is shut down, or when the peer had gone before it was made.
"""

import errno
import hashlib
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, cast

import idna
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from gevent.monkey import get_original

from net.client_certificates import PeerCertificate, revokes, whose_word_is_good

if TYPE_CHECKING:
    from ssl import SSLContext
else:
    SSLContext = get_original("ssl", "SSLContext")

_NATIVE = SSLContext.__base__
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_PEM = serialization.Encoding.PEM


class TLSError(ValueError):
    """A certificate, key or name that cannot be used: the text says which, and the remedy."""


class _Context(SSLContext):
    """A server context for one certificate and one set of protocols.

    The standard setters look their class up by its global name; gevent rebinds it, and they recurse without end. The
    attributes of the C class beneath are untouched.
    """

    options = _NATIVE.options  # type: ignore[union-attr]
    minimum_version = _NATIVE.minimum_version  # type: ignore[union-attr]
    verify_mode = _NATIVE.verify_mode  # type: ignore[union-attr]
    verify_flags = _NATIVE.verify_flags  # type: ignore[union-attr]

    alpn: tuple[str, ...]


class _Closed:
    """Stands where TLS was: OpenSSL would go on with the number of the closed file, by then perhaps another's."""

    def __getattr__(self, name: str) -> NoReturn:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class TLSSocket:
    """A server's side of TLS, with the methods of ssl.SSLSocket that a transport needs, and none that go around TLS.

    `identity`: the certificate shown; after the handshake, the one that was asked for. Nothing blocks: where more must
    come or go first, ssl.SSLWantReadError or ssl.SSLWantWriteError is raised; any other failure is an OSError too.
    """

    __slots__ = ("__weakref__", "_sock", "_tls", "identity")

    def __init__(self, sock: socket.socket, context: _Context, identity: "Identity") -> None:
        plain = get_original("socket", "socket")
        self._sock: socket.socket = plain(sock.family, sock.type, sock.proto, sock.detach())
        self._sock.setblocking(False)
        self._tls: Any = context._wrap_socket(self._sock, True, None, owner=self)  # type: ignore[attr-defined]
        self.identity = identity

    def do_handshake(self) -> None:
        """Goes on with the handshake; returns when it is complete."""
        self._tls.do_handshake()

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """Returns how many bytes came; 0 at the end, announced or not: XMPP has its own farewell (RFC 6120 §4.4)."""
        try:
            return cast(int, self._tls.read(len(buffer), buffer))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return 0

    def pending(self) -> int:
        """How many bytes are decrypted already: no watcher will tell of them."""
        return cast(int, self._tls.pending())

    def send(self, data: bytes | memoryview) -> int:
        """Returns how many bytes were taken. After SSLWantWriteError the next call must begin with the same bytes."""
        return cast(int, self._tls.write(data))

    def unwrap(self) -> None:
        """Sends close_notify; returns when the peer's has come too."""
        self._tls.shutdown()

    def shutdown(self, how: int) -> None:
        """Shuts the socket beneath down; what still comes is read as before."""
        self._sock.shutdown(how)

    def fileno(self) -> int:
        """The file descriptor; -1 when closed."""
        return self._sock.fileno()

    def close(self) -> None:
        """Closes the socket, without a word to the peer."""
        self._tls = _Closed()
        self._sock.close()

    def version(self) -> str | None:
        """`TLSv1.2` or `TLSv1.3`; None before the handshake is complete."""
        return cast(str | None, self._tls.version())

    def certified(self) -> PeerCertificate | None:
        """What the peer's certificate says; None if it has shown none. ValueError for one that cannot be read."""
        der = self._tls.getpeercert(True)
        return PeerCertificate.read(der) if der is not None else None

    def selected_alpn_protocol(self) -> str | None:
        """The protocol agreed on (XEP-0368); None if the client named none that is spoken here."""
        return cast(str | None, self._tls.selected_alpn_protocol())

    def show(self, identity: "Identity", context: _Context) -> None:
        """Changes the certificate, in the midst of the handshake."""
        self.identity = identity
        self._tls.context = context


class Identity:
    """A certificate chain with its key, as loaded; a renewed one is another Identity (see `Identities.replace`).

    `names`: the certificate's dNSName entries as lower-case A-labels, the first label perhaps `*` (the subject's common
    name does not count, RFC 9525 §2). `not_after`: when it expires, in UTC. `fingerprint`: its SHA-256, as openssl
    prints it. `end_point`: the tls-server-end-point channel binding (RFC 5929 §4.1), None where that is undefined.
    """

    def __init__(
        self, leaf: x509.Certificate, pem: bytes, minimum: Literal["1.2", "1.3"], authorities: bytes = b""
    ) -> None:
        der = leaf.public_bytes(serialization.Encoding.DER)
        self.names = _dns_names(leaf)
        self.not_after = leaf.not_valid_after_utc
        self.fingerprint = hashlib.sha256(der).digest().hex(":").upper()
        self.end_point = _end_point(leaf, der)
        self._pem = pem
        self._minimum = _MINIMUM[minimum]
        self._authorities = authorities
        self._contexts: dict[tuple[str, ...], _Context] = {}

    @classmethod
    def load(
        cls, certificate: Path, key: Path, *, minimum: Literal["1.2", "1.3"] = "1.2", authorities: Path | None = None
    ) -> Self:
        """Reads a PEM chain, the server's own certificate first, and its unencrypted PEM key.

        `authorities`: PEM certificates of those whose word on clients is good; clients are then asked for a certificate
        (XEP-0178 §2), and a handshake with one that is not of theirs fails. With revocation lists among them a list of
        each is needed, and one that is revoked fails too. None: clients are asked for nothing.

        An expired certificate loads, with `expired` to warn by. Raises TLSError.
        """
        certificate_pem, key_pem = _read(certificate), _read(key)
        try:
            chain = x509.load_pem_x509_certificates(certificate_pem)
            own = chain[0].public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise TLSError(f"{certificate}: no usable certificate in it: it must hold a chain in PEM form") from error
        try:
            private = serialization.load_pem_private_key(key_pem, password=None)
        except TypeError as error:
            raise TLSError(f"{key}: the key is encrypted: store it without a passphrase, mode 0600") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise TLSError(f"{key}: no usable private key in it: it must hold one in PEM form") from error
        if private.public_key() != own:
            raise TLSError(
                f"{key}: not the key of {certificate}: name the two files that were issued together,"
                " with the server's own certificate first in its file"
            )
        try:
            trusted = whose_word_is_good(_read(authorities)) if authorities is not None else b""
        except ValueError as error:
            raise TLSError(f"{authorities}: {error}") from error
        pem = b"".join([_private_bytes(private), *(link.public_bytes(_PEM) for link in chain)])
        try:
            identity = cls(chain[0], pem, minimum, trusted)
            identity.context(())
        except (ValueError, ssl.SSLError) as error:
            raise TLSError(f"{certificate}: refused by the TLS library: {error}: have it issued anew") from error
        return identity

    @property
    def expired(self) -> bool:
        """Whether `not_after` is past."""
        return self.not_after < datetime.now(UTC)

    def covers(self, domain: str) -> bool:
        """Whether the certificate names this domain (U-labels or A-labels), by itself or under a wildcard."""
        try:
            name = a_label(domain)
        except TLSError:
            return False
        return name in self.names or "*." + name.partition(".")[2] in self.names

    def context(self, alpn: tuple[str, ...]) -> _Context:
        """The context that shows this certificate and agrees to these protocols; made once for each."""
        if alpn not in self._contexts:
            self._contexts[alpn] = self._make_context(alpn)
        return self._contexts[alpn]

    def _make_context(self, alpn: tuple[str, ...]) -> _Context:
        context = _Context(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for TLS 1.2; those of 1.3 are all as good
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        # Any suite left is good: the client takes the one its processor is fast at.
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        # No tickets (RFC 7590 §3.3): OpenSSL would seal all of them with one key while the context lives, which
        # undoes forward secrecy (RFC 9325 §3.4), and connections here last too long for them to pay. TLS 1.2 may still
        # resume by session ID: ssl cannot switch that off, OpenSSL keeps at most 20,480 of 1.1 kB each for two hours.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        if self._authorities:
            context.verify_mode = ssl.CERT_OPTIONAL
            with _file(self._authorities) as path:
                context.load_verify_locations(path)
            if revokes(self._authorities):
                context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        context.alpn = alpn
        if alpn:
            context.set_alpn_protocols(alpn)
        with _file(self._pem) as path:
            context.load_cert_chain(path)
        return context


class Identities:
    """Which identity to show whom. `by_domain` gives hosted domains their own; else a certificate's names count."""

    def __init__(self, default: Identity, by_domain: Mapping[str, Identity] | None = None) -> None:
        self.replace(default, by_domain)

    def replace(self, default: Identity, by_domain: Mapping[str, Identity] | None = None) -> None:
        """Changes what later handshakes show. Connections that stand keep what they have."""
        by_domain = by_domain or {}
        known: dict[str, Identity] = {}
        for identity in (default, *by_domain.values()):
            for name in identity.names:
                known.setdefault(name, identity)
        for domain, identity in by_domain.items():
            known[domain.lower()] = known[a_label(domain)] = identity
        self.default = default
        self._known = known
        self._several = len({default, *known.values()}) > 1

    def named(self, domain: str) -> Identity | None:
        """The identity for a domain (U-labels or A-labels), by itself or under a wildcard; None if there is none."""
        domain = domain.lower()
        return self._known.get(domain) or self._known.get("*." + domain.partition(".")[2])

    def wrap(self, sock: socket.socket, *, alpn: tuple[str, ...] = (), domain: str = "") -> TLSSocket:
        """Takes over a connected stream socket, plain or gevent's, for the server's side of TLS, not yet shaken hands.

        `domain`: what the stream header was addressed to; it stands in for server name indication (RFC 7590 §3.6) and
        yields to it. `alpn`: the protocols spoken here, best first; with a client that offers only others, none is
        selected: the ssl module cannot refuse it. Whatever fails here or later on the socket is an OSError.
        """
        identity = self.named(domain) or self.default
        context = identity.context(alpn)
        # With nothing to choose: no call in the handshake, and none of ssl's own complaints about a name not in ASCII.
        context.sni_callback = self._by_sni if self._several else None  # type: ignore[assignment]
        return TLSSocket(sock, context, identity)

    def _by_sni(self, sock: TLSSocket, name: str | None, context: _Context) -> None:
        identity = self.named(name) if name else None
        if identity is not None and identity is not sock.identity:
            sock.show(identity, identity.context(context.alpn))


def self_signed(certificate: Path, key: Path, names: Sequence[str]) -> None:
    """Writes a new key (mode 0600) and a certificate (0644) for these domains, good for ten years, over what is there.

    `names`: at least one, U-labels or A-labels. Raises TLSError for a name that is no domain or a file not writable.
    """
    domains = [a_label(name) for name in names]
    private = ec.generate_private_key(ec.SECP256R1())
    # X.520 bounds it at 64; clients look at the alternative names only (RFC 9525 §2).
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0][:64])])
    start = datetime.now(UTC) - timedelta(days=1)  # for clients whose clock is behind
    public = private.public_key()
    signed = (
        x509.CertificateBuilder(subject, subject, public, x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3653))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(private, hashes.SHA256())
    )
    _write(key, _private_bytes(private), 0o600)
    _write(certificate, signed.public_bytes(_PEM), 0o644)


def _private_bytes(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in found.value.get_values_for_type(x509.DNSName))


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    """The path of a file in memory: the ssl module reads from paths only.

    A later context must get what was checked, not what the files hold by then, and no key is to lie on a disk.
    """
    with os.fdopen(os.memfd_create("tls", os.MFD_CLOEXEC), "wb") as memory:
        memory.write(data)
        memory.flush()
        yield f"/proc/self/fd/{memory.fileno()}"


def _end_point(certificate: x509.Certificate, der: bytes) -> bytes | None:
    # Ed25519 and its like sign with no hash of their own to speak of: undefined in RFC 5929 §4.1, and two guesses would
    # fail a login that does well without.
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(der)
    return digest.finalize()


def a_label(domain: str) -> str:
    """A domain as certificates and DNS have it. Raises TLSError for what cannot be one."""
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise TLSError(f"{domain!r} is not a domain name that a certificate can hold: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TLSError(f"{path}: {error.strerror}: it must be a file that the server's user may read") from error


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        # Created with mode 0600: at no instant may others read it.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(file.name).replace(path)
    except OSError as error:
        raise TLSError(f"{path}: {error.strerror}: its directory must exist and be writable for the server") from error
