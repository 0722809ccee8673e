"""Where an actor's state sleeps: four shapes, each over memory or a database."""

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from actors.storage import sqlite
from actors.storage.errors import StorageClosed, StorageError, public
from actors.storage.memory import MemoryStorage
from actors.storage.shapes import Archive, Blobs, Document, Entry, Map, Page, Record, Storage
from actors.storage.sql import SqlStorage

__all__ = [
    "Archive",
    "Blobs",
    "Document",
    "Entry",
    "Map",
    "Page",
    "Record",
    "Storage",
    "StorageClosed",
    "StorageError",
    "open_storage",
    "public",
]


def open_storage(url: str) -> Storage:
    """The storage at `memory:`, `sqlite:///PATH` or `postgresql://USER@HOST/NAME`.

    A missing SQLite file or folder is made, an old schema is migrated. StorageError, with the reason, if it cannot be
    opened.
    """
    if url == "memory:":
        return MemoryStorage()
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Its text would quote the URL, which may hold a password.
        raise StorageError("not a storage URL") from None
    if parsed.drivername == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return SqlStorage(sqlite, parsed)
    if parsed.drivername == "postgresql":
        from actors.storage import postgres  # noqa: PLC0415 - 9 MB of memory that a server with SQLite can do without

        return SqlStorage(postgres, parsed)
    raise StorageError(f"cannot open {public(url)}: need memory:, sqlite:///PATH or postgresql://USER@HOST/NAME")
