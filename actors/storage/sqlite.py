"""SQLite: a file, and how it has to be opened."""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic.util import CommandError
from sqlalchemy import URL, Boolean, Connection, LargeBinary, Text, create_engine, event, insert
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from actors.storage.errors import StorageError, reason
from actors.storage.insertion import Insertion
from actors.storage.schema import migrate
from actors.storage.tables import entry
from actors.storage.writer import WRITES, Writer

LANES = 1
"""One file has one writer at a time."""

# What is not exactly one of these, the driver asks each time what it would rather be (PEP 246), and that takes as long
# as to insert it. No column of an entry may be null.
EXACT = {LargeBinary: bytearray, Boolean: int, Text: str}

# The standard's words for it would have each row inserted by itself.
APPEND = Insertion(insert(entry).prefix_with("OR IGNORE"), pysqlite.dialect(paramstyle="qmark"), EXACT)

PATIENCE = 5.0
"""Seconds to wait while another process holds the file."""

FLAWS = 100
"""How many are listed."""


def connect(url: URL) -> Connection:
    """Open the file that `url` names, making it and its folder if need be, and bring its schema up to date.

    StorageError, with the reason, if that cannot be done.
    """
    path = _path(url)
    with opening(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # SQLite would let everybody read it, and gives its side files the same mode
        connection = opened(
            path,
            journal_mode="WAL",
            synchronous="FULL",
            foreign_keys="ON",
            # KiB; the default is 2,000. The ends of many archives fit in and need not be read to be written to.
            cache_size="-16000",
            # Pages, 16 MB of them: what is written again and again, as indexes are, gets into the file less often.
            wal_autocheckpoint="4000",
        )
        connection.info[WRITES] = True
        try:
            with connection.begin():
                migrate(connection)
            # An INSERT of many rows keeps aside what it would have to undo: a file for that took a third of its time.
            # Of a migration it may be as much as there is.
            _driver(connection).execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
    return connection


def snapshot(url: URL) -> Connection:
    """A connection that reads. What others write meanwhile it neither sees nor holds up."""
    path = _path(url)
    with opening(path):
        connection = opened(path)
        connection.begin()
    return connection


def flaws(snapshot: Connection) -> list[str]:
    """What SQLite finds broken in its file."""
    found = [str(line) for (line,) in snapshot.exec_driver_sql(f"PRAGMA integrity_check({FLAWS})")]
    lost = snapshot.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(FLAWS)
    return [line for line in found if line != "ok"] + [f"row {row[1]} of {row[0]} is of no {row[2]}" for row in lost]


def backup(url: URL, path: Path) -> Generator[None, None, None]:
    """One step, in C and without the interpreter lock. The backup API would start again after every write."""
    source = _path(url)
    with opening(source), closing(opened(source)) as connection:
        _driver(connection).execute("VACUUM INTO ?", [str(path)])
        yield


def vacuum(_url: URL, writer: Writer) -> None:
    """In the writer's thread, since nobody else can write meanwhile: they wait, and do not run out of patience."""

    def work(connection: Connection) -> None:
        driver = _driver(connection)
        for statement in ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
            driver.execute(statement)

    writer.alone(work)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Whatever fails within is a StorageError that names the file."""
    try:
        yield
    except (OSError, DBAPIError, sqlite3.Error, CommandError) as error:
        raise StorageError(f"cannot open {path}: {reason(error)}") from error


def opened(path: Path, **pragmas: str) -> Connection:
    """A connection to the file."""

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        # Broken text is left to the codec: the driver's own complaint would quote it.
        connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}")

    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool, hide_parameters=True)
    engine.dialect.use_insertmanyvalues_wo_returning = True
    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin)
    return engine.connect()


def _begin(connection: Connection) -> None:
    # Taking the write lock later, after a read, could fail without waiting for it.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get(WRITES) else "BEGIN")


def _path(url: URL) -> Path:
    return Path(url.database or "")


def _driver(connection: Connection) -> sqlite3.Connection:
    """For what must not be within a transaction, which SQLAlchemy would begin."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver
