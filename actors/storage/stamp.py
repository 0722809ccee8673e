"""The ids of archive entries: text that sorts by time.

An id is the entry's time in microseconds, then a sequence number, then noise, each in hexadecimal of fixed width. So
one index serves paging by id and by time alike. The sequence starts again whenever time moves on: a counter that never
did would tell every client how busy the whole server is. The noise is what makes an id that nobody has been told
unpredictable (XEP-0313 §3). Databases have the bytes that the digits stand for.
"""

import re
from array import array
from os import urandom

from actors.storage.shapes import Page

LENGTH = 30
_ID = re.compile(f"[0-9a-f]{{{LENGTH}}}")
_DIGITS = re.compile(f"[0-9a-f]{{0,{LENGTH}}}")

LATEST = 253402300800.0  # the year 10000, where XEP-0082 timestamps end
_DRAWN = 4096  # bytes: with a call of the system for each four, an id would take half as long again
_BEHIND_ALL = "g"  # sorts behind every hexadecimal digit


def _tick(when: float) -> int:
    """The nearest microsecond, as a stamp has it. The product of the two would have been rounded once already."""
    seconds = int(when)
    return seconds * 1_000_000 + round((when - seconds) * 1_000_000)


def _within(when: float) -> int:
    """Microseconds, kept within what an id can hold; -1 stands for all time before."""
    return _tick(min(max(when, -0.000001), LATEST))


def moment(id: str) -> float:
    """The time (UTC seconds, to the microsecond) by which the entry with this id is found."""
    return int(id[:15], 16) / 1_000_000


def packed(id: str) -> bytes | None:
    """What a database has for an id; None for a text that is none."""
    return bytes.fromhex(id) if _ID.fullmatch(id) else None


def place(text: str) -> bytes:
    """Where a text that need not be an id is in the order of ids: before and behind it are the `packed` ones of those
    that sort before and behind the text.
    """
    digits = _DIGITS.match(text)[0]  # type: ignore[index]
    if len(digits) == LENGTH:
        return bytes.fromhex(digits) + b"\0" * (len(text) > LENGTH)
    rest = text[len(digits) :]
    follows = next((digit for digit in "0123456789abcdef" if rest < digit), None)
    if follows is None:
        first = int(digits.ljust(LENGTH, "f"), 16) + 1
    else:
        first = int((digits + follows).ljust(LENGTH, "0"), 16)
    return (first - 1).to_bytes(LENGTH // 2) + b"\1" if first else b""


def span(wanted: Page) -> tuple[str, str]:
    """The two bounds, both exclusive, between which the ids of a page lie."""
    lower, upper = wanted.get("after") or "", _BEHIND_ALL
    if (start := wanted.get("start")) is not None:
        # A bare time sorts before every id of that time, which makes this bound an inclusive one.
        lower = max(lower, f"{_within(start):015x}")
    if (end := wanted.get("end")) is not None:
        upper = f"{_within(end) + 1:015x}"
    before = wanted.get("before")
    return lower, upper if before is None else min(upper, before)


class Stamps:
    """Makes ids. Two entries of equal time keep the order of appending unless the clock ran ahead in between."""

    def __init__(self) -> None:
        self._newest = -1
        self._sequence = 0
        self._noise: list[int] = []

    def next(self, when: float) -> bytes:
        """A new id, `packed`, for an entry of time `when` (UTC seconds). ValueError outside the years 1970 to 9999."""
        if not 0 <= when < LATEST:
            raise ValueError(f"no time for an archive: {when}")
        tick = _tick(when)
        if not self._noise:
            self._noise = array("I", urandom(_DRAWN)).tolist()
        if tick > self._newest:
            self._newest, self._sequence = tick, 0
        else:
            self._sequence += 1
        return (tick << 60 | self._sequence << 32 | self._noise.pop()).to_bytes(LENGTH // 2)
