"""Archives in an SQL database."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Unpack

from gevent.event import AsyncResult

from actors.storage import statements, tables
from actors.storage.codec import Codec
from actors.storage.ends import End, Ends
from actors.storage.insertion import Insertion
from actors.storage.peers import peer_key
from actors.storage.shapes import Archive, Document, Entry, Extent, Page, Prepared, Words
from actors.storage.shelf import Shelf
from actors.storage.stamp import Stamps, moment, packed, place, span
from actors.storage.words import known
from actors.storage.words import wanted as matching
from actors.storage.writer import Step

EVERYTHING = 1 << 62
"""More than there can be."""


class SqlArchive(Archive):
    """Of many archives in one database: they share `stamps` and, those of one store, `ends`."""

    def __init__(self, shelf: Shelf, codec: Codec[Document], stamps: Stamps, append: Insertion, ends: Ends) -> None:
        self._append = append
        self._shelf = shelf
        self._codec = codec
        self._stamps = stamps
        self._ends = ends
        self.place = tables.entry, shelf.number

    def glanced(self, _owner: str, docs: dict[str, str]) -> bool:
        """Whether `Storage.glance` has read of an entry that is waiting."""
        return bool(docs)

    def prepare(self, owner: str, entry: Entry) -> Prepared:
        doc = self._codec.encode(owner, entry.doc)
        id = self._stamps.next(entry.when)
        peer, part = entry.peer, entry.part
        columns = peer_key(peer), peer_key(part), peer, part, doc, entry.waiting, entry.receipt
        return Prepared(id.hex(), (len(doc.encode()), id, *columns))

    def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
        end = AsyncResult()
        self.put_soon(owner, prepared, end.set)
        fault = end.get()
        if fault is not None:
            raise fault

    def put_soon(self, owner: str, prepared: Sequence[Prepared], then: Callable[[Exception | None], None]) -> None:
        def ended(outcome: Any) -> None:
            fault = outcome if isinstance(outcome, Exception) else None
            if fault is None:
                self._ends.list_soon(owner)
            else:
                self._ends.forget(owner)
            then(fault)

        try:
            end = self._ends.of(owner)
            rows = end.add([each.row for each in prepared])
            steps = [Step(self._append, rows)]
            if late := _stragglers(end, rows):
                steps.append(Step(statements.LIST_ONE, late))
            self._shelf.begin(owner, ended, *steps)
        except Exception as fault:
            ended(fault)

    def append_within(self, owner: str, entry: Entry, at_most: int) -> str | None:
        prepared = self.prepare(owner, entry)
        end = self._ends.of(owner)
        [row] = end.add([prepared.row])
        # Who knows whether there is one more.
        self._ends.forget(owner)
        asked = dict(zip(tables.entry.c.keys(), row, strict=True))
        append = Step(statements.APPEND_WITHIN, asked | {"at_most": at_most})
        # Each step says whether it has added a row.
        added = self._shelf.run(owner, append, *(Step(statements.LIST_ONE, one) for one in _stragglers(end, [row])))
        return prepared.id if added else None

    def page(self, owner: str, **wanted: Unpack[Page]) -> list[tuple[str, Entry]]:
        lower, upper = span(wanted)
        peer, part, ids = wanted.get("peer"), wanted.get("part"), wanted.get("ids")
        words = wanted.get("words")
        if words is not None and not words:
            return []  # a search for nothing is an error of FTS5's
        backwards = wanted.get("backwards", False)
        statement = statements.page(
            backwards=backwards,
            by_peer=peer is not None,
            by_part=bool(part),
            by_id=ids is not None,
            waiting=wanted.get("waiting", False),
            by_word=words is not None,
        )
        limit = max(wanted["limit"], 0)
        asked = self._shelf.row(owner=owner, lower=place(lower), upper=place(upper), limit=limit)
        if peer is not None:
            asked |= {"peer": peer, "peer_key": peer_key(peer)}
        if part:
            asked |= {"part": part, "part_key": peer_key(part)}
        if ids is not None:
            asked["ids"] = _packed(ids)
        if words is not None:
            asked["words"] = matching(self._shelf.number, owner, words)
        rows = self._shelf.run(owner, Step(statement, asked))
        found = [
            (id := raw.hex(), Entry(moment(id), peer, self._codec.decode(owner, doc), part, waiting, receipt))
            for raw, peer, doc, part, waiting, receipt in rows
        ]
        return found[::-1] if backwards else found

    def extent(self, owner: str) -> Extent | None:
        rows = self._shelf.run(owner, Step(statements.EXTENT, self._shelf.row(owner=owner)))
        if not rows:
            return None
        first, last = rows
        entries, size = last.number - first.number + 1, last.total - first.total + len(first.doc.encode())
        since, until = first.id.hex(), last.id.hex()
        return Extent(entries, size, since, moment(since), until, moment(until))

    def owners(self) -> Iterator[str]:
        after = ""
        while found := self._shelf.run(None, Step(statements.NEXT_OWNER, self._shelf.row(after=after))):
            after = found[0].owner
            yield after

    def wait(self, owner: str, ids: Collection[str], waiting: bool) -> None:
        rows = [self._that(owner, key) | {"waiting": waiting} for key in _packed(ids)]
        if rows:
            self._shelf.run(owner, Step(statements.WAIT, rows))

    def replace(self, owner: str, id: str, doc: Document) -> None:
        new = self._codec.encode(owner, doc)
        for key in _packed([id]):
            replace = Step(statements.REPLACE, [self._that(owner, key) | {"doc": new}])
            self._shelf.run(owner, replace, Step(statements.FORGET_WORDS, [self._shelf.row(owner=owner, id=key)]))

    def index(self, owner: str, words: Mapping[str, Words]) -> None:
        rows = [
            self._that(owner, key)
            | {"doc": self._codec.encode(owner, doc), "known": known(self._shelf.number, owner, some)}
            for id, (doc, some) in words.items()
            for key in _packed([id])
        ]
        if rows:
            self._shelf.run(owner, Step(statements.INDEX, rows))

    def indexed(self, owner: str) -> str | None:
        found = self._shelf.run(owner, Step(statements.INDEXED, self._shelf.row(owner=owner)))
        return found[0].id.hex() if found else None

    def _that(self, owner: str, id: bytes) -> dict[str, Any]:
        return {"in_store": self._shelf.number, "of_owner": owner, "key": id}

    def delete(self, owner: str, ids: Collection[str]) -> None:
        rows = [self._shelf.row(owner=owner, id=key) for key in _packed(ids)]
        if rows:
            self._shelf.lane(owner).make_room()
            self._ends.forget(owner)
            self._shelf.run(owner, Step(statements.DELETE_ENTRY, rows))

    def trim(
        self, owner: str, *, before: float = 0, entries: int | None = None, bytes: int | None = None, limit: int
    ) -> int:
        lower, _ = span({"start": before, "limit": 0})
        asked = self._shelf.row(
            owner=owner,
            lower=place(lower),
            entries=EVERYTHING if entries is None else entries,
            bytes=EVERYTHING if bytes is None else bytes,
            limit=max(limit, 0),
        )
        removed: int = self._shelf.run(owner, Step(statements.TRIM, asked))
        return removed


def _packed(ids: Iterable[str]) -> list[bytes]:
    """Those that are ids."""
    return [key for id in ids if (key := packed(id)) is not None]


def _stragglers(end: End, rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Which of these have to be listed by peer at once, since they belong where all others are listed."""
    return [{"archive": row[0], "id": row[1]} for row in rows if row[1] <= end.listed]
