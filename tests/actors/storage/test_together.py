import logging

import pytest

from actors.storage import StorageError, together


def test_what_each_of_several_reads_returns_comes_in_their_order() -> None:
    assert together(lambda: 1, lambda: 2, lambda: 3) == [1, 2, 3]
    assert together(lambda: 1) == [1]


def test_the_error_of_one_is_raised_when_all_have_ended(caplog: pytest.LogCaptureFixture) -> None:
    ended = []

    def fail() -> None:
        raise StorageError("broken")

    with pytest.raises(StorageError, match="broken"), caplog.at_level(logging.ERROR):
        together(fail, lambda: ended.append(1), fail)
    assert ended == [1]
    assert caplog.records == []
