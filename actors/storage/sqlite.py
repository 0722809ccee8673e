"""The one connection to an SQLite file: made as it must be, with the newest schema."""

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from actors.storage.errors import StorageError

PATIENCE = 5.0
"""Seconds to wait while another process holds the file."""


def connect(url: URL) -> Connection:
    """Open the file that `url` names, making it and its folder if need be, and bring its schema up to date.

    StorageError, with the reason, if that cannot be done.
    """
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # SQLite would let everybody read it, and gives its side files the same mode
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        engine.dialect.use_insertmanyvalues_wo_returning = True
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        connection = engine.connect()
        try:
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
    except (OSError, DBAPIError, sqlite3.Error, CommandError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise StorageError(f"cannot open {path}: {reason}") from error
    return connection


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    # Broken text is left to the codec: the driver's own complaint would quote it.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    for pragma in (
        f"busy_timeout = {PATIENCE * 1000:.0f}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # Taking the write lock later, after a read, could fail without waiting for it.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    with connection.begin():
        command.upgrade(config, "head")
