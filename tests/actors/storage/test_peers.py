from hypothesis import given
from hypothesis import strategies as st

from actors.storage.peers import peer_key


@given(st.text())
def test_a_number_takes_six_bytes_of_sqlite(text: str) -> None:
    assert 0 <= peer_key(text) < 1 << 47


def test_numbers_stay_what_they_are() -> None:
    """They are in databases."""
    assert peer_key("") == 0
    assert peer_key("juliet@example.org") == 82_913_310_328_362
