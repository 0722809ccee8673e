"""What a database has to offer to have `SqlStorage` above it. The modules `sqlite` and `postgres` do."""

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection

from actors.storage.insertion import Insertion
from actors.storage.writer import Writer


class Engine(Protocol):
    """Everything raises StorageError, or SQLAlchemy's DBAPIError within a connection. What has steps is for `aside`."""

    @property
    def LANES(self) -> int:  # noqa: N802 - a constant of the module
        """How many connections to write with."""

    @property
    def APPEND(self) -> Insertion:  # noqa: N802 - a constant of the module
        """Adds entries. Of those that are there already nothing changes, and that is no error."""

    def connect(self, url: URL) -> Connection:
        """A connection to write with, to a database with the newest schema."""

    def snapshot(self, url: URL) -> Connection:
        """A connection that reads, in a transaction that sees everything as it is at one moment."""

    def flaws(self, snapshot: Connection) -> list[str]:
        """What the database itself finds broken, a line each."""

    def backup(self, url: URL, path: Path) -> Generator[None, None, None]:
        """Steps that make an SQLite file with the same rows, as of one moment. The file is there already, and empty."""

    def vacuum(self, url: URL, writer: Writer) -> None:
        """Give back the room of what was deleted."""
