"""Every statement the SQL backend runs, made once. Parameters are named after their columns."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Delete,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    case,
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
from sqlalchemy.dialects import postgresql

from actors.storage.tables import WAITS, archive, blob, entry, item, listing, record, sought, store, upsert
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
NOTHING = select(literal(1))

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

_of_owner = _row(archive, "store", "owner")
_number = select(archive.c.id).where(*_of_owner).scalar_subquery()
_listed = select(archive.c.listed).where(*_of_owner).scalar_subquery()
_own = entry.c.archive == _number

ADD_ARCHIVE = insert(archive).from_select(
    ["store", "owner", "listed"],
    select(_parameter(archive, "store"), _parameter(archive, "owner"), literal(b"")).where(~exists().where(*_of_owner)),
)


def _at_end(column: ColumnElement[Any]) -> ColumnElement[Any]:
    newest = select(column).where(entry.c.archive == archive.c.id).order_by(entry.c.id.desc()).limit(1)
    return newest.correlate(archive).scalar_subquery()


_unlisted = select(func.count()).where(entry.c.archive == archive.c.id, entry.c.id > archive.c.listed)
END = select(
    archive.c.id.label("archive"),
    archive.c.listed,
    _unlisted.correlate(archive).scalar_subquery().label("unlisted"),
    *(_at_end(column).label(column.name) for column in (entry.c.id, entry.c.number, entry.c.total)),
).where(*_of_owner)

DELETE_ENTRY = delete(entry).where(_own, *_row(entry, "id"))

_held = select(literal(1)).where(*_row(entry, "archive")).limit(bindparam("at_most")).subquery()
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

_listed_archives = archive.c.id.in_(bindparam("archives", type_=archive.c.id.type, expanding=True))


def _its_columns() -> Select[Any]:
    columns: list[ColumnElement[Any]] = [entry.c[column.name] for column in listing.c]
    return select(*columns)


def _list(found: Select[Any]) -> Insert:
    """Lists entries by peer. What has been listed is no error."""
    insert = postgresql.insert(listing).from_select([column.name for column in listing.c], found)
    return insert.on_conflict_do_nothing()


LIST = _list(
    _its_columns()
    .join(archive, entry.c.archive == archive.c.id)
    .where(_listed_archives, entry.c.id > archive.c.listed)
    .order_by(entry.c.archive, entry.c.peer_key, entry.c.id)
)
LISTED = update(archive).where(_listed_archives).values(listed=func.coalesce(_at_end(entry.c.id), literal(b"")))
LIST_ONE = _list(_its_columns().where(*_row(entry, "archive", "id"))).execution_options(preserve_rowcount=True)

_oldest = select(entry).where(_own).order_by(entry.c.id)
NEWEST = select(entry).where(_own).order_by(entry.c.id.desc()).limit(1)
EXTENT = union_all(select(_oldest.limit(1).subquery()), select(NEWEST.subquery()))
NEXT_OWNER = (
    select(archive.c.owner)
    .where(
        *_row(archive, "store"),
        archive.c.owner > bindparam("after"),
        exists().where(entry.c.archive == archive.c.id),
    )
    .order_by(archive.c.owner)
    .limit(1)
)

# What an UPDATE is given by the name of a column it sets.
_archive_of_that = select(archive.c.id).where(
    archive.c.store == bindparam("in_store"), archive.c.owner == bindparam("of_owner")
)
_that = [entry.c.archive == _archive_of_that.scalar_subquery(), entry.c.id == bindparam("key", type_=entry.c.id.type)]
WAIT = update(entry).where(*_that).values(waiting=bindparam("waiting"))
REPLACE = update(entry).where(*_that).values(doc=bindparam("doc"), waiting=False)

_own_words = sought.c.archive == _number
INDEX = insert(sought).from_select(
    ["archive", "id", "words"],
    select(entry.c.archive, entry.c.id, bindparam("known", type_=sought.c.words.type)).where(
        *_that,
        *_row(entry, "doc"),
        ~exists().where(sought.c.archive == entry.c.archive, sought.c.id == entry.c.id),
    ),
)
INDEXED = select(sought.c.id).where(_own_words).order_by(sought.c.id.desc()).limit(1)
FORGET_WORDS = delete(sought).where(_own_words, *_row(sought, "id"))

_first = _oldest.limit(bindparam("limit")).subquery()
_last = NEWEST.subquery()
_goes = or_(
    _first.c.id < bindparam("lower", type_=entry.c.id.type),
    _first.c.number <= select(_last.c.number).scalar_subquery() - bindparam("entries", type_=entry.c.number.type),
    _first.c.total <= select(_last.c.total).scalar_subquery() - bindparam("bytes", type_=entry.c.total.type),
)
# The owner is named once more for SQLite, which would look through everybody's entries.
TRIM = delete(entry).where(_own, entry.c.id.in_(select(_first.c.id).where(_goes)))


@cache
def glance(places: tuple[tuple[Table, int], ...]) -> CompoundSelect[Any]:
    """What these tables have of one owner under these numbers of stores: rows of index in `places`, key, document."""
    return union_all(*(_glance(index, table, number) for index, (table, number) in enumerate(places)))


def _glance(index: int, table: Table, number: int) -> Select[Any]:
    # Written into the statement, which is made once: for each more parameter, each execution takes longer.
    of_store = archive if table is entry else table
    of_owner = of_store.c.store == literal_column(str(number), Integer), *_row(of_store, "owner")
    place, nothing = literal_column(str(index), Integer), literal_column("''", Text)
    if table is entry:
        waits = exists().where(entry.c.archive == archive.c.id, WAITS)
        columns: list[ColumnElement[Any]] = [place, nothing, nothing]
        return select(*columns).where(*of_owner, waits)
    return select(place, item.c.key if table is item else nothing, table.c.doc).where(*of_owner)


def _forget(table: Table) -> Delete:
    # Naming all the stores lets the primary key, which begins with them, find the owner.
    return delete(table).where(table.c.store.in_(select(store.c.id)), *_row(table, "owner"))


_forgotten = select(archive.c.id).where(archive.c.store.in_(select(store.c.id)), *_row(archive, "owner"))
FORGET = [
    _forget(record),
    _forget(item),
    delete(listing).where(listing.c.archive.in_(_forgotten)),
    delete(entry).where(entry.c.archive.in_(_forgotten)),
    _forget(archive),
]

_own_listing = listing.c.archive == _number
_FOUND = entry.c.id, entry.c.peer, entry.c.doc, entry.c.part, entry.c.waiting, entry.c.receipt


@cache
def page(*, backwards: bool, by_peer: bool, by_part: bool, by_id: bool, waiting: bool, by_word: bool) -> Select[Any]:
    """Up to `limit` entries with ids between `lower` and `upper`, exclusive; the last of them first if `backwards`."""
    narrowed: list[ColumnElement[bool]] = []
    if by_peer:
        narrowed += _row(entry, "peer")
    if by_part:
        narrowed += _row(entry, "part")
    if waiting:
        narrowed.append(WAITS)
    if not by_peer:
        return _part_of_page(entry, backwards, _own, *narrowed, by_id=by_id, by_word=by_word)
    keys = ["peer_key", "part_key"] if by_part else ["peer_key"]
    listed = _part_of_page(
        listing,
        backwards,
        _own_listing,
        *_row(listing, *keys),
        entry.c.id == listing.c.id,
        # What is computed is nothing to begin with: for PostgreSQL, which would begin with all of the owner's entries.
        *(entry.c[name] == listing.c[name] + 0 for name in ("archive", "peer_key", "part_key")),
        _seen_to_later(listing.c.id <= _listed),
        *narrowed,
        by_id=by_id,
        by_word=by_word,
    )
    # As one bound: of two SQLite would begin at either.
    lower = case((_bound("lower") > _listed, _bound("lower")), else_=_listed)
    others = _part_of_page(
        entry, backwards, _own, *_row(entry, *keys), *narrowed, lower=lower, by_id=by_id, by_word=by_word
    )
    both = union_all(select(listed.subquery()), select(others.subquery())).subquery()
    return select(both).order_by(both.c.id.desc() if backwards else both.c.id).limit(bindparam("limit"))


def _part_of_page(
    table: Table,
    backwards: bool,
    *narrowed: ColumnElement[bool],
    by_id: bool,
    by_word: bool,
    lower: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """Of the entries that are in this table, which has their ids."""
    id = table.c.id
    bounds = [id > (_bound("lower") if lower is None else lower), id < _bound("upper")]
    if by_id or by_word:
        bounds = [_seen_to_later(bound) for bound in bounds]
    if by_word:
        bounds.append(id.in_(select(sought.c.id).where(_own_words, Matches()).correlate(None)))
    if by_id:
        bounds.append(id.in_(bindparam("ids", type_=entry.c.id.type, expanding=True)))
    return select(*_FOUND).where(*narrowed, *bounds).order_by(id.desc() if backwards else id).limit(bindparam("limit"))


def _seen_to_later(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition, hidden from planners: no index is gone through for its sake."""
    return case((condition, 1), else_=0) == 1


def _bound(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=entry.c.id.type)


def early() -> Iterator[tuple[Select[Any] | CompoundSelect[Any], dict[str, Any]]]:
    """What is looked for first of an archive, each with parameters by which nothing is found."""
    of_nobody = {"store": 0, "owner": ""}
    yield END, of_nobody
    yield EXTENT, of_nobody
    for backwards, by_peer in product((False, True), repeat=2):
        statement = page(backwards=backwards, by_peer=by_peer, by_part=False, by_id=False, waiting=False, by_word=False)
        asked = of_nobody | {"lower": b"", "upper": b"", "limit": 0}
        yield statement, asked | {"peer": "", "peer_key": 0} if by_peer else asked
