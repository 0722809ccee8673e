"""Reports of spam and abuse (XEP-0377), kept for those who run the server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from actors.storage import Archive, Entry, Storage
from net.xmpp.jid import JID
from net.xmpp.xml import Element

REPORTING = "urn:xmpp:reporting:1"
REPORT = f"{{{REPORTING}}}report"
TEXT = f"{{{REPORTING}}}text"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"

# Of one report: characters of each of its texts, and messages that it points to.
LONGEST = 1000
MOST_MESSAGES = 20


class Report(msgspec.Struct, frozen=True):
    """What `reporter` has to say about an account. `messages`: the ids, as in XEP-0359, of those complained of."""

    reporter: str
    reason: str
    text: str
    messages: tuple[str, ...]

    @staticmethod
    def read(report: Element, reporter: JID) -> Report:
        """What a <report/> says, cut where it is too long (§4, §6)."""
        pointed = [node.get("id", "")[:LONGEST] for node in report.iterfind(STANZA_ID)]
        reason, text = report.get("reason", ""), report.findtext(TEXT) or ""
        return Report(str(reporter), reason[:LONGEST], text.strip()[:LONGEST], tuple(pointed[:MOST_MESSAGES]))


class Kept(NamedTuple):
    """A report with its id, when it came (UTC seconds), and whom it is about."""

    id: str
    when: float
    reported: str
    report: Report


class Reports:
    """The reports made by the users of one domain."""

    def __init__(self, storage: Storage, domain: JID) -> None:
        self._archive = storage.store("reports", Archive)
        self._domain = domain

    def keep(self, reported: JID, report: Report, now: float, *, most: int) -> bool:
        """Stores one; False if there are as many as `most` already: what nobody reads shall not pile up."""
        return self._archive.append_within(self._domain, Entry(now, reported, report), most) is not None

    def __iter__(self) -> Iterator[Kept]:
        for id, entry in self._archive.page(self._domain, limit=sys.maxsize):
            yield Kept(id, entry.when, entry.peer, msgspec.convert(entry.doc, Report))

    def remove(self, id: str) -> bool:
        """Forgets one; whether it was there."""
        there = bool(self._archive.page(self._domain, ids=[id], limit=1))
        self._archive.delete(self._domain, [id])
        return there
