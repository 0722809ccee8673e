"""Every statement the SQL backend runs, made once. Parameters are named after their columns."""

from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Delete,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from actors.storage.tables import WAITS, blob, entry, item, record, sought, store, upsert
from actors.storage.words import Matches


def _row(table: Table, *names: str) -> list[Any]:
    """The condition that these columns equal the parameters of the same name."""
    return [table.c[name] == _parameter(table, name) for name in names]


def _parameter(table: Table, name: str) -> BindParameter[Any]:
    return bindparam(name, type_=table.c[name].type)


def _owners(table: Table) -> Select[Any]:
    """The next `limit` owners of a store behind `after` that end in `suffix`, which is `length` characters long.

    Not by LIKE, which would need escaping and in SQLite ignores case.
    """
    owner = table.c.owner
    return (
        select(owner)
        .distinct()
        .where(*_row(table, "store"), owner > bindparam("after"), _ending(table))
        .order_by(owner)
        .limit(bindparam("limit"))
    )


def _ending(table: Table) -> ColumnElement[bool]:
    owner = table.c.owner
    return func.substr(owner, func.length(owner) - bindparam("length") + 1) == bindparam("suffix")


ADD_STORE = insert(store).from_select(
    ["name"], select(_parameter(store, "name")).where(~exists().where(*_row(store, "name")))
)
GET_STORE = select(store.c.id).where(*_row(store, "name"))

GET_RECORD = select(record.c.doc).where(*_row(record, "store", "owner"))
PUT_RECORD = upsert(record)
DELETE_RECORD = delete(record).where(*_row(record, "store", "owner"))
RECORD_OWNERS = _owners(record)
COUNT_RECORD_OWNERS = select(func.count()).select_from(record).where(*_row(record, "store"), _ending(record))

GET_ITEM = select(item.c.doc).where(*_row(item, "store", "owner", "key"))
GET_ITEMS = select(item.c.key, item.c.doc).where(*_row(item, "store", "owner")).order_by(item.c.key)
PUT_ITEM = upsert(item)
DELETE_ITEM = delete(item).where(*_row(item, "store", "owner", "key"))
ITEM_OWNERS = _owners(item)

GET_BLOB = select(blob.c.data).where(*_row(blob, "store", "key"))
PUT_BLOB = upsert(blob)
DELETE_BLOB = delete(blob).where(*_row(blob, "store", "key"))

DELETE_ENTRY = delete(entry).where(*_row(entry, "store", "owner", "id"))

_held = select(literal(1)).where(*_row(entry, "store", "owner")).limit(bindparam("at_most")).subquery()
APPEND_WITHIN = (
    insert(entry)
    .from_select(
        [column.name for column in entry.c],
        select(*(_parameter(entry, column.name) for column in entry.c)).where(
            select(func.count()).select_from(_held).scalar_subquery() < bindparam("at_most")
        ),
    )
    .execution_options(preserve_rowcount=True)
)  # which only SQLite would keep of an INSERT

_of_owner = _row(entry, "store", "owner")
_oldest = select(entry).where(*_of_owner).order_by(entry.c.id)
NEWEST = select(entry).where(*_of_owner).order_by(entry.c.id.desc()).limit(1)
EXTENT = union_all(select(_oldest.limit(1).subquery()), select(NEWEST.subquery()))
NEXT_OWNER = (
    select(entry.c.owner)
    .where(*_row(entry, "store"), entry.c.owner > bindparam("after"))
    .order_by(entry.c.owner)
    .limit(1)
)

# What an UPDATE is given by the name of a column it sets.
_that = [entry.c.store == bindparam("in_store"), entry.c.owner == bindparam("of_owner"), entry.c.id == bindparam("key")]
WAIT = update(entry).where(*_that).values(waiting=bindparam("waiting"))
REPLACE = update(entry).where(*_that).values(doc=bindparam("doc"), waiting=False)

INDEX = insert(sought).from_select(
    ["store", "owner", "id", "words"],
    select(entry.c.store, entry.c.owner, entry.c.id, bindparam("known", type_=sought.c.words.type)).where(
        *_that,
        *_row(entry, "doc"),
        ~exists().where(sought.c.store == entry.c.store, sought.c.owner == entry.c.owner, sought.c.id == entry.c.id),
    ),
)
INDEXED = select(func.max(sought.c.id)).where(*_row(sought, "store", "owner"))
FORGET_WORDS = delete(sought).where(*_row(sought, "store", "owner", "id"))

_first = _oldest.limit(bindparam("limit")).subquery()
_last = NEWEST.subquery()
_goes = or_(
    _first.c.id < bindparam("lower"),
    _first.c.number <= select(_last.c.number).scalar_subquery() - bindparam("entries", type_=entry.c.number.type),
    _first.c.total <= select(_last.c.total).scalar_subquery() - bindparam("bytes", type_=entry.c.total.type),
)
# The owner is named once more for SQLite, which would look through everybody's entries.
TRIM = delete(entry).where(*_of_owner, entry.c.id.in_(select(_first.c.id).where(_goes)))


@cache
def glance(places: tuple[tuple[Table, int], ...]) -> CompoundSelect[Any]:
    """What these tables have of one owner under these numbers of stores: rows of index in `places`, key, document."""
    return union_all(*(_glance(index, table, number) for index, (table, number) in enumerate(places)))


def _glance(index: int, table: Table, number: int) -> Select[Any]:
    # Written into the statement, which is made once: for each more parameter, each execution takes longer.
    of_owner = table.c.store == literal_column(str(number), Integer), *_row(table, "owner")
    place, nothing = literal_column(str(index), Integer), literal_column("''", Text)
    if table is entry:
        waits = select(entry.c.id).where(*of_owner, WAITS).limit(1).subquery()
        return select(place, waits.c.id, nothing)
    return select(place, item.c.key if table is item else nothing, table.c.doc).where(*of_owner)


def _forget(table: Table) -> Delete:
    # Naming all the stores lets the primary key, which begins with them, find the owner.
    return delete(table).where(table.c.store.in_(select(store.c.id)), *_row(table, "owner"))


FORGET = [_forget(table) for table in (record, item, entry)]


@cache
def page(*, backwards: bool, by_peer: bool, by_part: bool, by_id: bool, waiting: bool, by_word: bool) -> Select[Any]:
    """Up to `limit` entries with ids between `lower` and `upper`, exclusive; the last of them first if `backwards`."""
    found = (
        select(entry.c.id, entry.c.at, entry.c.peer, entry.c.doc, entry.c.part, entry.c.waiting, entry.c.receipt)
        .where(*_row(entry, "store", "owner"), entry.c.id > bindparam("lower"), entry.c.id < bindparam("upper"))
        .order_by(entry.c.id.desc() if backwards else entry.c.id)
        .limit(bindparam("limit"))
    )
    if by_peer:
        found = found.where(*_row(entry, "peer"))
    if by_part:
        found = found.where(*_row(entry, "part"))
    if waiting:
        found = found.where(WAITS)
    if by_word:
        found = found.where(
            entry.c.id.in_(select(sought.c.id).where(*_row(sought, "store", "owner"), Matches()).correlate(None))
        )
    if by_id:
        found = found.where(entry.c.id.in_(bindparam("ids", expanding=True)))
    return found
