"""How the database finds what is asked for."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Executable, make_url

from actors.storage import sqlite, statements


def page(*narrowed: str, backwards: bool) -> Executable:
    """The statement for a page, narrowed in these ways."""
    ways = dict.fromkeys(("by_peer", "by_part", "by_id", "by_word", "waiting"), False) | dict.fromkeys(narrowed, True)
    return statements.page(backwards=backwards, **ways)


PAGES = {
    (narrowed, backwards): page(*narrowed, backwards=backwards)
    for narrowed in ((), ("by_peer",), ("by_peer", "by_part"), ("waiting",))
    for backwards in (False, True)
}


# A hundred archives of a thousand messages with five peers each.
NUMBERS = "WITH RECURSIVE numbers (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n < 99999)"
MUCH = (
    "INSERT INTO store VALUES (1, 'archive')",
    f"INSERT INTO archive {NUMBERS} SELECT n, 1, n, x'ff' FROM numbers WHERE n < 100",
    f"""INSERT INTO entry {NUMBERS}
        SELECT n % 100, cast(printf('%015d', n) AS BLOB), n / 100 % 5, 0, 'peer', '', '', n % 1000 = 0, '', n, n
        FROM numbers""",
    "INSERT INTO listing SELECT archive, peer_key, id, part_key FROM entry",
    "ANALYZE",
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with closing(sqlite.connect(make_url(f"sqlite:///{tmp_path}/data"))) as connection:
        yield connection


def plan(connection: Connection, statement: Executable) -> str:
    compiled = statement.compile(connection)  # type: ignore[attr-defined]
    text = str(compiled).replace("(__[POSTCOMPILE_ids])", "(?, ?)")
    steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (0,) * text.count("?"))
    return "\n".join(step.detail for step in steps)


@pytest.mark.parametrize(
    "statement",
    [
        statements.GET_RECORD,
        statements.GET_ITEM,
        statements.GET_ITEMS,
        statements.RECORD_OWNERS,
        statements.ITEM_OWNERS,
        statements.APPEND_WITHIN,
        statements.END,
        statements.NEWEST,
        statements.NEXT_OWNER,
        *(statement for (narrowed, _), statement in PAGES.items() if "by_peer" not in narrowed),
    ],
    ids=str,
)
def test_what_is_asked_often_is_found_by_an_index_and_not_sorted(connection: Connection, statement: Executable) -> None:
    steps = plan(connection, statement)
    assert "SEARCH" in steps
    assert "SCAN entry" not in steps
    assert "SCAN item" not in steps
    assert "SCAN record" not in steps
    assert "TEMP B-TREE" not in steps


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ((), "sqlite_autoindex_entry_1 (archive=? AND id>? AND id<?)"),
        (("waiting",), "entry_waiting (archive=? AND id>? AND id<?)"),
    ],
)
def test_a_page_is_read_where_it_begins_however_much_there_is(
    connection: Connection, backwards: bool, narrowed: tuple[str, ...], found: str
) -> None:
    assert found in plan(connection, page(*narrowed, backwards=backwards))


@pytest.mark.parametrize("analyzed", [False, True], ids=["by default", "with statistics"])
@pytest.mark.parametrize("narrowed", [("by_peer",), ("by_peer", "by_part"), ("by_peer", "waiting")])
def test_a_page_of_a_peer_is_read_where_it_begins_however_much_there_is(
    connection: Connection, narrowed: tuple[str, ...], analyzed: bool
) -> None:
    if analyzed:
        for statement in MUCH:
            connection.exec_driver_sql(statement)
    for backwards in (False, True):
        listed, others = plan(connection, page(*narrowed, backwards=backwards)).split("RIGHT\n")
        assert "SEARCH listing USING PRIMARY KEY (archive=? AND peer_key=? AND id>? AND id<?)" in listed
        assert "sqlite_autoindex_entry_1 (archive=? AND id=? AND peer_key=? AND part_key=?)" in listed
        index = "entry_waiting" if "waiting" in narrowed else "sqlite_autoindex_entry_1"
        assert f"{index} (archive=? AND id>? AND id<?)" in others


@pytest.mark.parametrize("analyzed", [False, True], ids=["by default", "with statistics"])
@pytest.mark.parametrize("backwards", [False, True])
def test_an_entry_is_looked_up_by_its_id(connection: Connection, backwards: bool, analyzed: bool) -> None:
    if analyzed:
        for statement in MUCH:
            connection.exec_driver_sql(statement)
    steps = plan(connection, page("by_id", backwards=backwards))
    assert "sqlite_autoindex_entry_1 (archive=? AND id=?)" in steps


@pytest.mark.parametrize("backwards", [False, True])
def test_words_are_looked_up_and_not_looked_for(connection: Connection, backwards: bool) -> None:
    steps = plan(connection, page("by_word", backwards=backwards))
    assert "sqlite_autoindex_entry_1 (archive=? AND id=?)" in steps
    assert "SCAN sought_words VIRTUAL TABLE INDEX 0:M" in steps  # MATCH
    assert "SCAN entry" not in steps
    assert "SCAN sought\n" not in f"{steps}\n"


def test_how_much_there_is_and_what_has_to_go_is_read_at_the_ends(connection: Connection) -> None:
    for statement in (statements.EXTENT, statements.TRIM):
        steps = plan(connection, statement)
        assert "SCAN entry" not in steps
        assert steps.count("sqlite_autoindex_entry_1 (archive=?") >= 2
        assert "TEMP B-TREE" not in steps


@pytest.mark.parametrize(
    "statement", [statements.WAIT, statements.REPLACE, statements.INDEX, statements.DELETE_ENTRY], ids=str
)
def test_what_changes_an_entry_finds_it_by_its_key(connection: Connection, statement: Executable) -> None:
    assert "sqlite_autoindex_entry_1 (archive=? AND id=?)" in plan(connection, statement)


@pytest.mark.parametrize("statement", statements.FORGET, ids=str)
def test_forgetting_an_owner_reads_no_other_owner(connection: Connection, statement: Executable) -> None:
    steps = plan(connection, statement)
    assert "(store=? AND owner=?)" in steps
    assert "SCAN" not in steps
