"""Where an actor's state sleeps: four shapes, each over memory or a database."""

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from actors.storage.errors import StorageClosed, StorageError
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
]


def open_storage(url: str) -> Storage:
    """The storage at `memory:` or `sqlite:///PATH`. A missing file or folder is made, an old schema is migrated.

    StorageError, with the reason, if it cannot be opened.
    """
    if url == "memory:":
        return MemoryStorage()
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Its text would quote the URL, which may hold a password.
        raise StorageError("not a storage URL") from None
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise StorageError(f"cannot open {parsed.render_as_string()}: need memory: or sqlite:///PATH")
    return SqlStorage(parsed)
