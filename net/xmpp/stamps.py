"""Times as they are written (XEP-0082), and the note that something comes late (XEP-0203)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from net.xmpp.xml import element, serialise

DELAY = "{urn:xmpp:delay}delay"

# XEP-0082 §3.2; the range of the offset is that of XML Schema's dateTime.
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])((?:0\d|1[0-3]):[0-5]\d|14:00))", re.ASCII
)


def stamp(time: float) -> str:
    """Seconds since 1970 as a DateTime in UTC, exact to the microsecond."""
    return datetime.fromtimestamp(time, UTC).isoformat().removesuffix("+00:00") + "Z"


def read_stamp(text: str) -> float:
    """The seconds since 1970 of a DateTime; digits behind the microseconds are dropped. Raises ValueError."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a DateTime (XEP-0082 §3.2)")
    seconds, fraction, sign, offset = found.groups()
    zone = UTC
    if offset is not None:
        ahead = timedelta(hours=int(offset[:2]), minutes=int(offset[3:]))
        zone = timezone(ahead if sign == "+" else -ahead)
    whole = datetime.fromisoformat(seconds).replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")), tzinfo=zone)
    return whole.timestamp()


def delay(by: str, since: float) -> bytes:
    """The note that `by` has kept a stanza since that time (XEP-0203 §2)."""
    return serialise(element(DELAY, None, **{"from": by, "stamp": stamp(since)}))
