"""XEP-0059: Result Set Management. Which part of what there is is wanted, and which part that was."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from net.xmpp.errors import StanzaError
from net.xmpp.xml import Element, element

RSM = "http://jabber.org/protocol/rsm"
SET = f"{{{RSM}}}set"
AFTER = f"{{{RSM}}}after"
BEFORE = f"{{{RSM}}}before"
INDEX = f"{{{RSM}}}index"
MAX = f"{{{RSM}}}max"

# More digits than any limit has; beyond them a number is only large.
_LONGEST = 9


class Paging(NamedTuple):
    """The page that is wanted: `max` items at most, those that follow `after` or those that precede `before` directly.

    `before` "" stands for the end: the last page (§2.5). Both ids: what lies between them, its end first.
    """

    max: int
    after: str | None = None
    before: str | None = None

    @property
    def backwards(self) -> bool:
        """Whether, of more than `max` items, the last are wanted and not the first."""
        return self.before is not None

    @property
    def known(self) -> tuple[str, ...]:
        """The ids that the page begins or ends at."""
        return tuple(id for id in (self.after, self.before) if id)

    @classmethod
    def read(cls, query: Element, most: int) -> Self:
        """What the <set/> in a query asks for, of `most` items at most; without one, the first page of as many.

        Raises StanzaError: bad-request for what is no number, feature-not-implemented for a page by its index (§2.6).
        """
        asked = query.find(SET)
        if asked is None:
            return cls(most)
        if asked.find(INDEX) is not None:
            raise StanzaError("feature-not-implemented", "pages are found by the ids of items, not by an index")
        return cls(
            min(_number(asked.findtext(MAX)), most) if asked.find(MAX) is not None else most,
            asked.findtext(AFTER) or None,
            asked.findtext(BEFORE),
        )


def page(first: str | None = None, last: str | None = None, count: int | None = None) -> Element:
    """The <set/> of an answer: the ids of the first and the last item, None for an empty page; how many there are."""
    made = element(SET)
    if first is not None and last is not None:
        made.append(element(f"{{{RSM}}}first", first))
        made.append(element(f"{{{RSM}}}last", last))
    if count is not None:
        made.append(element(f"{{{RSM}}}count", str(count)))
    return made


def _number(text: str | None) -> int:
    digits = (text or "").strip()
    if re.fullmatch("[0-9]+", digits) is None:
        raise StanzaError("bad-request", "max has to be a number")
    return int(digits[-_LONGEST:]) if len(digits.lstrip("0")) <= _LONGEST else 10**_LONGEST
