"""The tables: one for each shape, and the catalogue that gives every store a small number to stand for its name."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
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

entry = Table(
    "entry",
    metadata,
    _of_store(),
    Column("owner", Name, primary_key=True),
    Column("id", Name, primary_key=True),
    Column("at", Float, nullable=False),
    Column("peer", Text, nullable=False),
    Column("doc", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("waiting", Boolean, nullable=False),
    Column("receipt", Text, nullable=False, server_default=""),
    # How many entries the owner has had until now, this one included, and how many bytes of documents: the difference
    # of two of them says what lies between, however much that is.
    Column("number", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
)
# The part of a peer is rarely asked for: then entries of its other parts are passed over without being read.
Index("entry_by_peer", entry.c.store, entry.c.owner, entry.c.peer, entry.c.id, entry.c.part)
WAITS = entry.c.waiting.is_(true())
Index("entry_waiting", entry.c.store, entry.c.owner, entry.c.id, sqlite_where=WAITS, postgresql_where=WAITS)

# What finds entries by words: those of owners who have searched. Beside it SQLite has an FTS5 table of the words,
# filled by triggers, and PostgreSQL an index of them; the migration makes both.
sought = Table(
    "sought",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("store", Integer, nullable=False),
    Column("owner", Name, nullable=False),
    Column("id", Name, nullable=False),
    Column("words", Text, nullable=False),
    UniqueConstraint("store", "owner", "id"),
    ForeignKeyConstraint(["store", "owner", "id"], [entry.c.store, entry.c.owner, entry.c.id], ondelete="CASCADE"),
)

blob = Table(
    "blob",
    metadata,
    _of_store(),
    Column("key", Name, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)


SHAPES = (record, item, entry, blob)


def upsert(table: Table) -> Insert:
    """Insert a row, or replace what is not the key of the one there. PostgreSQL's words for it are SQLite's too."""
    insert = postgresql.insert(table)
    keys = list(table.primary_key)
    rest = {column.name: insert.excluded[column.name] for column in table.columns if column not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)
