"""The tables: one for each shape, what finds entries of archives, and the catalogues that give every store, and every
owner's archive in one, a small number to stand for it."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.dialects import postgresql

metadata = MetaData()

Name = Text().with_variant(Text(collation="C"), "postgresql")
"""Sorted by code points, as SQLite does anyway and a language does not."""


def _of_store() -> Column[Any]:
    return Column("store", Integer, ForeignKey("store.id"), primary_key=True)


store = Table(
    "store",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
)

record = Table(
    "record",
    metadata,
    _of_store(),
    Column("owner", Name, primary_key=True),
    Column("doc", Text, nullable=False),
)

item = Table(
    "item",
    metadata,
    _of_store(),
    Column("owner", Name, primary_key=True),
    Column("key", Name, primary_key=True),
    Column("doc", Text, nullable=False),
)

archive = Table(
    "archive",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("store", Integer, ForeignKey("store.id"), nullable=False),
    Column("owner", Name, nullable=False),
    # The entries up to this id are in `listing`.
    Column("listed", LargeBinary, nullable=False),
    UniqueConstraint("store", "owner"),
    sqlite_autoincrement=True,  # no number comes again: somebody may still hold it
)
"""What one owner has in one store, with a small number to stand for the two."""

entry = Table(
    "entry",
    metadata,
    # All of it is in the index of the key, which so tells what is whose without a look at the rows.
    Column("archive", Integer, ForeignKey("archive.id"), primary_key=True),
    Column("id", LargeBinary, primary_key=True),
    Column("peer_key", BigInteger, primary_key=True),
    Column("part_key", BigInteger, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("doc", Text, nullable=False),
    Column("waiting", Boolean, nullable=False),
    Column("receipt", Text, nullable=False),
    # How many entries the owner has had until now, this one included, and how many bytes of documents: the difference
    # of two of them says what lies between, however much that is.
    Column("number", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
)
WAITS = entry.c.waiting.is_(true())
Index("entry_waiting", entry.c.archive, entry.c.id, sqlite_where=WAITS, postgresql_where=WAITS)

# What finds entries by peer. It is written many rows at a time, which an index of `entry` could not be. Here and in
# `sought` triggers delete what is no entry any more; the migration makes them.
listing = Table(
    "listing",
    metadata,
    Column("archive", Integer, ForeignKey("archive.id"), primary_key=True),
    Column("peer_key", BigInteger, primary_key=True),
    Column("id", LargeBinary, primary_key=True),
    Column("part_key", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

# What finds entries by words: those of owners who have searched. Beside it SQLite has an FTS5 table of the words,
# filled by triggers, and PostgreSQL an index of them; the migration makes both.
sought = Table(
    "sought",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("archive", Integer, ForeignKey("archive.id"), nullable=False),
    Column("id", LargeBinary, nullable=False),
    Column("words", Text, nullable=False),
    UniqueConstraint("archive", "id"),
)

blob = Table(
    "blob",
    metadata,
    _of_store(),
    Column("key", Name, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

OF_STORES = (record, item, blob)
"""Whose rows name their store, and have nothing to do with archives."""


def upsert(table: Table) -> Insert:
    """Insert a row, or replace what is not the key of the one there. PostgreSQL's words for it are SQLite's too."""
    insert = postgresql.insert(table)
    keys = list(table.primary_key)
    rest = {column.name: insert.excluded[column.name] for column in table.columns if column not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)
