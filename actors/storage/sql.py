"""Storage in an SQL database, through one writer or a few: an owner always has the same one."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar, Unpack

from gevent.event import AsyncResult
from sqlalchemy import URL, Connection, Row, Select

from actors.storage import backups, statements, tables
from actors.storage.check import flaws
from actors.storage.codec import Codec
from actors.storage.engine import Engine
from actors.storage.errors import StorageError
from actors.storage.insertion import Insertion
from actors.storage.peers import peer_key
from actors.storage.shapes import Archive, Blobs, Document, Entry, Extent, Map, Page, Prepared, Record, Storage, Words
from actors.storage.stamp import Stamps, moment, packed, place, span
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

LISTED_AT_ONCE = 64
"""So many entries of an owner are listed by peer together: that takes a write or two, where each alone would take one
for itself. Meanwhile, who looks for a peer looks through all of them."""

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

    def make_room(self, owner: str) -> None:
        lane(self._writers, owner).make_room()

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
        self._ends: dict[int, dict[str, End]] = {}
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
            ends = self._ends.setdefault(shelf.number, {})
            return SqlArchive(shelf, codec, self._stamps, self._engine.APPEND, ends)
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
        for ends in self._ends.values():
            ends.pop(owner, None)

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
        for ends in self._ends.values():
            ends.clear()

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


class End:
    """Where an archive ends once everything is done that has been queued: its number in the tables, the id and number
    of its last entry, the bytes up to there. `listed`, `unlisted`: up to where its entries are listed by peer, and how
    many are not.
    """

    __slots__ = ("archive", "id", "listed", "number", "total", "unlisted")

    def __init__(self, row: Row[Any]) -> None:
        self.archive: int = row.archive
        self.id: bytes = row.id or b""
        self.number: int = row.number or 0
        self.total: int = row.total or 0
        self.listed: bytes = row.listed
        self.unlisted: int = row.unlisted

    def add(self, id: bytes, columns: tuple[Any, ...], size: int) -> tuple[Any, ...]:
        """An entry's row, which goes into the archive after all those before; its columns are in the table's order."""
        self.id = max(self.id, id)
        self.unlisted += 1
        self.number += 1
        self.total += size
        return self.archive, id, *columns, self.number, self.total


class SqlArchive(Archive):
    """`ends`, by owner: the same for all who have that store open."""

    def __init__(
        self, shelf: _Shelf, codec: Codec[Document], stamps: Stamps, append: Insertion, ends: dict[str, End]
    ) -> None:
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
        return Prepared(id, (bytes.fromhex(id), columns, len(doc.encode())))

    def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
        end = AsyncResult()
        self.put_soon(owner, prepared, end.set)
        fault = end.get()
        if fault is not None:
            raise fault

    def put_soon(self, owner: str, prepared: Sequence[Prepared], then: Callable[[Exception | None], None]) -> None:
        def ended(outcome: Any) -> None:
            fault = outcome if isinstance(outcome, Exception) else None
            if fault is not None:
                self._ends.pop(owner, None)
            then(fault)

        try:
            end = self._end(owner)
            rows = [end.add(*each.row) for each in prepared]
            self._shelf.begin(owner, ended, Step(self._append, rows), *_stragglers(end, rows))
            if end.unlisted >= LISTED_AT_ONCE:
                self._list(owner, end)
        except Exception as fault:
            ended(fault)

    def append_within(self, owner: str, entry: Entry, at_most: int) -> str | None:
        prepared = self.prepare(owner, entry)
        end = self._end(owner)
        row = end.add(*prepared.row)
        # Who knows whether there is one more.
        del self._ends[owner]
        asked = dict(zip(tables.entry.c.keys(), row, strict=True))
        steps = *_stragglers(end, [row]), Step(statements.APPEND_WITHIN, asked | {"at_most": at_most})
        added = self._shelf.run(owner, *steps)
        return prepared.id if added else None

    def _end(self, owner: str) -> End:
        """What is queued after this, before anybody else has a turn, is queued in the order in which it was added."""
        while True:
            end = self._ends.get(owner)
            if end is None:
                asked = self._shelf.row(owner=owner)
                [row] = self._shelf.run(owner, Step(statements.ADD_ARCHIVE, asked), Step(statements.END, asked))
                if len(self._ends) >= ENDS_AT_MOST:
                    self._ends.clear()
                # Meanwhile somebody else may have appended.
                end = self._ends.setdefault(owner, End(row))
            self._shelf.make_room(owner)
            if self._ends.get(owner) is end:
                return end

    def _list(self, owner: str, end: End) -> None:
        """Has all that is queued by now listed by peer, sooner or later."""

        def ended(outcome: Any) -> None:
            if isinstance(outcome, StorageError):
                self._ends.pop(owner, None)

        asked = {"of_archive": end.archive}
        end.listed, end.unlisted = end.id, 0
        self._shelf.begin(owner, ended, Step(statements.LIST, asked), Step(statements.LISTED, asked))

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
            self._ends.pop(owner, None)
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


def _stragglers(end: End, rows: Iterable[tuple[Any, ...]]) -> list[Step]:
    """What lists those by peer that belong where all others are listed."""
    late = [dict(zip(tables.entry.c.keys(), row, strict=True)) for row in rows if row[1] <= end.listed]
    lists = [{column.name: row[column.name] for column in tables.listing.c} for row in late]
    return [Step(statements.LIST_ONE, lists)] if lists else []


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
