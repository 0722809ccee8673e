"""Storage in memory, for tests and anonymous hosts. Documents are kept encoded, so nobody shares a live object."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, Unpack

from actors.storage.codec import Codec
from actors.storage.errors import StorageClosed, StorageError
from actors.storage.shapes import Archive, Blobs, Document, Entry, Extent, Map, Page, Prepared, Record, Storage, Words
from actors.storage.stamp import Stamps, moment, span

D = TypeVar("D")
_id = attrgetter("id")


class _Row(NamedTuple):
    """An entry. `number`, `total`: how many there have been, and how many bytes, this one included."""

    id: str
    peer: str
    doc: str
    part: str
    waiting: bool
    receipt: str
    number: int
    total: int
    words: frozenset[str] | None = None


class _Shelf:
    """What one store holds, by owner (for Blobs: by id)."""

    def __init__(self) -> None:
        self._rows: dict[str, Any] = {}
        self.closed = False

    @property
    def rows(self) -> dict[str, Any]:
        if self.closed:
            raise StorageClosed
        return self._rows

    def owners(self, suffix: str) -> Iterator[str]:
        return iter(sorted(owner for owner in self.rows if owner.endswith(suffix)))


class MemoryStorage(Storage):
    """Forgets everything when it is closed."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[type[Any], str], _Shelf] = {}
        self._stamps = Stamps()
        self._closed = False

    def _open(self, name: str, shape: type[Any], codec: Codec[Any]) -> Any:
        if self._closed:
            raise StorageClosed
        shelf = self._shelves.setdefault((shape, name), _Shelf())
        if shape is Record:
            return MemoryRecord(shelf, codec)
        if shape is Map:
            return MemoryMap(shelf, codec)
        if shape is Archive:
            return MemoryArchive(shelf, codec, self._stamps)
        return MemoryBlobs(shelf)

    def glance(self, owner: str, stores: Sequence[Record[Any] | Map[Any] | Archive]) -> list[Any]:
        return [self._glance(owner, store) for store in stores]

    def _glance(self, owner: str, store: Record[Any] | Map[Any] | Archive) -> Any:
        if isinstance(store, Record):
            return store.get(owner)
        return store.items(owner) if isinstance(store, Map) else bool(store.page(owner, waiting=True, limit=1))

    def forget(self, owner: str) -> None:
        if self._closed:
            raise StorageClosed
        for (shape, _), shelf in self._shelves.items():
            if shape is not Blobs:
                shelf.rows.pop(owner, None)

    def check(self) -> list[str]:
        return []

    def vacuum(self) -> None:
        """Python does it all the time."""

    def backup(self, path: Path) -> None:
        raise StorageError("what is in memory is not to be kept")

    def restore(self, path: Path) -> None:
        raise StorageError("what is in memory is not to be kept")

    def close(self, seconds: float | None = None) -> None:
        self._closed = True
        for shelf in self._shelves.values():
            shelf.closed = True
        self._shelves.clear()


class MemoryRecord(Record[D]):
    def __init__(self, shelf: _Shelf, codec: Codec[D]) -> None:
        self._shelf = shelf
        self._codec = codec

    def get(self, owner: str) -> D | None:
        doc = self._shelf.rows.get(owner)
        return None if doc is None else self._codec.decode(owner, doc)

    def put(self, owner: str, doc: D | None) -> None:
        if doc is None:
            self._shelf.rows.pop(owner, None)
        else:
            self._shelf.rows[owner] = self._codec.encode(owner, doc)

    def owners(self, *, suffix: str = "") -> Iterator[str]:
        return self._shelf.owners(suffix)

    def count_owners(self, *, suffix: str = "") -> int:
        return sum(owner.endswith(suffix) for owner in self._shelf.rows)


class MemoryMap(Map[D]):
    def __init__(self, shelf: _Shelf, codec: Codec[D]) -> None:
        self._shelf = shelf
        self._codec = codec

    def get(self, owner: str, key: str) -> D | None:
        doc = self._shelf.rows.get(owner, {}).get(key)
        return None if doc is None else self._codec.decode(owner, doc)

    def items(self, owner: str) -> dict[str, D]:
        return {key: self._codec.decode(owner, doc) for key, doc in sorted(self._shelf.rows.get(owner, {}).items())}

    def change(self, owner: str, changes: Mapping[str, D | None]) -> None:
        rows = self._shelf.rows
        new = {key: self._codec.encode(owner, doc) for key, doc in changes.items() if doc is not None}
        kept = {key: doc for key, doc in rows.get(owner, {}).items() if key not in changes} | new
        if kept:
            rows[owner] = kept
        else:
            rows.pop(owner, None)

    def owners(self, *, suffix: str = "") -> Iterator[str]:
        return self._shelf.owners(suffix)


class MemoryArchive(Archive):
    def __init__(self, shelf: _Shelf, codec: Codec[Document], stamps: Stamps) -> None:
        self._shelf = shelf
        self._codec = codec
        self._stamps = stamps

    def prepare(self, owner: str, entry: Entry) -> Prepared:
        doc = self._codec.encode(owner, entry.doc)
        id = self._stamps.next(entry.when).hex()
        return Prepared(id, _Row(id, entry.peer, doc, entry.part, entry.waiting, entry.receipt, 0, 0))

    def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
        there = self._shelf.rows.setdefault(owner, [])
        for each in prepared:
            id, row = each.id, each.row
            place = bisect_left(there, id, key=_id)
            if place < len(there) and there[place].id == id:
                continue
            number, total = (there[-1].number, there[-1].total) if there else (0, 0)
            insort(there, row._replace(number=number + 1, total=total + len(row.doc.encode())))

    def append_within(self, owner: str, entry: Entry, at_most: int) -> str | None:
        return self.append(owner, entry) if len(self._shelf.rows.get(owner, ())) < at_most else None

    def page(self, owner: str, **wanted: Unpack[Page]) -> list[tuple[str, Entry]]:
        rows: list[_Row] = self._shelf.rows.get(owner, [])
        lower, upper = span(wanted)
        there = range(bisect_right(rows, lower, key=_id), bisect_left(rows, upper, key=_id))
        peer, part, ids = wanted.get("peer"), wanted.get("part"), wanted.get("ids")
        waiting, backwards = wanted.get("waiting", False), wanted.get("backwards", False)
        words = wanted.get("words")
        if words is not None and not words:
            return []
        fitting = (
            row
            for row in (rows[place] for place in (reversed(there) if backwards else there))
            if (peer is None or row.peer == peer)
            and (not part or row.part == part)
            and (ids is None or row.id in ids)
            and (row.waiting or not waiting)
            and (words is None or (row.words is not None and row.words.issuperset(words)))
        )
        found = [
            (
                row.id,
                Entry(moment(row.id), row.peer, self._codec.decode(owner, row.doc), row.part, row.waiting, row.receipt),
            )
            for row in islice(fitting, max(wanted["limit"], 0))
        ]
        return found[::-1] if backwards else found

    def extent(self, owner: str) -> Extent | None:
        rows = self._shelf.rows.get(owner)
        if not rows:
            return None
        first, last = rows[0], rows[-1]
        entries, size = last.number - first.number + 1, last.total - first.total + len(first.doc.encode())
        return Extent(entries, size, first.id, moment(first.id), last.id, moment(last.id))

    def owners(self) -> Iterator[str]:
        return self._shelf.owners("")

    def wait(self, owner: str, ids: Collection[str], waiting: bool) -> None:
        self._change(owner, lambda row: row._replace(waiting=waiting) if row.id in ids else row)

    def replace(self, owner: str, id: str, doc: Document) -> None:
        text = self._codec.encode(owner, doc)
        self._change(owner, lambda row: row._replace(doc=text, waiting=False, words=None) if row.id == id else row)

    def index(self, owner: str, words: Mapping[str, Words]) -> None:
        texts = {id: self._codec.encode(owner, doc) for id, (doc, _) in words.items()}

        def found(row: _Row) -> _Row:
            same = row.words is None and row.doc == texts.get(row.id)
            return row._replace(words=frozenset(words[row.id].words)) if same else row

        self._change(owner, found)

    def indexed(self, owner: str) -> str | None:
        rows: list[_Row] = self._shelf.rows.get(owner, [])
        return max((row.id for row in rows if row.words is not None), default=None)

    def delete(self, owner: str, ids: Collection[str]) -> None:
        self._change(owner, lambda row: None if row.id in ids else row)

    def _change(self, owner: str, change: Callable[[_Row], _Row | None]) -> None:
        rows = self._shelf.rows
        kept = [changed for row in rows.pop(owner, ()) if (changed := change(row)) is not None]
        if kept:
            rows[owner] = kept

    def trim(
        self, owner: str, *, before: float = 0, entries: int | None = None, bytes: int | None = None, limit: int
    ) -> int:
        rows = self._shelf.rows.get(owner, [])
        lower, _ = span({"start": before, "limit": 0})
        gone = {
            row.id
            for row in rows[: max(limit, 0)]
            if row.id < lower
            or (entries is not None and row.number <= rows[-1].number - entries)
            or (bytes is not None and row.total <= rows[-1].total - bytes)
        }
        self.delete(owner, gone)
        return len(gone)


class MemoryBlobs(Blobs):
    def __init__(self, shelf: _Shelf) -> None:
        self._shelf = shelf

    def get(self, key: str) -> bytes | None:
        data: bytes | None = self._shelf.rows.get(key)
        return data

    def put(self, key: str, data: bytes) -> None:
        self._shelf.rows[key] = data

    def delete(self, key: str) -> None:
        self._shelf.rows.pop(key, None)
