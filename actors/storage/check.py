"""Looking for what is broken in a database."""

from collections.abc import Generator
from contextlib import closing

from sqlalchemy import URL, exists, func, select
from sqlalchemy.exc import DBAPIError

from actors.storage.codec import Codec
from actors.storage.engine import Engine
from actors.storage.errors import StorageError, reason
from actors.storage.tables import archive, entry, item, listing, record, store

ROWS = 500
"""How many are read in one step."""

ENOUGH = 100
"""Flaws after which no more are looked for."""

_UNLISTED = (
    select(archive.c.store, archive.c.owner, func.count().label("entries"))
    .join_from(entry, archive)
    .where(
        entry.c.id <= archive.c.listed,
        ~exists().where(*(column == entry.c[column.name] for column in listing.c)),
    )
    .group_by(archive.c.store, archive.c.owner)
    .limit(ENOUGH)
)


def flaws(engine: Engine, url: URL) -> Generator[list[str], None, None]:
    """Steps that each find some flaws, or none: what the database itself says, every document that is none, and of whom
    not every entry is listed that should be.
    """
    found = 0
    try:
        with closing(engine.snapshot(url)) as snapshot:
            yield engine.flaws(snapshot)
            names = {row.id: row.name for row in snapshot.execute(select(store.c.id, store.c.name))}
            codecs = {number: Codec[object](name) for number, name in names.items()}
            for every in (
                select(record.c.store, record.c.owner, record.c.doc),
                select(item.c.store, item.c.owner, item.c.doc),
                select(archive.c.store, archive.c.owner, entry.c.doc).join_from(entry, archive),
            ):
                for rows in snapshot.execution_options(yield_per=ROWS).execute(every).partitions():
                    some = [flaw for row in rows if (flaw := _flaw(codecs.get(row.store), row.owner, row.doc))]
                    yield some
                    found += len(some)
                    if found >= ENOUGH:
                        return
            yield [
                f"store {names.get(number, number)!r}, owner {owner!r}: {entries} entries are not found by peer"
                for number, owner, entries in snapshot.execute(_UNLISTED)
            ]
    except DBAPIError as error:
        yield [reason(error)]


def _flaw(codec: Codec[object] | None, owner: str, doc: str) -> str | None:
    if codec is None:
        return None  # the database has named the row already
    try:
        codec.decode(owner, doc)
    except StorageError as error:
        return str(error)
    return None
