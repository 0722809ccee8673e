import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.errors import StreamError
from net.xmpp.prolog import after_prolog

DECLARATIONS = [
    b"",
    b"<?xml version='1.0'?>",
    b'<?xml version="1.0"?>',
    b"<?xml version='1.0' encoding='UTF-8'?>",
    b"<?xml\tversion = '1.0'\nencoding = \"utf-8\" standalone='yes' ?>",
    b"<?xml version='1.1' standalone='no'?>",
]


@pytest.mark.parametrize("declaration", DECLARATIONS)
@pytest.mark.parametrize("blank", [b"", b" \r\n\t"])
def test_a_declaration_and_white_space_may_stand_before_the_header(declaration: bytes, blank: bytes) -> None:
    assert after_prolog(blank + declaration + blank + b"<a>") == b"<a>"


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_while_too_little_has_come_there_is_no_answer(declaration: bytes) -> None:
    for length in range(len(declaration) + 1):
        assert after_prolog(declaration[:length]) is None


@given(st.binary(max_size=300) | st.builds(bytes.__add__, st.sampled_from([b"<?", b"<?xml "]), st.binary(max_size=300)))
def test_any_bytes_are_passed_or_waited_for_within_bounds_or_refused(data: bytes) -> None:
    try:
        rest = after_prolog(data)
    except StreamError:
        return
    assert data.endswith(rest) if rest is not None else len(data.lstrip(b" \t\r\n")) <= 256


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"<??" + b" " * 300 + b"?>", "restricted-xml"),
        (b"<?xml" + b" " * 300 + b"version='1.0'?><a>", "not-well-formed"),
    ],
)
def test_a_long_declaration_is_refused_alike_whether_its_end_has_come_or_not(data: bytes, condition: str) -> None:
    for length in (256, 257, len(data)):
        with pytest.raises(StreamError) as caught:
            after_prolog(data[:length])
        assert caught.value.condition == condition
    assert after_prolog(data[:255]) is None
