from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.stamps import delay, read_stamp, stamp
from net.xmpp.xml import parse


def test_a_stamp_is_in_utc() -> None:
    assert stamp(-14159025) == "1969-07-21T02:56:15Z"


def test_a_fraction_of_a_second_is_written_in_microseconds() -> None:
    assert stamp(0.25) == "1970-01-01T00:00:00.250000Z"


@pytest.mark.parametrize(
    "text",
    ["1969-07-21T02:56:15Z", "1969-07-20T21:56:15-05:00", "1969-07-21T02:56:15.000Z", "1969-07-21T08:26:15+05:30"],
)
def test_the_moon_landing_is_one_time_in_every_zone(text: str) -> None:
    assert read_stamp(text) == -14159025


def test_digits_behind_the_microseconds_are_dropped() -> None:
    assert read_stamp("1970-01-01T00:00:00.5000009Z") == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1969-07-21",
        "02:56:15Z",
        "19690721T02:56:15",
        "1969-07-21T02:56:15",
        "1969-07-21 02:56:15Z",
        "1969-07-21T02:56:15z",
        "1969-07-21T02:56:15.Z",
        "1969-07-21T02:56:15+0500",
        "1969-07-21T02:56:15+14:01",
        "1969-02-30T02:56:15Z",
        "0000-01-01T00:00:00Z",
        "1969-07-21T25:00:00Z",
        "1969-07-21T02:56:15Z\n",
        "١٩٦٩-07-21T02:56:15Z",
    ],
)
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_stamp(text)


@given(st.datetimes().map(lambda when: f"{when.isoformat()}Z"))
def test_every_year_can_be_read_and_written_again(text: str) -> None:
    assert read_stamp(stamp(read_stamp(text))) == read_stamp(text)


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999))
def test_a_stamp_reads_as_the_time_it_was_made_from(seconds: int, micros: int) -> None:
    assert read_stamp(stamp(seconds + micros / 1e6)) == pytest.approx(seconds + micros / 1e6, abs=1e-6)


@given(st.text())
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(read_stamp(text), float)


def test_a_delay_names_who_kept_the_stanza_and_since_when() -> None:
    note = parse(delay("capulet.com", 1031699305))
    assert note.tag == "{urn:xmpp:delay}delay"
    assert dict(note.attrib) == {"from": "capulet.com", "stamp": "2002-09-10T23:08:25Z"}
