import pytest

from net.xmpp.sm import ack, count, enabled, failed, resumed, truth, wish


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("0007", 7), ("4294967295", 4294967295)])
def test_a_count_is_an_unsigned_int(text: str, number: int) -> None:
    assert count(text) == number


@pytest.mark.parametrize("text", [None, "", " 1", "-1", "+1", "1.0", "x", "٣", "4294967296", "9" * 5000])
def test_anything_else_is_no_count(text: str | None) -> None:
    assert count(text) is None


@pytest.mark.parametrize(("text", "seconds"), [("1", 1), ("0300", 300), ("9" * 5000, 4294967295)])
def test_a_wish_is_a_positive_integer_of_any_length(text: str, seconds: int) -> None:
    assert wish(text) == seconds


@pytest.mark.parametrize("text", [None, "", "0", "000", "-5", "soon", "1.5"])
def test_anything_else_is_no_wish(text: str | None) -> None:
    assert wish(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [(None, False), ("0", False), ("false", False), ("1", True), ("true", True)]
)
def test_a_truth_is_written_in_two_ways(text: str | None, value: bool) -> None:
    assert truth(text) is value


@pytest.mark.parametrize("text", ["", "yes", "True", " 1"])
def test_anything_else_is_no_truth(text: str) -> None:
    assert truth(text) is None


def test_numbers_are_written_modulo_two_to_the_32() -> None:
    big = (1 << 32) + 5
    assert ack(big) == b'<a xmlns="urn:xmpp:sm:3" h="5"/>'
    assert b' h="5"' in resumed("x", big)
    assert b' h="5"' in failed("item-not-found", big)


def test_attributes_are_written_only_where_there_is_something_to_say() -> None:
    assert enabled() == b'<enabled xmlns="urn:xmpp:sm:3"/>'
    assert enabled("i", most=5) == b'<enabled xmlns="urn:xmpp:sm:3" id="i" resume="true" max="5"/>'
    assert failed("bad-request").startswith(b'<failed xmlns="urn:xmpp:sm:3"><bad-request ')
