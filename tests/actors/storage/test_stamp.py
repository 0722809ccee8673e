import random

from hypothesis import given
from hypothesis import strategies as st

from actors.storage.stamp import LATEST, Stamps, moment, packed, place, span
from net.xmpp.stamps import read_stamp, stamp

moments = st.floats(0, LATEST, exclude_max=True)
of_today = st.floats(1_700_000_000, 2_000_000_000)


@given(moments, moments)
def test_ids_sort_by_time_to_the_microsecond(one: float, other: float) -> None:
    stamps = Stamps()
    earlier, later = sorted((one, other))
    if later - earlier > 0.001:
        late = stamps.next(later).hex()
        assert stamps.next(earlier).hex() < late


@given(moments)
def test_ids_of_one_moment_are_different_and_in_order(when: float) -> None:
    stamps = Stamps()
    ids = [stamps.next(when).hex() for _ in range(50)]
    assert ids == sorted(set(ids))


@given(moments, st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_span_of_time_holds_the_ids_of_that_time(when: float, start: float, end: float) -> None:
    made = Stamps().next(when).hex()
    lower, upper = span({"limit": 1, "start": when, "end": when})
    assert lower < made < upper
    lower, upper = span({"limit": 1, "start": start, "end": end})
    if abs(start - when) > 0.001 and abs(end - when) > 0.001:
        assert (lower < made < upper) == (start < when < end)


def finds(start: str, end: str, id: str) -> bool:
    """Whether what has this id is from between the two stamps."""
    lower, upper = span({"limit": 1, "start": read_stamp(start), "end": read_stamp(end)})
    return lower < id < upper


@given(moments | of_today)
def test_an_entry_is_found_by_its_stamp(when: float) -> None:
    made = Stamps().next(when).hex()
    assert finds(stamp(when), stamp(when), made)
    assert stamp(moment(made)) == stamp(when)


@given(of_today)
def test_an_id_that_was_rounded_otherwise_is_found_by_the_stamp_of_its_own_moment(when: float) -> None:
    """Those of an earlier version were."""
    made = f"{round(when * 1_000_000):015x}{'0' * 15}"
    told = stamp(moment(made))
    assert finds(told, told, made)


def test_ids_do_not_tell_how_many_were_made() -> None:
    stamps = Stamps()
    first = stamps.next(1.0).hex()
    for _ in range(100):
        stamps.next(2.0).hex()
    assert first[15:22] == stamps.next(3.0).hex()[15:22]


def test_nobody_can_tell_what_id_comes_next() -> None:
    """XEP-0313 §3."""
    ids = []
    for _ in range(2):
        random.seed(1)
        ids.append(Stamps().next(1.0).hex())
    assert ids[0] != ids[1]
    stamps = Stamps()
    assert len({stamps.next(1.0).hex()[22:] for _ in range(3000)}) > 2990


digits = "0123456789abcdef"
ids = st.text(digits, min_size=30, max_size=30)
like_ids = st.builds(
    lambda start, length, rest: start[:length] + rest,
    ids,
    st.integers(0, 30),
    st.text(st.sampled_from(digits + "/:@`gz A~é")),
)


@given(ids, ids | like_ids | st.text())
def test_what_databases_have_sorts_as_the_ids_do(id: str, text: str) -> None:
    packed_id = packed(id)
    assert packed_id is not None
    assert (packed_id < place(text)) == (id < text)
    assert (packed_id > place(text)) == (id > text)


@given(ids, st.data())
def test_close_to_an_id_a_text_has_its_place_too(id: str, data: st.DataObject) -> None:
    text = id[: data.draw(st.integers(0, 30))] + data.draw(st.sampled_from(["", "0", "f", "g", "/", "`", "A", "00"]))
    packed_id = packed(id)
    assert packed_id is not None
    assert (packed_id < place(text), packed_id > place(text)) == (id < text, id > text)


@given(like_ids | st.text())
def test_only_ids_are_packed(text: str) -> None:
    packed_id = packed(text)
    assert packed_id is None if len(text) != 30 or not set(digits).issuperset(text) else packed_id.hex() == text
