"""Storage in an SQL database, through one writer or a few: an owner always has the same one."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar, Unpack

from sqlalchemy import URL, Connection, Select

from actors.storage import backups, statements, tables
from actors.storage.check import flaws
from actors.storage.codec import Codec
from actors.storage.engine import Engine
from actors.storage.errors import StorageError
from actors.storage.insertion import Insertion
from actors.storage.shapes import Archive, Blobs, Document, Entry, Extent, Map, Page, Prepared, Record, Storage, Words
from actors.storage.stamp import Stamps, span
from actors.storage.tables import item, record
from actors.storage.thread import aside
from actors.storage.words import known
from actors.storage.words import wanted as matching
from actors.storage.writer import Job, Step, Writer

OWNERS_AT_A_TIME = 500

NAMED = 20
"""Where changes are lost at the end, so many stores and owners are named."""

ENDS_AT_MOST = 10_000
"""Of so many owners an archive remembers where it ends."""

EVERYTHING = 1 << 62
"""More than there can be."""

log = logging.getLogger(__name__)

D = TypeVar("D")


def lane(writers: list[Writer], owner: str | None) -> Writer:
    """Whose queue a job of that owner, or of none, goes through."""
    return writers[hash(owner) % len(writers)]


class _Shelf:
    """One store's place in the tables."""

    def __init__(self, writers: list[Writer], name: str) -> None:
        self._writers = writers
        self._name = name
        key = {"name": name}
        steps = (Step(statements.ADD_STORE, key), Step(statements.GET_STORE, key))
        self.number: int = self.run(None, *steps)[0].id

    def row(self, **columns: Any) -> dict[str, Any]:
        return {"store": self.number, **columns}

    def run(self, owner: str | None, *steps: Step) -> Any:
        return lane(self._writers, owner).run(Job(steps, self._name, owner))

    def begin(self, owner: str, then: Callable[[Any], None], *steps: Step) -> None:
        lane(self._writers, owner).begin(Job(steps, self._name, owner), then)

    def owners(self, statement: Select[Any], suffix: str) -> Iterator[str]:
        after = ""
        while True:
            asked = self.row(after=after, suffix=suffix, length=len(suffix), limit=OWNERS_AT_A_TIME)
            found = self.run(None, Step(statement, asked))
            yield from (row.owner for row in found)
            if len(found) < OWNERS_AT_A_TIME:
                return
            after = found[-1].owner


class SqlStorage(Storage):
    """Survives the process: whoever was told that something is stored finds it again."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url
        self._stamps = Stamps()
        self._writers: list[Writer] = []
        try:
            for _ in range(engine.LANES):
                self._writers.append(Writer(lambda: engine.connect(url)))
        except BaseException:
            self.close()
            raise

    def _open(self, name: str, shape: type[Any], codec: Codec[Any]) -> Any:
        shelf = _Shelf(self._writers, name)
        if shape is Record:
            return SqlRecord(shelf, codec)
        if shape is Map:
            return SqlMap(shelf, codec)
        if shape is Archive:
            return SqlArchive(shelf, codec, self._stamps, self._engine.APPEND)
        return SqlBlobs(shelf)

    def glance(self, owner: str, stores: Sequence[Any]) -> list[Any]:
        statement = statements.glance(tuple(store.place for store in stores))
        found: list[dict[str, str]] = [{} for _ in stores]
        for index, key, doc in lane(self._writers, owner).run(Job((Step(statement, {"owner": owner}),), owner=owner)):
            found[index][key] = doc
        return [store.glanced(owner, docs) for store, docs in zip(stores, found, strict=True)]

    def forget(self, owner: str) -> None:
        steps = [Step(statement, {"owner": owner}) for statement in statements.FORGET]
        lane(self._writers, owner).run(Job(steps, owner=owner))

    def check(self) -> list[str]:
        return list(chain.from_iterable(aside(flaws(self._engine, self._url))))

    def vacuum(self) -> None:
        self._engine.vacuum(self._url, self._writers[0])

    def backup(self, path: Path) -> None:
        with backups.appearing(path) as part:
            aside(self._engine.backup(self._url, part))

    def restore(self, path: Path) -> None:
        def work(connection: Connection) -> None:
            with backups.read(path) as backup, connection.begin():
                for _ in backups.copy(backup, connection):
                    pass

        self._writers[0].alone(work)

    def close(self, seconds: float | None = None) -> None:
        ends = None if seconds is None else monotonic() + seconds
        left = [
            job
            for writer in self._writers
            for job in writer.close(None if ends is None else max(0.0, ends - monotonic()))
            if job.changes
        ]
        if left:
            named = sorted({" of ".join(filter(None, (job.store, job.owner))) for job in left})
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            log.error("%d changes were not stored in time: %s%s", len(left), ", ".join(named[:NAMED]), more)


class SqlRecord(Record[D]):
    def __init__(self, shelf: _Shelf, codec: Codec[D]) -> None:
        self._shelf = shelf
        self._codec = codec
        self.place = record, shelf.number

    def glanced(self, owner: str, docs: dict[str, str]) -> D | None:
        """What `get` would return, made of what `Storage.glance` has read."""
        return self._codec.decode(owner, docs[""]) if docs else None

    def get(self, owner: str) -> D | None:
        found = self._shelf.run(owner, Step(statements.GET_RECORD, self._shelf.row(owner=owner)))
        return self._codec.decode(owner, found[0].doc) if found else None

    def put(self, owner: str, doc: D | None) -> None:
        row = self._shelf.row(owner=owner)
        if doc is None:
            self._shelf.run(owner, Step(statements.DELETE_RECORD, [row]))
        else:
            self._shelf.run(owner, Step(statements.PUT_RECORD, [row | {"doc": self._codec.encode(owner, doc)}]))

    def owners(self, *, suffix: str = "") -> Iterator[str]:
        return self._shelf.owners(statements.RECORD_OWNERS, suffix)

    def count_owners(self, *, suffix: str = "") -> int:
        asked = self._shelf.row(suffix=suffix, length=len(suffix))
        number: int = self._shelf.run(None, Step(statements.COUNT_RECORD_OWNERS, asked))[0][0]
        return number


class SqlMap(Map[D]):
    def __init__(self, shelf: _Shelf, codec: Codec[D]) -> None:
        self._shelf = shelf
        self._codec = codec
        self.place = item, shelf.number

    def glanced(self, owner: str, docs: dict[str, str]) -> dict[str, D]:
        """What `items` would return, made of what `Storage.glance` has read."""
        return {key: self._codec.decode(owner, docs[key]) for key in sorted(docs)}

    def get(self, owner: str, key: str) -> D | None:
        found = self._shelf.run(owner, Step(statements.GET_ITEM, self._shelf.row(owner=owner, key=key)))
        return self._codec.decode(owner, found[0].doc) if found else None

    def items(self, owner: str) -> dict[str, D]:
        found = self._shelf.run(owner, Step(statements.GET_ITEMS, self._shelf.row(owner=owner)))
        return {row.key: self._codec.decode(owner, row.doc) for row in found}

    def change(self, owner: str, changes: Mapping[str, D | None]) -> None:
        gone, put = [], []
        for key, doc in changes.items():
            row = self._shelf.row(owner=owner, key=key)
            if doc is None:
                gone.append(row)
            else:
                put.append(row | {"doc": self._codec.encode(owner, doc)})
        wanted = (Step(statements.DELETE_ITEM, gone), Step(statements.PUT_ITEM, put))
        if steps := [step for step in wanted if step.parameters]:
            self._shelf.run(owner, *steps)

    def owners(self, *, suffix: str = "") -> Iterator[str]:
        return self._shelf.owners(statements.ITEM_OWNERS, suffix)


class SqlArchive(Archive):
    def __init__(self, shelf: _Shelf, codec: Codec[Document], stamps: Stamps, append: Insertion) -> None:
        self._append = append
        self._shelf = shelf
        self._codec = codec
        self._stamps = stamps
        self._ends: dict[str, tuple[int, int]] = {}
        self.place = tables.entry, shelf.number

    def glanced(self, _owner: str, docs: dict[str, str]) -> bool:
        """Whether `Storage.glance` has read of an entry that is waiting."""
        return bool(docs)

    def prepare(self, owner: str, entry: Entry) -> Prepared:
        doc = self._codec.encode(owner, entry.doc)
        key = self._stamps.next(entry.when)
        row = self._shelf.number, owner, key, entry.when, entry.peer, doc, entry.part, entry.waiting, entry.receipt
        return Prepared(key, (row, len(doc.encode())))

    def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
        rows = [self._numbered(owner, *each.row) for each in prepared]
        try:
            self._shelf.run(owner, Step(self._append, rows))
        except StorageError:
            self._ends.pop(owner, None)
            raise

    def put_soon(self, owner: str, prepared: Sequence[Prepared], then: Callable[[Exception | None], None]) -> None:
        def ended(outcome: Any) -> None:
            fault = outcome if isinstance(outcome, Exception) else None
            if fault is not None:
                self._ends.pop(owner, None)
            then(fault)

        try:
            rows = [self._numbered(owner, *each.row) for each in prepared]
            self._shelf.begin(owner, ended, Step(self._append, rows))
        except Exception as fault:
            ended(fault)

    def append_within(self, owner: str, entry: Entry, at_most: int) -> str | None:
        prepared = self.prepare(owner, entry)
        row = dict(zip(tables.entry.c.keys(), self._numbered(owner, *prepared.row), strict=True))
        self._ends.pop(owner)
        added = self._shelf.run(owner, Step(statements.APPEND_WITHIN, row | {"at_most": at_most}))
        return prepared.id if added else None

    def _numbered(self, owner: str, row: tuple[Any, ...], size: int) -> tuple[Any, ...]:
        """The columns of `tables.entry`, in their order."""
        return row + self._next(owner, size)

    def _next(self, owner: str, size: int) -> tuple[int, int]:
        """The number of the owner's next entry, and the bytes up to its end."""
        end = self._ends.get(owner)
        if end is None:
            rows = self._shelf.run(owner, Step(statements.NEWEST, self._shelf.row(owner=owner)))
            if len(self._ends) >= ENDS_AT_MOST:
                self._ends.clear()
            # Meanwhile somebody else may have appended.
            end = self._ends.get(owner) or ((rows[0].number, rows[0].total) if rows else (0, 0))
        end = self._ends[owner] = end[0] + 1, end[1] + size
        return end

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
        asked = self._shelf.row(owner=owner, lower=lower, upper=upper, limit=max(wanted["limit"], 0))
        if peer is not None:
            asked["peer"] = peer
        if part:
            asked["part"] = part
        if ids is not None:
            asked["ids"] = list(ids)
        if words is not None:
            asked["words"] = matching(self._shelf.number, owner, words)
        rows = self._shelf.run(owner, Step(statement, asked))
        found = [
            (id, Entry(at, peer, self._codec.decode(owner, doc), part, waiting, receipt))
            for id, at, peer, doc, part, waiting, receipt in rows
        ]
        return found[::-1] if backwards else found

    def extent(self, owner: str) -> Extent | None:
        rows = self._shelf.run(owner, Step(statements.EXTENT, self._shelf.row(owner=owner)))
        if not rows:
            return None
        first, last = rows
        entries, size = last.number - first.number + 1, last.total - first.total + len(first.doc.encode())
        return Extent(entries, size, first.id, first.at, last.id, last.at)

    def owners(self) -> Iterator[str]:
        after = ""
        while found := self._shelf.run(None, Step(statements.NEXT_OWNER, self._shelf.row(after=after))):
            after = found[0].owner
            yield after

    def wait(self, owner: str, ids: Collection[str], waiting: bool) -> None:
        if ids:
            rows = [self._that(owner, key) | {"waiting": waiting} for key in ids]
            self._shelf.run(owner, Step(statements.WAIT, rows))

    def replace(self, owner: str, id: str, doc: Document) -> None:
        row = self._that(owner, id) | {"doc": self._codec.encode(owner, doc)}
        found = self._shelf.row(owner=owner, id=id)
        self._shelf.run(owner, Step(statements.REPLACE, [row]), Step(statements.FORGET_WORDS, [found]))

    def index(self, owner: str, words: Mapping[str, Words]) -> None:
        if words:
            rows = [
                self._that(owner, id)
                | {"doc": self._codec.encode(owner, doc), "known": known(self._shelf.number, owner, some)}
                for id, (doc, some) in words.items()
            ]
            self._shelf.run(owner, Step(statements.INDEX, rows))

    def indexed(self, owner: str) -> str | None:
        last: str | None = self._shelf.run(owner, Step(statements.INDEXED, self._shelf.row(owner=owner)))[0][0]
        return last

    def _that(self, owner: str, id: str) -> dict[str, Any]:
        return {"in_store": self._shelf.number, "of_owner": owner, "key": id}

    def delete(self, owner: str, ids: Collection[str]) -> None:
        if ids:
            self._ends.pop(owner, None)
            rows = [self._shelf.row(owner=owner, id=key) for key in ids]
            self._shelf.run(owner, Step(statements.DELETE_ENTRY, rows))

    def trim(
        self, owner: str, *, before: float = 0, entries: int | None = None, bytes: int | None = None, limit: int
    ) -> int:
        lower, _ = span({"start": before, "limit": 0})
        asked = self._shelf.row(
            owner=owner,
            lower=lower,
            entries=EVERYTHING if entries is None else entries,
            bytes=EVERYTHING if bytes is None else bytes,
            limit=max(limit, 0),
        )
        removed: int = self._shelf.run(owner, Step(statements.TRIM, asked))
        return removed


class SqlBlobs(Blobs):
    def __init__(self, shelf: _Shelf) -> None:
        self._shelf = shelf

    def get(self, key: str) -> bytes | None:
        found = self._shelf.run(None, Step(statements.GET_BLOB, self._shelf.row(key=key)))
        return found[0].data if found else None

    def put(self, key: str, data: bytes) -> None:
        self._shelf.run(None, Step(statements.PUT_BLOB, [self._shelf.row(key=key, data=data)]))

    def delete(self, key: str) -> None:
        self._shelf.run(None, Step(statements.DELETE_BLOB, [self._shelf.row(key=key)]))
