import pytest

from net.xmpp.sasl import MECHANISMS, Challenge, Lookup, Offer, SASLError, VerifyPassword

BINDINGS = {"tls-server-end-point": b"digest of the certificate"}
PLAIN = b"\0juliet\0r0m30"


def test_over_tls_everything_is_offered_strongest_first() -> None:
    assert Offer("example.org", secure=True, bindings=BINDINGS).mechanisms == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "PLAIN",
    ]


def test_without_channel_binding_no_plus_is_offered() -> None:
    assert Offer("example.org", secure=True).mechanisms == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]


def test_in_the_clear_plain_is_not_offered() -> None:
    assert Offer("example.org", secure=False).mechanisms == ["SCRAM-SHA-256", "SCRAM-SHA-1"]


def test_only_what_is_enabled_is_offered_in_our_order() -> None:
    offer = Offer("example.org", secure=True, enabled=["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"])
    assert offer.mechanisms == ["SCRAM-SHA-1", "PLAIN"]


@pytest.mark.parametrize("mechanism", [None, "", "plain", "EXTERNAL", "SCRAM-SHA-512", "SCRAM-SHA-1-PLUS"])
def test_a_mechanism_that_is_not_offered_is_invalid(mechanism: str | None) -> None:
    with pytest.raises(SASLError) as refusal:
        Offer("example.org", secure=True).begin(mechanism, PLAIN)
    assert refusal.value.condition == "invalid-mechanism"


def test_plain_in_the_clear_requires_encryption() -> None:
    with pytest.raises(SASLError) as refusal:
        Offer("example.org", secure=False).begin("PLAIN", PLAIN)
    assert refusal.value.condition == "encryption-required"


def test_plain_that_is_disabled_is_invalid_even_in_the_clear() -> None:
    with pytest.raises(SASLError) as refusal:
        Offer("example.org", secure=False, enabled=["SCRAM-SHA-1"]).begin("PLAIN", PLAIN)
    assert refusal.value.condition == "invalid-mechanism"


def test_an_initial_response_is_answered_at_once() -> None:
    assert Offer("example.org", secure=True).begin("PLAIN", PLAIN) == VerifyPassword("juliet", "r0m30")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_without_an_initial_response_the_client_is_asked_to_speak_first(mechanism: str) -> None:
    answer = Offer("example.org", secure=True, bindings=BINDINGS).begin(mechanism, None)
    assert isinstance(answer, Challenge)
    assert answer.data == b""


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("silence", [None, b""])
def test_a_client_that_was_asked_and_says_nothing_is_malformed(mechanism: str, silence: bytes | None) -> None:
    answer = Offer("example.org", secure=True, bindings=BINDINGS).begin(mechanism, None)
    assert isinstance(answer, Challenge)
    with pytest.raises(SASLError) as refusal:
        answer.step(silence)
    assert refusal.value.condition == "malformed-request"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_an_explicit_zero_length_initial_response_is_malformed(mechanism: str) -> None:
    with pytest.raises(SASLError) as refusal:
        Offer("example.org", secure=True, bindings=BINDINGS).begin(mechanism, b"")
    assert refusal.value.condition == "malformed-request"


def test_what_was_asked_for_goes_on_after_the_empty_challenge() -> None:
    answer = Offer("example.org", secure=True).begin("SCRAM-SHA-256", None)
    assert isinstance(answer, Challenge)
    lookup = answer.step(b"n,,n=juliet,r=abc")
    assert isinstance(lookup, Lookup)
    assert (lookup.username, lookup.hash) == ("juliet", "SHA-256")


def test_y_is_a_downgrade_where_plus_was_offered() -> None:
    with pytest.raises(SASLError) as refusal:
        Offer("example.org", secure=True, bindings=BINDINGS).begin("SCRAM-SHA-256", b"y,,n=juliet,r=abc")
    assert refusal.value.condition == "not-authorized"


def test_y_is_the_truth_where_plus_is_disabled() -> None:
    offer = Offer("example.org", secure=True, bindings=BINDINGS, enabled=["SCRAM-SHA-256"])
    assert isinstance(offer.begin("SCRAM-SHA-256", b"y,,n=juliet,r=abc"), Lookup)
