"""Storage in an SQL database, through one writer or a few: an owner always has the same one."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import URL, Connection

from actors.storage import backups, statements
from actors.storage.check import flaws
from actors.storage.codec import Codec
from actors.storage.ends import Ends
from actors.storage.engine import Engine
from actors.storage.shapes import Archive, Blobs, Map, Record, Storage
from actors.storage.shelf import Shelf, lane
from actors.storage.sqlarchive import SqlArchive
from actors.storage.stamp import Stamps
from actors.storage.tables import item, record
from actors.storage.thread import aside
from actors.storage.writer import Job, Step, Writer

NAMED = 20
"""Where changes are lost at the end, so many stores and owners are named."""

log = logging.getLogger(__name__)

D = TypeVar("D")


class SqlStorage(Storage):
    """Survives the process: whoever was told that something is stored finds it again."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url
        self._stamps = Stamps()
        self._ends: dict[int, Ends] = {}
        self._writers: list[Writer] = []
        try:
            for _ in range(engine.LANES):
                self._writers.append(Writer(lambda: engine.connect(url)))
        except BaseException:
            self.close()
            raise

    def _open(self, name: str, shape: type[Any], codec: Codec[Any]) -> Any:
        shelf = Shelf(self._writers, name)
        if shape is Record:
            return SqlRecord(shelf, codec)
        if shape is Map:
            return SqlMap(shelf, codec)
        if shape is Archive:
            ends = self._ends.setdefault(shelf.number, Ends(shelf))
            return SqlArchive(shelf, codec, self._stamps, self._engine.APPEND, ends)
        return SqlBlobs(shelf)

    def glance(self, owner: str, stores: Sequence[Any]) -> list[Any]:
        statement = statements.glance(tuple(store.place for store in stores))
        found: list[dict[str, str]] = [{} for _ in stores]
        for index, key, doc in lane(self._writers, owner).run(Job((Step(statement, {"owner": owner}),), owner=owner)):
            found[index][key] = doc
        return [store.glanced(owner, docs) for store, docs in zip(stores, found, strict=True)]

    def rehearse(self) -> None:
        # The text of a statement is made when it is first run, which takes up to ten times as long as to run it.
        for writer in self._writers:
            for statement, asked in statements.early():
                writer.begin(Job((Step(statement, asked),)))

    def forget(self, owner: str) -> None:
        steps = [Step(statement, {"owner": owner}) for statement in statements.FORGET]
        writer = lane(self._writers, owner)
        writer.make_room()
        for ends in self._ends.values():
            ends.forget(owner)
        writer.run(Job(steps, owner=owner))

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

        # So nothing more is listed; and what has been begun ends before.
        for ends in self._ends.values():
            ends.forget_all()
        for writer in self._writers:
            writer.run(Job((Step(statements.NOTHING, {}),)))
        self._writers[0].alone(work)
        for ends in self._ends.values():
            ends.forget_all()

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
    def __init__(self, shelf: Shelf, codec: Codec[D]) -> None:
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
    def __init__(self, shelf: Shelf, codec: Codec[D]) -> None:
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


class SqlBlobs(Blobs):
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def get(self, key: str) -> bytes | None:
        found = self._shelf.run(None, Step(statements.GET_BLOB, self._shelf.row(key=key)))
        return found[0].data if found else None

    def put(self, key: str, data: bytes) -> None:
        self._shelf.run(None, Step(statements.PUT_BLOB, [self._shelf.row(key=key, data=data)]))

    def delete(self, key: str) -> None:
        self._shelf.run(None, Step(statements.DELETE_BLOB, [self._shelf.row(key=key)]))
