"""Handshakes here are real, between the ends of a socket pair in one thread: each takes its turn till both are done."""

import contextlib
import itertools
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gevent.monkey
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from net.tls import Identities, Identity, TLSError, TLSSocket, self_signed

PEM = serialization.Encoding.PEM
PATCHED = gevent.monkey.is_module_patched("ssl")

Pair = tuple[socket.socket, socket.socket]
Issue = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("romeo")
    self_signed(folder / "it.pem", folder / "it.key", ["montague.example"])
    return folder / "it.pem", folder / "it.key"


@pytest.fixture(scope="module")
def romeo(files: tuple[Path, Path]) -> Identity:
    return Identity.load(*files)


@pytest.fixture(scope="module")
def juliet(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    folder = tmp_path_factory.mktemp("juliet")
    self_signed(folder / "it.pem", folder / "it.key", ["capulet.example", "bücher.example"])
    return Identity.load(folder / "it.pem", folder / "it.key")


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    """Writes a certificate and key made to order: any key, hash, alternative names, number of days left."""

    def make(
        key: Any = None, algorithm: Any = None, *, names: tuple[str, ...] = (), days: int = 9
    ) -> tuple[Path, Path]:
        key = key or ec.generate_private_key(ec.SECP256R1())
        if algorithm is None and not isinstance(key, ed25519.Ed25519PrivateKey):
            algorithm = hashes.SHA256()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "verona.example")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        builder = builder.not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        paths = tmp_path / "made.pem", tmp_path / "made.key"
        paths[0].write_bytes(builder.sign(key, algorithm).public_bytes(PEM))
        paths[1].write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return paths

    return make


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def client(version: ssl.TLSVersion | None = None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


@contextlib.contextmanager
def wrapped(identities: Identities, sock: socket.socket, **how: Any) -> Iterator[TLSSocket]:
    server = identities.wrap(sock, **how)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def shaken(
    identities: Identities, pair: Pair, context: ssl.SSLContext, name: str | None = None, **how: Any
) -> Iterator[tuple[TLSSocket, ssl.SSLSocket]]:
    """Shakes hands and yields the server's end and the client's; raises what either does."""
    ours, theirs = pair
    theirs.setblocking(False)
    peer = context.wrap_socket(theirs, server_hostname=name, do_handshake_on_connect=False)
    with peer, wrapped(identities, ours, **how) as server:
        waiting: list[Any] = [peer, server]
        for end in itertools.islice(itertools.cycle(waiting), 20):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                waiting = [other for other in waiting if other is not end]
        assert not waiting, "the handshake does not end"
        yield server, peer


def heard(server: TLSSocket) -> bytes:
    buffer = bytearray(99)
    return bytes(buffer[: server.recv_into(buffer)])


# -- certificates


def test_the_key_is_its_owners_alone_and_the_certificate_everybodys(files: tuple[Path, Path]) -> None:
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o644, 0o600]
    assert len(list(files[0].parent.iterdir())) == 2


def test_the_umask_cannot_hide_the_certificate_nor_open_the_key(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        self_signed(tmp_path / "a.pem", tmp_path / "a.key", ["a.example"])
        os.umask(0)
        self_signed(tmp_path / "b.pem", tmp_path / "b.key", ["b.example"])
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"a.pem": 0o644, "a.key": 0o600, "b.pem": 0o644, "b.key": 0o600}


def test_a_self_signed_certificate_says_what_it_is_for(files: tuple[Path, Path]) -> None:
    made = x509.load_pem_x509_certificate(files[0].read_bytes())
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert made.subject.rfc4514_string() == "CN=montague.example"
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(made.signature_hash_algorithm, hashes.SHA256)


def test_a_self_signed_certificate_holds_for_ten_years_and_held_yesterday(files: tuple[Path, Path]) -> None:
    made = x509.load_pem_x509_certificate(files[0].read_bytes())
    now = datetime.now(UTC)
    assert made.not_valid_before_utc < now - timedelta(hours=23)
    assert made.not_valid_after_utc > now + timedelta(days=3650)


def test_an_internationalised_domain_is_named_by_its_a_label(juliet: Identity) -> None:
    assert juliet.names == ("capulet.example", "xn--bcher-kva.example")


def test_a_domain_longer_than_a_common_name_may_be_still_gets_its_certificate(tmp_path: Path) -> None:
    name = ".".join(["a" * 60, "b" * 60, "example"])
    self_signed(tmp_path / "it.pem", tmp_path / "it.key", [name])
    assert Identity.load(tmp_path / "it.pem", tmp_path / "it.key").names == (name,)


def test_a_name_that_is_no_domain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TLSError, match="no_host"):
        self_signed(tmp_path / "it.pem", tmp_path / "it.key", ["no_host"])


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TLSError, match=r"nowhere/it\.key: No such file.*directory must exist"):
        self_signed(tmp_path / "nowhere/it.pem", tmp_path / "nowhere/it.key", ["a.example"])


def test_a_missing_file_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(TLSError, match=r"gone\.pem: No such file"):
        Identity.load(tmp_path / "gone.pem", files[1])


def test_a_key_of_another_certificate_is_refused_with_both_names(files: tuple[Path, Path], issue: Issue) -> None:
    _, other = issue()
    with pytest.raises(TLSError, match=r"made\.key: not the key of .*it\.pem.*issued together"):
        Identity.load(files[0], other)


def test_an_encrypted_key_is_refused_without_asking_for_its_passphrase(issue: Issue) -> None:
    certificate, key = issue()
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"a rose by any other name")
    key.write_bytes(private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, secret))
    with pytest.raises(TLSError, match=r"made\.key: the key is encrypted"):
        Identity.load(certificate, key)


@pytest.mark.parametrize("text", [b"", b"wherefore", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_holds_no_certificate_or_key_is_refused(files: tuple[Path, Path], tmp_path: Path, text: bytes) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(text)
    with pytest.raises(TLSError, match="bad: no usable certificate"):
        Identity.load(bad, files[1])
    with pytest.raises(TLSError, match="bad: no usable private key"):
        Identity.load(files[0], bad)


def test_a_key_too_weak_for_tls_is_refused(issue: Issue) -> None:
    with pytest.raises(TLSError, match=r"made\.pem: refused by the TLS library"):
        Identity.load(*issue(rsa.generate_private_key(65537, 1024)))


def test_certificate_and_key_may_share_one_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(files[1].read_bytes() + files[0].read_bytes())
    assert Identity.load(both, both).names == ("montague.example",)


def test_an_expired_certificate_loads_and_says_so(issue: Issue, romeo: Identity) -> None:
    assert Identity.load(*issue(days=-1)).expired
    assert not romeo.expired


def test_a_common_name_alone_names_nothing(issue: Issue) -> None:
    assert Identity.load(*issue()).names == ()


def test_the_key_does_not_show_in_a_representation(romeo: Identity) -> None:
    assert "PRIVATE" not in repr(romeo) + repr(Identities(romeo))


def test_the_fingerprint_is_the_sha_256_of_the_certificate(romeo: Identity, files: tuple[Path, Path]) -> None:
    made = x509.load_pem_x509_certificate(files[0].read_bytes())
    assert bytes.fromhex(romeo.fingerprint.replace(":", "")) == made.fingerprint(hashes.SHA256())


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_end_point_is_hashed_as_the_certificate_was_signed(issue: Issue, algorithm: hashes.HashAlgorithm) -> None:
    certificate, key = issue(algorithm=algorithm)
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert Identity.load(certificate, key).end_point == made.fingerprint(algorithm)


SIGNED_WITH_SHA_1 = b"""
-----BEGIN CERTIFICATE-----
MIIBgTCCASigAwIBAgIUPQOtTFVDKKX+iusv4PLilYUhTtUwCQYHKoZIzj0EATAW
MRQwEgYDVQQDDAtvbGQuZXhhbXBsZTAgFw0yNjExMjMwMjI1MzZaGA8yMTI2MTAz
MDAyMjUzNlowFjEUMBIGA1UEAwwLb2xkLmV4YW1wbGUwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAAS8xy+4rhAjRNc4WhKasVTyLlZHg5YKLWOEYfi+3HqxCMncTlyu
nVuswOPMqmGZjqKkC8Jt38f9rL07BHqXxG14o1MwUTAdBgNVHQ4EFgQUWjquNf9f
TKqTdmY/oOFIQdMWV0gwHwYDVR0jBBgwFoAUWjquNf9fTKqTdmY/oOFIQdMWV0gw
DwYDVR0TAQH/BAUwAwEB/zAJBgcqhkjOPQQBA0gAMEUCIQC/fn/DjOwazVX6xqwc
LNRmEDq04mbIfQZGB+XKPaVBqwIgJz/erUCuVtqerKfKcJHmA0DZ5i48sD/uOur7
Oxo5fJI=
-----END CERTIFICATE-----
"""


def test_the_end_point_of_a_certificate_signed_with_sha_1_is_hashed_with_sha_256() -> None:
    old = x509.load_pem_x509_certificate(SIGNED_WITH_SHA_1)
    assert isinstance(old.signature_hash_algorithm, hashes.SHA1)
    assert Identity(old, b"", "1.2").end_point == old.fingerprint(hashes.SHA256())


def test_an_ed25519_certificate_has_no_end_point(issue: Issue) -> None:
    assert Identity.load(*issue(ed25519.Ed25519PrivateKey.generate())).end_point is None


# -- handshakes


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_carry_bytes_both_ways(romeo: Identity, pair: Pair, version: ssl.TLSVersion) -> None:
    with shaken(Identities(romeo), pair, client(version)) as (server, peer):
        assert server.version() == version.name.replace("_", ".")
        peer.send(b"but soft")
        assert heard(server) == b"but soft"
        server.send(b"what light")
        assert peer.recv(99) == b"what light"


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused(romeo: Identity, pair: Pair) -> None:
    old = client(ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"), shaken(Identities(romeo), pair, old):
        pass


def test_tls_1_2_is_refused_where_1_3_is_the_minimum(files: tuple[Path, Path], pair: Pair) -> None:
    strict, older = Identities(Identity.load(*files, minimum="1.3")), client(ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"), shaken(strict, pair, older):
        pass


@pytest.mark.parametrize("weak", ["AES128-GCM-SHA256", "ECDHE+AES:!AESGCM", "DHE+AESGCM:!ECDHE"])
def test_a_cipher_without_forward_secrecy_or_authenticated_encryption_is_refused(
    issue: Issue, pair: Pair, weak: str
) -> None:
    rsa_key = Identity.load(*issue(rsa.generate_private_key(65537, 2048)))
    old = client(ssl.TLSVersion.TLSv1_2)
    old.set_ciphers(weak)
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"), shaken(Identities(rsa_key), pair, old):
        pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_ticket_is_given(romeo: Identity, pair: Pair, version: ssl.TLSVersion) -> None:
    with shaken(Identities(romeo), pair, client(version)) as (server, peer):
        server.send(b"tickets would have come before this")
        peer.recv(99)
        assert peer.session is None or not peer.session.has_ticket


def test_a_client_that_trusts_the_certificate_finds_its_name_in_it(
    files: tuple[Path, Path], romeo: Identity, pair: Pair
) -> None:
    careful = ssl.create_default_context(cafile=str(files[0]))
    with shaken(Identities(romeo), pair, careful, "montague.example") as (_, peer):
        assert peer.getpeercert()


def test_a_wrapped_socket_does_not_block_and_the_old_one_lets_go(romeo: Identity, pair: Pair) -> None:
    number = pair[0].fileno()
    with wrapped(Identities(romeo), pair[0]) as server:
        assert (server.fileno(), pair[0].fileno()) == (number, -1)
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()


def test_a_peer_that_is_gone_fails_the_handshake(romeo: Identity, pair: Pair) -> None:
    pair[1].close()
    with wrapped(Identities(romeo), pair[0]) as server, pytest.raises(ssl.SSLEOFError):
        server.do_handshake()


def test_plain_text_is_never_taken_for_what_tls_carried(romeo: Identity, pair: Pair) -> None:
    pair[1].send(b"<stream:stream to='montague.example'>")
    pair[1].close()
    with wrapped(Identities(romeo), pair[0]) as server, pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
        heard(server)


def test_an_end_without_a_farewell_reads_as_the_end(romeo: Identity, pair: Pair) -> None:
    with shaken(Identities(romeo), pair, client()) as (server, peer):
        peer.close()
        assert heard(server) == b""


def test_what_comes_after_a_shutdown_is_still_decrypted(romeo: Identity, pair: Pair) -> None:
    with shaken(Identities(romeo), pair, client()) as (server, peer):
        server.shutdown(socket.SHUT_WR)
        peer.send(b"parting is such sweet sorrow")
        assert heard(server) == b"parting is such sweet sorrow"


def test_a_farewell_is_sent_and_its_answer_waited_for(romeo: Identity, pair: Pair) -> None:
    with shaken(Identities(romeo), pair, client()) as (server, peer):
        with pytest.raises(ssl.SSLWantReadError):
            server.unwrap()
        assert peer.recv(99) == b""
        peer.unwrap()
        server.unwrap()


def test_a_closed_socket_touches_nothing_any_more(romeo: Identity, pair: Pair) -> None:
    with shaken(Identities(romeo), pair, client()) as (server, _):
        server.close()
        assert server.fileno() == -1
        with pytest.raises(OSError, match="Bad file descriptor"):
            heard(server)


# -- ALPN (XEP-0368)


def test_a_protocol_that_both_speak_is_selected(romeo: Identity, pair: Pair) -> None:
    both = client(alpn=("h2", "xmpp-client"))
    with shaken(Identities(romeo), pair, both, alpn=("xmpp-client",)) as (server, peer):
        assert server.selected_alpn_protocol() == peer.selected_alpn_protocol() == "xmpp-client"


@pytest.mark.parametrize("offered", [(), ("xmpp-server",), ("h2", "http/1.1")])
def test_a_protocol_that_is_not_spoken_here_is_never_selected(
    romeo: Identity, pair: Pair, offered: tuple[str, ...]
) -> None:
    foreign = client(alpn=offered)
    with shaken(Identities(romeo), pair, foreign, alpn=("xmpp-client",)) as (server, peer):
        assert server.selected_alpn_protocol() is peer.selected_alpn_protocol() is None


def test_starttls_selects_no_protocol(romeo: Identity, pair: Pair) -> None:
    eager = client(alpn=("xmpp-client",))
    with shaken(Identities(romeo), pair, eager) as (server, _):
        assert server.selected_alpn_protocol() is None


# -- the choice of an identity


def shown(peer: ssl.SSLSocket) -> str:
    der = peer.getpeercert(True)
    assert der is not None
    return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex(":").upper()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_name_a_client_asks_for_chooses_the_certificate(
    romeo: Identity, juliet: Identity, pair: Pair, version: ssl.TLSVersion
) -> None:
    identities = Identities(romeo, {"capulet.example": juliet})
    with shaken(identities, pair, client(version), "CAPULET.example") as (server, peer):
        assert server.identity is juliet
        assert shown(peer) == juliet.fingerprint


@pytest.mark.parametrize("name", [None, "montague.example", "verona.example"])
def test_without_a_name_that_is_known_the_default_is_shown(
    romeo: Identity, juliet: Identity, pair: Pair, name: str | None
) -> None:
    identities = Identities(romeo, {"capulet.example": juliet})
    with shaken(identities, pair, client(), name) as (server, peer):
        assert server.identity is romeo
        assert shown(peer) == romeo.fingerprint


def test_the_protocol_is_agreed_on_whatever_certificate_is_shown(romeo: Identity, juliet: Identity, pair: Pair) -> None:
    identities = Identities(romeo, {"capulet.example": juliet})
    direct = client(alpn=("xmpp-client",))
    with shaken(identities, pair, direct, "capulet.example", alpn=("xmpp-client",)) as (_, peer):
        assert shown(peer) == juliet.fingerprint
        assert peer.selected_alpn_protocol() == "xmpp-client"


def test_the_stream_header_stands_in_for_a_name(romeo: Identity, juliet: Identity, pair: Pair) -> None:
    identities = Identities(romeo, {"capulet.example": juliet})
    with shaken(identities, pair, client(), domain="capulet.example") as (server, peer):
        assert server.identity is juliet
        assert shown(peer) == juliet.fingerprint


def test_the_stream_header_yields_to_a_name(romeo: Identity, juliet: Identity, pair: Pair) -> None:
    identities = Identities(romeo, {"capulet.example": juliet})
    with shaken(identities, pair, client(), "montague.example", domain="capulet.example") as (server, _):
        assert server.identity is romeo


def test_a_domain_is_found_by_either_spelling(romeo: Identity, juliet: Identity) -> None:
    identities = Identities(romeo, {"bücher.example": juliet})
    assert identities.named("Bücher.example") is identities.named("xn--bcher-kva.example") is juliet


def test_a_wildcard_stands_for_one_label(romeo: Identity, issue: Issue) -> None:
    wild = Identity.load(*issue(names=("verona.example", "*.Verona.example")))
    identities = Identities(romeo, {"verona.example": wild})
    assert identities.named("conference.verona.example") is wild
    assert identities.named("a.conference.verona.example") is None


def test_a_domain_of_ones_own_goes_before_what_a_certificate_names(romeo: Identity, issue: Issue) -> None:
    wild = Identity.load(*issue(names=("montague.example", "*.example")))
    identities = Identities(wild, {"montague.example": romeo})
    assert identities.named("montague.example") is romeo
    assert identities.named("capulet.example") is wild


def test_a_renewed_certificate_is_shown_from_then_on(romeo: Identity, juliet: Identity, pair: Pair) -> None:
    identities = Identities(romeo)
    with shaken(identities, pair, client()) as (before, old):
        identities.replace(juliet)
        with shaken(identities, socket.socketpair(), client()) as (_, new):
            assert (shown(old), shown(new)) == (romeo.fingerprint, juliet.fingerprint)
        before.send(b"still here")
        assert old.recv(99) == b"still here"


def test_a_reload_that_fails_changes_nothing(romeo: Identity, juliet: Identity) -> None:
    identities = Identities(romeo)
    with pytest.raises(TLSError):
        identities.replace(juliet, {"no_host": juliet})
    assert identities.default is romeo


# -- gevent


@pytest.mark.skipif(PATCHED, reason="this is the patched process")
def test_all_of_this_holds_in_a_process_that_gevent_has_patched() -> None:
    code = "import gevent.monkey, sys; gevent.monkey.patch_all(); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    options = ["-q", "-x", "-p", "no:cacheprovider", "--import-mode=importlib", __file__]
    done = subprocess.run([sys.executable, "-c", code, *options], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
