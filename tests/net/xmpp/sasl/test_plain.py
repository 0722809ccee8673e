from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.sasl import SASLError, VerifyPassword
from net.xmpp.sasl.plain import plain


def test_plain_asks_to_verify_what_the_client_sent() -> None:
    assert plain("example.org", b"\0juliet\0r0m30") == VerifyPassword("juliet", "r0m30")


def test_plain_may_name_the_own_bare_jid() -> None:
    assert plain("example.org", b"juliet@example.org\0juliet\0r0m30") == VerifyPassword("juliet", "r0m30")


def test_plain_speaks_utf_8() -> None:
    assert plain("example.org", "\0júlía\0mot de passé".encode()) == VerifyPassword("júlía", "mot de passé")


def test_plain_for_somebody_else_is_an_invalid_authzid() -> None:
    with pytest.raises(SASLError) as refusal:
        plain("example.org", b"romeo@example.org\0juliet\0r0m30")
    assert refusal.value.condition == "invalid-authzid"


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0", b"juliet\0r0m30", b"\0juliet\0", b"\0\0r0m30", b"\0juliet\0r0m30\0", b"\0\xff\0r0m30"]
)
def test_a_message_of_another_shape_is_malformed(data: bytes) -> None:
    with pytest.raises(SASLError) as refusal:
        plain("example.org", data)
    assert refusal.value.condition == "malformed-request"


@given(
    st.lists(st.sampled_from([b"\0", b"juliet", b"@", b"example.org", b"\xff"]) | st.binary(max_size=8)).map(b"".join)
)
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    with suppress(SASLError):
        assert isinstance(plain("example.org", data), VerifyPassword)
