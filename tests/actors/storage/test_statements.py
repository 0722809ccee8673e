"""How the database finds what is asked for."""

from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Connection, Executable, make_url

from actors.storage import sqlite, statements


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with closing(sqlite.connect(make_url(f"sqlite:///{tmp_path}/data"))) as connection:
        yield connection


def plan(connection: Connection, statement: Executable) -> str:
    compiled = statement.compile(connection)  # type: ignore[attr-defined]
    steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", (0,) * len(compiled.positiontup or ()))
    return "\n".join(step.detail for step in steps)


@pytest.mark.parametrize(
    "statement",
    [
        statements.GET_RECORD,
        statements.GET_ITEM,
        statements.GET_ITEMS,
        statements.RECORD_OWNERS,
        statements.ITEM_OWNERS,
        statements.COUNT,
        statements.APPEND_WITHIN,
        statements.EXPIRE,
        *(statements.page(backwards=b, by_peer=p, by_id=False) for b, p in product((False, True), repeat=2)),
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


def test_a_page_of_one_peer_uses_the_index_by_peer(connection: Connection) -> None:
    assert "entry_by_peer (store=? AND owner=? AND peer=? AND id>?" in plan(
        connection, statements.page(backwards=False, by_peer=True, by_id=False)
    )


@pytest.mark.parametrize("statement", statements.FORGET, ids=str)
def test_forgetting_an_owner_reads_no_other_owner(connection: Connection, statement: Executable) -> None:
    assert "(store=? AND owner=?)" in plan(connection, statement)
