from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from net.chain import Chain, authorities
from tests.authority import Authority


@pytest.fixture
def root() -> Authority:
    return Authority("Root")


def written(folder: Path, *certificates: x509.Certificate) -> Path:
    path = folder / "chain.pem"
    path.write_bytes(b"".join(Authority.pem(certificate) for certificate in certificates))
    return path


def test_a_certificate_says_when_it_is_good(tmp_path: Path, root: Authority) -> None:
    leaf, _ = root.issues("example.org", days=20)
    chain = Chain.read(written(tmp_path, leaf), [root.certificate])
    assert (chain.not_before, chain.not_after) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)


@pytest.mark.parametrize(
    ("key", "kind", "bits"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "EC", 384),
        (rsa.generate_private_key(65537, 1024), "RSA", 1024),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 0),
    ],
)
def test_a_certificate_says_how_strong_its_key_is(
    tmp_path: Path, root: Authority, key: Any, kind: str, bits: int
) -> None:
    leaf, _ = root.issues("example.org", key=key)
    chain = Chain.read(written(tmp_path, leaf), [])
    assert (chain.key, chain.bits, chain.signature) == (kind, bits, "sha256")


def test_a_chain_leads_to_an_authority(tmp_path: Path, root: Authority) -> None:
    between = root.signs("Intermediate")
    leaf, _ = between.issues("example.org")

    def link(*certificates: x509.Certificate, trusted: tuple[x509.Certificate, ...] = ()) -> str:
        return Chain.read(written(tmp_path, *certificates), trusted).link

    assert link(leaf, between.certificate, trusted=(root.certificate,)) == "complete"
    assert link(leaf, between.certificate, root.certificate, trusted=(root.certificate,)) == "complete"
    assert link(leaf, between.certificate, root.certificate) == "private"
    assert link(leaf, trusted=(root.certificate,)) == "unknown"
    assert link(leaf, between.certificate) == "unknown"
    assert link(leaf, root.certificate, between.certificate) == "broken"
    assert link(root.certificate) == "self-signed"
    assert link(root.certificate, trusted=(root.certificate,)) == "complete"


def test_an_authority_of_the_same_name_is_another(tmp_path: Path, root: Authority) -> None:
    leaf, _ = root.issues("example.org")
    impostor = Authority("Root")
    assert Chain.read(written(tmp_path, leaf), [impostor.certificate]).link == "unknown"
    assert Chain.read(written(tmp_path, leaf, impostor.certificate), []).link == "broken"


def test_the_authorities_of_the_machine_are_certificates() -> None:
    assert all(isinstance(authority, x509.Certificate) for authority in authorities())
