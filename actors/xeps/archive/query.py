"""What of an archive somebody wants to see (XEP-0313 §4), and finding it."""

from __future__ import annotations

from typing import NamedTuple, Self

from actors.storage import Archive, Entry
from actors.xeps.archive.search import FULLTEXT, words
from net.xmpp.errors import StanzaError
from net.xmpp.forms import FIELD, FORM_TYPE, Field, Form, FormRefused, Submission, X
from net.xmpp.jid import JID
from net.xmpp.paging import Paging
from net.xmpp.stamps import read_stamp
from net.xmpp.xml import Element

NAMESPACE = "urn:xmpp:mam:2"

FORM = Form(
    NAMESPACE,
    "Search the archive",
    "Only messages that fit everything you enter are shown.",
    (
        Field("with", "jid-single", "Written to or by"),
        Field("start", label="Not before"),
        Field("end", label="Not after"),
        Field("before-id", label="Before the message with the ID"),
        Field("after-id", label="After the message with the ID"),
        Field("ids", "list-multi", "With one of the IDs", open=True),
        Field("include-groupchat", "boolean", "Also what was said in rooms"),  # which is never there
        Field(FULLTEXT, label="With all of the words"),
    ),
)
FIELDS = frozenset((FORM_TYPE, *(field.var for field in FORM.fields)))

# Words that one search may have.
MOST_SEARCHED = 20

Found = list[tuple[str, Entry]]


class Query(NamedTuple):
    """The filters and the page of one query. Times in UTC seconds. None does not narrow it, nor do no `ids`; with no
    `words`, which is what a search for signs alone looks for, nothing is found.
    """

    paging: Paging
    flipped: bool
    peer: JID | None = None
    start: float | None = None
    end: float | None = None
    before: str | None = None
    after: str | None = None
    ids: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None

    @classmethod
    def read(cls, query: Element, most: int) -> Self:
        """What a <query/> asks for, of `most` messages at most.

        Raises StanzaError: bad-request for a field that does not fit, feature-not-implemented for an unknown one
        (§4.1.5), policy-violation for more ids than a page can hold or more words than are looked for, item-not-found
        for a node (XEP-0442).
        """
        if query.get("node") is not None:
            raise StanzaError("item-not-found", "this archive has no nodes")
        entered = _entered(query.find(X))
        ids = tuple(dict.fromkeys(entered.texts("ids")))
        if len(ids) > most:
            raise StanzaError("policy-violation", f"{most} ids at most")
        searched = words(entered.text(FULLTEXT)) if entered.text(FULLTEXT) else None
        if searched is not None and len(searched) > MOST_SEARCHED:
            raise StanzaError("policy-violation", f"{MOST_SEARCHED} words at most")
        return cls(
            Paging.read(query, most),
            query.find(f"{{{NAMESPACE}}}flip-page") is not None,
            next(iter(entered.jids("with")), None),
            _time(entered, "start"),
            _time(entered, "end"),
            entered.text("before-id") or None,
            entered.text("after-id") or None,
            ids,
            None if searched is None else tuple(searched),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but the page keeps something out."""
        return self.words is not None or any(value not in (None, ()) for value in self[2:])

    def find(self, archive: Archive, owner: JID, room: int) -> tuple[Found, bool]:
        """The messages of the page, oldest first, and whether the page ends where all that fits the query does.

        No more than `room` bytes of documents, but one message at least. Raises StanzaError item-not-found where an id
        that the query names is not in the archive (§4.1.3, §4.3.2).
        """
        named = {*self.paging.known, *self.ids, *filter(None, (self.before, self.after))}
        if named and len(archive.page(owner, ids=named, limit=len(named))) < len(named):
            raise StanzaError("item-not-found", "an id is not in the archive")
        found = archive.page(
            owner,
            start=self.start,
            end=self.end,
            after=max(self.after or "", self.paging.after or ""),
            before=min(filter(None, (self.before, self.paging.before)), default=None),
            peer=self.peer.bare if self.peer is not None else None,
            part=self.peer.resource if self.peer is not None else None,
            ids=self.ids or None,
            words=self.words,
            limit=self.paging.max + 1,
            backwards=self.paging.backwards,
        )
        shown = self._fitting(found, room)
        return shown, len(shown) == len(found)

    def _fitting(self, found: Found, room: int) -> Found:
        """As much of what was found as there is room for, from where the page begins."""
        ordered = found[::-1] if self.paging.backwards else found
        shown: Found = []
        for one in ordered[: self.paging.max]:
            room -= len(one[1].doc.encode())
            if shown and room < 0:
                break
            shown.append(one)
        return shown[::-1] if self.paging.backwards else shown


def _entered(x: Element | None) -> Submission:
    if x is None:
        return Submission({})
    for field in x.iterfind(FIELD):
        if field.get("var") not in FIELDS:
            raise StanzaError("feature-not-implemented", f"there is no field {field.get('var')!r}")
    try:
        return FORM.read(x)
    except FormRefused as refused:
        raise StanzaError("bad-request", str(refused)) from None


def _time(entered: Submission, var: str) -> float | None:
    text = entered.text(var)
    if not text:
        return None
    try:
        return read_stamp(text)
    except ValueError as error:
        raise StanzaError("bad-request", f"{var}: {error}") from None
