"""Where an actor's state sleeps: four shapes, each over memory or a database."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from actors.storage import schema, sqlite
from actors.storage.engine import Engine
from actors.storage.errors import StorageClosed, StorageError, public, reason
from actors.storage.memory import MemoryStorage
from actors.storage.schema import State as SchemaState
from actors.storage.shapes import Archive, Blobs, Document, Entry, Extent, Map, Page, Prepared, Record, Storage, Words
from actors.storage.sql import SqlStorage
from actors.storage.stamp import moment
from actors.storage.thread import aside
from actors.storage.together import together

__all__ = [
    "Archive",
    "Blobs",
    "Document",
    "Entry",
    "Extent",
    "Map",
    "Page",
    "Prepared",
    "Record",
    "SchemaState",
    "Storage",
    "StorageClosed",
    "StorageError",
    "Words",
    "examine",
    "moment",
    "open_storage",
    "public",
    "together",
]


def open_storage(url: str) -> Storage:
    """The storage at `memory:`, `sqlite:///PATH` or `postgresql://USER@HOST/NAME`.

    A missing SQLite file or folder is made, an old schema is migrated. StorageError, with the reason, if it cannot be
    opened.
    """
    if url == "memory:":
        return MemoryStorage()
    return SqlStorage(*_engine(url))


def examine(url: str) -> SchemaState:
    """How the tables at this URL are, which are only looked at. StorageError, with the reason, if they cannot be."""
    if url == "memory:":
        return "current"
    engine, parsed = _engine(url)
    if engine is sqlite:
        path = Path(parsed.database or "")
        with sqlite.opening(path):
            if not path.exists():
                return "none"
    (state,) = aside(_look(engine, parsed))
    return state


def _look(engine: Engine, url: URL) -> Generator[SchemaState, None, None]:
    try:
        with closing(engine.snapshot(url)) as snapshot:
            yield schema.state(snapshot)
    except DBAPIError as error:
        raise StorageError(f"cannot read {public(url)}: {reason(error)}") from error


def _engine(url: str) -> tuple[Engine, URL]:
    """What is at this URL, by the module that speaks to it. Raises StorageError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Its text would quote the URL, which may hold a password.
        raise StorageError("not a storage URL") from None
    if parsed.drivername == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return sqlite, parsed
    if parsed.drivername == "postgresql":
        from actors.storage import postgres  # noqa: PLC0415 - 9 MB of memory that a server with SQLite can do without

        return postgres, parsed
    raise StorageError(f"cannot open {public(url)}: need memory:, sqlite:///PATH or postgresql://USER@HOST/NAME")
