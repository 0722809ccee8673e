import pytest

from net.xmpp.sasl import Certified, Challenge, Offer, SASLError, Success

ONE = ("romeo@example.org",)
TWO = ("romeo@example.org", "romeo@example.com", "r@example.org")


def offer(certified: tuple[str, ...] | None) -> Offer:
    return Offer("example.org", secure=True, certified=certified)


def test_it_is_offered_first_to_whoever_has_shown_a_certificate() -> None:
    assert offer(ONE).mechanisms[0] == "EXTERNAL"
    assert "EXTERNAL" not in offer(None).mechanisms
    with pytest.raises(SASLError, match="invalid-mechanism"):
        offer(None).begin("EXTERNAL", b"")


@pytest.mark.parametrize(
    ("certified", "wanted", "expected"),
    [
        (ONE, b"", "romeo"),
        (ONE, b"romeo@example.org", "romeo"),
        (ONE, b"ROMEO@example.org", "romeo"),
        (("romeo@example.org", "romeo@example.com"), b"", "romeo"),
        (("romeo@example.org", "ROMEO@EXAMPLE.ORG"), b"", "romeo"),
        (TWO, b"r@example.org", "r"),
        ((*ONE, "not an address@", ""), b"", "romeo"),
    ],
)
def test_the_certificate_says_who_it_is(certified: tuple[str, ...], wanted: bytes, expected: str) -> None:
    assert offer(certified).begin("EXTERNAL", wanted) == Certified(expected)


@pytest.mark.parametrize(
    ("certified", "wanted", "condition"),
    [
        ((), b"", "not-authorized"),
        ((), b"romeo@example.org", "not-authorized"),
        (("romeo@example.com",), b"", "not-authorized"),
        (("example.org",), b"", "not-authorized"),
        (("romeo@example.org/orchard",), b"", "not-authorized"),
        (TWO, b"", "invalid-authzid"),
        (ONE, b"juliet@example.org", "invalid-authzid"),
        (TWO, b"romeo@example.com", "invalid-authzid"),
        (ONE, b"@", "invalid-authzid"),
        (ONE, b"\xff", "malformed-request"),
    ],
)
def test_what_the_certificate_does_not_say_is_refused(
    certified: tuple[str, ...], wanted: bytes, condition: str
) -> None:
    with pytest.raises(SASLError, match=condition):
        offer(certified).begin("EXTERNAL", wanted)


def test_without_an_initial_response_it_is_asked_for() -> None:
    answer = offer(ONE).begin("EXTERNAL", None)
    assert isinstance(answer, Challenge)
    assert answer.data == b""
    assert answer.step(None) == Certified("romeo")


def test_who_has_no_account_is_refused() -> None:
    assert Certified("romeo").supply(exists=True) == Success("romeo")
    with pytest.raises(SASLError, match="not-authorized"):
        Certified("romeo").supply(exists=False)
