from hypothesis import given
from hypothesis import strategies as st

from actors.storage.stamp import LATEST, Stamps, span

moments = st.floats(0, LATEST, exclude_max=True)


@given(moments, moments)
def test_ids_sort_by_time_to_the_microsecond(one: float, other: float) -> None:
    stamps = Stamps()
    earlier, later = sorted((one, other))
    if later - earlier > 0.001:
        late = stamps.next(later)
        assert stamps.next(earlier) < late


@given(moments)
def test_ids_of_one_moment_are_different_and_in_order(when: float) -> None:
    stamps = Stamps()
    ids = [stamps.next(when) for _ in range(50)]
    assert ids == sorted(set(ids))


@given(moments, st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_span_of_time_holds_the_ids_of_that_time(when: float, start: float, end: float) -> None:
    made = Stamps().next(when)
    lower, upper = span({"limit": 1, "start": when, "end": when})
    assert lower < made < upper
    lower, upper = span({"limit": 1, "start": start, "end": end})
    if abs(start - when) > 0.001 and abs(end - when) > 0.001:
        assert (lower < made < upper) == (start < when < end)


def test_ids_do_not_tell_how_many_were_made() -> None:
    stamps = Stamps()
    first = stamps.next(1.0)
    for _ in range(100):
        stamps.next(2.0)
    assert first[15:22] == stamps.next(3.0)[15:22]
