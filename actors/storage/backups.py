"""Backups: an SQLite file with all rows, whatever database they come from and go to."""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select

from actors.storage import sqlite, statements
from actors.storage.errors import StorageError
from actors.storage.schema import migrate
from actors.storage.tables import OF_STORES, archive, blob, entry, listing, store

ROWS = 500
"""How many are taken in one step; of blobs, which may be large, one."""


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """An empty file to write, which is at `path` once all of it is on the disk. StorageError if something is there.

    Whatever fails, the file is gone.
    """
    try:
        if path.exists():
            raise StorageError(f"{path} exists already")
        number, name = mkstemp(dir=path.parent, prefix=f"{path.name}.")
        os.close(number)
        part = Path(name)
        try:
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def written(path: Path) -> Iterator[Connection]:
    """The empty file at `path` as a database with the newest schema, to be filled within a transaction."""
    with sqlite.opening(path):
        connection = sqlite.opened(path)
        try:
            with connection.begin():
                migrate(connection)
                yield connection
        finally:
            connection.close()


@contextmanager
def read(path: Path) -> Iterator[Connection]:
    """The backup at `path` as if it had the newest schema; the file stays as it is. StorageError if it is no backup."""
    if not path.is_file():
        raise StorageError(f"there is no file {path}")
    with sqlite.opening(path):
        connection = sqlite.opened(path)
        try:
            found = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all()
            if not {"alembic_version", "store"}.issubset(found):
                raise StorageError(f"{path} is no backup")
            if flaws := sqlite.flaws(connection):
                raise StorageError(f"{path} is damaged: {flaws[0]}")
            migrate(connection)
            yield connection
        finally:
            connection.close()  # which undoes the migration


def copy(source: Connection, target: Connection) -> Generator[None, None, None]:
    """Put the rows of `source` in place of those of `target`, in steps.

    The stores of `target` keep their numbers: whoever has one open may go on with it.
    """
    for table in (*OF_STORES, listing, entry, archive):
        target.execute(delete(table))
    numbers = {number: _number(target, name) for number, name in source.execute(select(store.c.id, store.c.name))}
    for table in OF_STORES:
        for rows in _rows(source, table):
            target.execute(insert(table), [{**row, "store": numbers[row["store"]]} for row in rows])
            yield
    archives: dict[int, int] = {}
    for rows in _rows(source, archive):
        given = [{"store": numbers[row["store"]], "owner": row["owner"], "listed": row["listed"]} for row in rows]
        made = target.scalars(insert(archive).returning(archive.c.id, sort_by_parameter_order=True), given)
        archives.update(zip((row["id"] for row in rows), made, strict=True))
        yield
    for table in (entry, listing):
        for rows in _rows(source, table):
            target.execute(insert(table), [{**row, "archive": archives[row["archive"]]} for row in rows])
            yield


def _rows(source: Connection, table: Table) -> Iterator[Sequence[RowMapping]]:
    some = source.execution_options(yield_per=1 if table is blob else ROWS).execute(select(table))
    return some.mappings().partitions()


def _number(target: Connection, name: str) -> int:
    target.execute(statements.ADD_STORE, {"name": name})
    return int(target.execute(statements.GET_STORE, {"name": name}).scalar_one())
