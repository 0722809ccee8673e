import hmac

import pytest

from net.xmpp.sasl import SASLError
from net.xmpp.sasl.ht import hashed_token, possible

BINDINGS = {"tls-server-end-point": b"digest of the certificate"}
TOKEN = "secret-token:0123"


def message(binding: bytes = b"", user: str = "juliet") -> bytes:
    return user.encode() + b"\0" + hmac.digest(TOKEN.encode(), b"Initiator" + binding, "sha256")


def test_who_has_the_token_proves_it_and_so_does_the_server() -> None:
    proof = hashed_token("HT-SHA-256-NONE", {}, message())
    assert proof.username == "juliet"
    assert proof.proves(TOKEN)
    assert proof.answer(TOKEN) == hmac.digest(TOKEN.encode(), b"Responder", "sha256")


@pytest.mark.parametrize("token", ["", TOKEN + "4", TOKEN.upper()])
def test_another_token_proves_nothing(token: str) -> None:
    assert not hashed_token("HT-SHA-256-NONE", {}, message()).proves(token)


def test_the_proof_holds_for_its_channel_only() -> None:
    bound = message(BINDINGS["tls-server-end-point"])
    proof = hashed_token("HT-SHA-256-ENDP", BINDINGS, bound)
    assert proof.proves(TOKEN)
    assert proof.answer(TOKEN) == hmac.digest(TOKEN.encode(), b"Responderdigest of the certificate", "sha256")
    assert not hashed_token("HT-SHA-256-ENDP", {"tls-server-end-point": b"another"}, bound).proves(TOKEN)
    assert not hashed_token("HT-SHA-256-NONE", BINDINGS, bound).proves(TOKEN)
    assert not hashed_token("HT-SHA-256-ENDP", BINDINGS, message()).proves(TOKEN)


def test_zero_bytes_may_stand_in_the_hash() -> None:
    assert hashed_token("HT-SHA-256-NONE", {}, b"juliet\0\0\0").hashed == b"\0\0"


@pytest.mark.parametrize("data", [None, b"", b"juliet", b"juliet\0", b"\0hash", b"\xff\0hash"])
def test_what_is_no_such_message_is_malformed(data: bytes | None) -> None:
    with pytest.raises(SASLError, match="malformed-request"):
        hashed_token("HT-SHA-256-NONE", {}, data)


@pytest.mark.parametrize("mechanism", ["HT-SHA-256-ENDP", "HT-SHA-256-UNIQ", "HT-SHA-256-EXPR", "HT-SHA-512-NONE", ""])
def test_a_mechanism_that_the_channel_does_not_allow_is_invalid(mechanism: str) -> None:
    with pytest.raises(SASLError, match="invalid-mechanism"):
        hashed_token(mechanism, {}, message())


def test_the_mechanisms_for_a_channel() -> None:
    assert possible(BINDINGS) == ["HT-SHA-256-ENDP", "HT-SHA-256-NONE"]
    assert possible({}) == ["HT-SHA-256-NONE"]


def test_what_is_secret_is_not_shown() -> None:
    assert repr(hashed_token("HT-SHA-256-NONE", {}, message())) == "Proof('juliet')"
