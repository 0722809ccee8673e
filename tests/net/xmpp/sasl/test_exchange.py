from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.sasl import Challenge, Lookup, SASLError, Success, VerifyPassword, decode, encode
from net.xmpp.sasl.exchange import MESSAGE_LIMIT, check_authzid


@given(st.binary(min_size=1, max_size=100))
def test_what_is_encoded_decodes_to_itself(data: bytes) -> None:
    assert decode(encode(data)) == data


@given(st.text())
def test_any_text_decodes_or_is_a_sasl_error(text: str) -> None:
    with suppress(SASLError):
        assert text in {"=", encode(decode(text))}


@pytest.mark.parametrize("text", [None, ""])
def test_an_empty_element_brings_no_data(text: str | None) -> None:
    assert decode(text) is None


def test_a_single_equals_sign_is_a_zero_length_message() -> None:
    assert decode("=") == b""


@pytest.mark.parametrize("data", [None, b""])
def test_nothing_and_zero_bytes_are_sent_as_an_empty_element(data: bytes | None) -> None:
    assert encode(data) == ""


@pytest.mark.parametrize(
    "text",
    ["A", "AAA", "=AAA", "==", "BBBB=CCC", "AA==AA==", "AAAA\n", " AAAA", "AA AA", "A-_A", "AB==", "é", "\ud800"],
)
def test_base64_that_is_not_canonical_is_incorrect_encoding(text: str) -> None:
    with pytest.raises(SASLError) as refusal:
        decode(text)
    assert refusal.value.condition == "incorrect-encoding"


def test_a_message_at_the_limit_is_decoded() -> None:
    assert decode(encode(b"x" * MESSAGE_LIMIT)) == b"x" * MESSAGE_LIMIT


def test_a_message_beyond_the_limit_is_refused() -> None:
    with pytest.raises(SASLError) as refusal:
        decode(encode(b"x" * (MESSAGE_LIMIT + 3)))
    assert refusal.value.condition == "malformed-request"


@pytest.mark.parametrize("authzid", ["", "juliet@example.org", "Juliet@EXAMPLE.org"])
def test_the_own_bare_jid_or_nothing_may_be_acted_for(authzid: str) -> None:
    check_authzid(authzid, "juliet", "example.org")


@pytest.mark.parametrize(
    "authzid",
    ["romeo@example.org", "juliet@example.com", "juliet", "example.org", "juliet@example.org/balcony", "@", "\0"],
)
def test_nobody_else_may_be_acted_for(authzid: str) -> None:
    with pytest.raises(SASLError) as refusal:
        check_authzid(authzid, "juliet", "example.org")
    assert refusal.value.condition == "invalid-authzid"


def test_a_username_that_is_no_localpart_has_no_jid_to_act_for() -> None:
    with pytest.raises(SASLError) as refusal:
        check_authzid("juliet@example.org", "juliet@example.org", "example.org")
    assert refusal.value.condition == "invalid-authzid"


def test_a_verified_password_is_success_without_data() -> None:
    assert VerifyPassword("juliet", "r0m30").supply(verified=True) == Success("juliet", None)


def test_a_wrong_password_is_not_authorized_and_nothing_more() -> None:
    with pytest.raises(SASLError) as refusal:
        VerifyPassword("juliet", "r0m30").supply(verified=False)
    assert (refusal.value.condition, refusal.value.text) == ("not-authorized", "")


def test_a_password_is_not_in_the_repr() -> None:
    assert "r0m30" not in repr(VerifyPassword("juliet", "r0m30"))


def test_a_sasl_error_reads_as_its_condition_and_text() -> None:
    assert str(SASLError("aborted")) == "aborted"
    assert str(SASLError("aborted", "Too slow.")) == "aborted: Too slow."


def test_an_answer_shows_only_what_it_says() -> None:
    def supply(keys: object) -> Challenge:
        raise NotImplementedError(keys)

    assert repr(Lookup("juliet", "SHA-1", supply)) == "Lookup(username='juliet', hash='SHA-1')"
