import pytest

from net.xmpp.sasl import Anonymous, Offer, SASLError


def offer(*, anonymous: bool = True) -> Offer:
    return Offer("example.org", secure=True, anonymous=anonymous)


def test_it_is_offered_last_and_only_where_it_is_allowed() -> None:
    assert offer().mechanisms[-1] == "ANONYMOUS"
    assert "ANONYMOUS" not in offer(anonymous=False).mechanisms
    with pytest.raises(SASLError, match="invalid-mechanism"):
        offer(anonymous=False).begin("ANONYMOUS", None)


@pytest.mark.parametrize("data", [None, b"", b"trace@example.com", "ß".encode() * 255])
def test_whatever_trace_there_is_is_dropped(data: bytes | None) -> None:
    answer = offer().begin("ANONYMOUS", data)
    assert answer == Anonymous()


@pytest.mark.parametrize("data", [b"x" * 256, b"\xff"])
def test_what_is_no_trace_is_refused(data: bytes) -> None:
    with pytest.raises(SASLError, match="malformed-request"):
        offer().begin("ANONYMOUS", data)
