import hashlib
import string
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from precis_i18n import get_profile

from net.xmpp.sasl import (
    PASSWORD_LIMIT,
    SALT_SIZE,
    Hash,
    PasswordRefused,
    ScramKeys,
    decoy,
    derive,
    keys_of,
    verify_password,
)

HASHES: list[Hash] = ["SHA-1", "SHA-256"]
SALT = b"0123456789abcdef"


@pytest.mark.parametrize("algorithm", HASHES)
def test_keys_verify_their_own_password(algorithm: Hash) -> None:
    assert verify_password(derive(algorithm, "r0m30", SALT, 10), "r0m30")


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("password", ["r0m3O", "r0m30 ", "", "\0", "\u00ad", "x" * (PASSWORD_LIMIT + 1), "\ud800"])
def test_keys_verify_no_other_password(algorithm: Hash, password: str) -> None:
    assert not verify_password(derive(algorithm, "r0m30", SALT, 10), password)


@pytest.mark.parametrize("password", ["", "a\0b", "a\nb", "\x7f", "soft\u00adhyphen", "\ud800"])
def test_a_password_outside_opaque_string_is_refused_without_repeating_it(password: str) -> None:
    with pytest.raises(PasswordRefused) as refusal:
        derive("SHA-256", password, SALT, 10)
    assert not password or password not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_a_password_at_the_limit_is_accepted() -> None:
    derive("SHA-256", "é" * (PASSWORD_LIMIT // 2), SALT, 10)


def test_a_password_beyond_the_limit_is_refused() -> None:
    with pytest.raises(PasswordRefused):
        derive("SHA-256", "é" * (PASSWORD_LIMIT // 2) + "e", SALT, 10)


def test_the_costliest_password_does_not_hold_the_interpreter() -> None:
    begun = time.process_time()
    verify_password(
        decoy(b"secret", "SHA-256", "juliet@example.org", [10]), "a" + "\u30fb" * ((PASSWORD_LIMIT - 1) // 3)
    )
    assert time.process_time() - begun < 0.5


def test_composed_and_decomposed_passwords_are_the_same() -> None:
    assert verify_password(derive("SHA-256", "pässword", SALT, 10), "pa\u0308ssword")


def test_a_space_is_a_space_in_a_password() -> None:
    assert verify_password(derive("SHA-256", "to be", SALT, 10), "to\u00a0be")


@given(st.text(st.sampled_from(string.printable), min_size=1))
def test_ascii_passwords_are_treated_as_the_library_would(password: str) -> None:
    try:
        prepared = get_profile("OpaqueString").enforce(password)
    except UnicodeEncodeError:
        with pytest.raises(PasswordRefused):
            derive("SHA-1", password, SALT, 1)
    else:
        assert prepared == password
        derive("SHA-1", password, SALT, 1)


def test_keys_keep_their_secrets_out_of_their_repr() -> None:
    assert repr(derive("SHA-256", "r0m30", SALT, 10)) == "ScramKeys(SHA-256, 10 iterations)"


def test_keys_survive_storage() -> None:
    keys = derive("SHA-1", "r0m30", SALT, 10)
    assert msgspec.json.decode(msgspec.json.encode(keys), type=ScramKeys) == keys


@pytest.mark.parametrize("algorithm", HASHES)
def test_a_decoy_has_the_shape_of_real_keys(algorithm: Hash) -> None:
    real = derive(algorithm, "r0m30", bytes(SALT_SIZE), 10)
    false = decoy(b"secret", algorithm, "juliet@example.org", [10])
    assert (false.hash, false.iterations, len(false.salt)) == (real.hash, real.iterations, len(real.salt))
    assert (len(false.stored_key), len(false.server_key)) == (len(real.stored_key), len(real.server_key))


def test_a_decoy_is_always_the_same_for_the_same_account() -> None:
    assert decoy(b"secret", "SHA-1", "a@example.org", [10]) == decoy(b"secret", "SHA-1", "a@example.org", [10])


def test_decoys_differ_by_account_by_hash_and_by_server() -> None:
    salts = {
        decoy(b"secret", "SHA-1", "a@example.org", [10]).salt,
        decoy(b"secret", "SHA-1", "b@example.org", [10]).salt,
        decoy(b"secret", "SHA-256", "a@example.org", [10]).salt,
        decoy(b"public", "SHA-1", "a@example.org", [10]).salt,
    }
    assert len(salts) == 4


def test_a_salted_password_makes_the_same_keys_as_the_password() -> None:
    salted = hashlib.pbkdf2_hmac("sha256", b"r0m30", SALT, 10)
    assert keys_of("SHA-256", salted, SALT, 10) == derive("SHA-256", "r0m30", SALT, 10)
    with pytest.raises(ValueError, match="as long as the hash"):
        keys_of("SHA-256", salted[:20], SALT, 10)


def test_no_password_verifies_against_a_decoy() -> None:
    assert not verify_password(decoy(b"secret", "SHA-1", "a@example.org", [10]), "secret")
