"""PostgreSQL: what is its own, beside the contract that all backends hold."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, make_url, text

from actors.storage import Archive, Entry, Map, Record, Storage, StorageError, open_storage, public, statements
from actors.storage import postgres as postgres_module
from actors.storage.tables import metadata
from tests.postgres import PostgresServer

# What finds words is beyond what metadata can say.
NOT_WORDS = {"include_name": lambda name, *_: not (name or "").startswith(("sought_words", "sought_by_words"))}
ALICE, BOB = "alice@example.org", "bob@example.org"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def stopped(postgres_server: PostgresServer, postgres: Storage) -> Iterator[Storage]:
    """A storage whose server has gone."""
    postgres.store("vcard", Record).put(ALICE, "old")
    postgres_server.stop()
    yield postgres
    if not postgres_server.running:
        postgres_server.start()


def test_what_was_stored_is_there_after_reopening(postgres_url: str) -> None:
    for stored in (None, {"fn": "Alice"}):
        with closing(open_storage(postgres_url)) as storage:
            vcards = storage.store("vcard", Record)
            assert vcards.get(ALICE) == stored
            vcards.put(ALICE, {"fn": "Alice"})


def test_the_migrations_lead_to_the_tables_as_declared(postgres_url: str) -> None:
    with closing(postgres_module.connect(make_url(postgres_url))) as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=NOT_WORDS), metadata) == []


def test_the_schema_of_a_later_version_is_refused(
    postgres: Storage, postgres_server: PostgresServer, postgres_url: str
) -> None:
    postgres.close()
    postgres_server.do("UPDATE alembic_version SET version_num = '9999'", "test")
    with pytest.raises(StorageError, match="9999"):
        open_storage(postgres_url)


def test_a_server_that_went_and_came_back_unnoticed_stays_unnoticed(
    stopped: Storage, postgres_server: PostgresServer
) -> None:
    postgres_server.start()
    vcards = stopped.store("vcard", Record)
    assert vcards.get(ALICE) == "old"
    vcards.put(ALICE, "new")
    assert vcards.get(ALICE) == "new"


def test_while_the_server_is_away_there_are_errors_and_then_none(
    stopped: Storage, postgres_server: PostgresServer
) -> None:
    with pytest.raises(StorageError, match="connection") as raised:
        stopped.store("vcard", Record)
    assert "\n" not in str(raised.value)
    postgres_server.start()
    assert stopped.store("vcard", Record).get(ALICE) == "old"


def test_who_waits_while_the_connection_is_cut_gets_an_error(
    postgres: Storage, postgres_server: PostgresServer
) -> None:
    vcards = postgres.store("vcard", Record)
    with postgres_server.holding("LOCK TABLE record", "test"):
        waiting = gevent.spawn(vcards.put, ALICE, 1)
        gevent.sleep(0.05)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        postgres_server.do(cut)
        gevent.sleep(0.05)  # it has been tried again
        postgres_server.do(cut)
        waiting.join()
    assert isinstance(waiting.exception, StorageError)
    assert ALICE in str(waiting.exception)
    vcards.put(ALICE, 2)
    assert vcards.get(ALICE) == 2


def test_a_locked_table_is_a_storage_error_and_passes(
    postgres_url: str, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "PATIENCE", 1.0)
    with closing(open_storage(postgres_url)) as storage:
        vcards = storage.store("vcard", Record)
        with (
            postgres_server.holding("LOCK TABLE record", "test"),
            pytest.raises(StorageError, match=f"store 'vcard', owner '{ALICE}': canceling statement due to lock"),
        ):
            vcards.put(ALICE, 1)
        vcards.put(ALICE, 2)
        assert vcards.get(ALICE) == 2


def test_owners_are_in_order_of_code_points_in_a_database_that_sorts_by_a_language(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.empty("sorted", "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' ENCODING UTF8")
    with closing(open_storage(url)) as storage:
        roster = storage.store("roster", Map)
        for name in ("a", "B", "é", "z", "\U0001f600", "\uffee"):
            roster.put(name, name, 1)
            roster.put("all", name, 1)
        assert list(roster.owners()) == sorted(["a", "all", "B", "é", "z", "\U0001f600", "\uffee"])
        assert list(roster.items("all")) == sorted(["a", "B", "é", "z", "\U0001f600", "\uffee"])


def test_a_database_of_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    url = postgres_server.empty("latin", "TEMPLATE template0 LOCALE 'C' ENCODING LATIN1")
    with pytest.raises(StorageError, match="its encoding is LATIN1, not UTF8"):
        open_storage(url)


@pytest.mark.parametrize("owner", ["\0", "".join(chr(0x4E00 + number * 7) for number in range(3000))])
def test_what_postgresql_cannot_store_is_an_error_that_spoils_nothing(postgres: Storage, owner: str) -> None:
    archive = postgres.store("archive", Archive)
    crowd = [gevent.spawn(archive.append, name, Entry(1.0, BOB, "secret")) for name in (ALICE, owner, BOB)]
    gevent.joinall(crowd)
    assert [greenlet.successful() for greenlet in crowd] == [True, False, True]
    assert isinstance(crowd[1].exception, StorageError)
    assert "secret" not in str(crowd[1].exception)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=secret",
        "postgresql://me:secret@127.0.0.1:1/db?nonsense=secret",
    ],
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match=r"cannot open postgresql://me(:\*\*\*)?@127\.0\.0\.1:1/db: ") as raised:
        open_storage(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db?password=secret", "postgresql://me:***@host/db"),
        ("sqlite:////var/lib/parley.sqlite", "sqlite:////var/lib/parley.sqlite"),
        ("memory:", "memory:"),
        ("postgresql://me:secret@host:port/db", "postgresql:"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert public(url) == shown


PATCHED = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from actors.storage import Archive, Entry, open_storage
storage = open_storage(sys.argv[1])
archive = storage.store("archive", Archive)
gevent.joinall([gevent.spawn(archive.append, "a", Entry(1.0, "", n)) for n in range(2000)], raise_error=True)
assert len(archive.page("a", limit=9_999)) == 2000
storage.close()
"""


def test_it_works_in_a_monkey_patched_process(postgres_url: str) -> None:
    subprocess.run([sys.executable, "-c", PATCHED, postgres_url], cwd=ROOT, check=True, timeout=30)


# An archive of 20,000 messages with 20 peers.
MUCH = (
    f"INSERT INTO archive (store, owner, listed) SELECT id, '{ALICE}', '\\xff' FROM store WHERE name = 'archive'",
    """INSERT INTO entry SELECT archive.id, decode(lpad(to_hex(n), 30, '0'), 'hex'), n % 20 + 1, n % 3, 'peer', 'part',
        '""', false, '', n, n FROM archive, generate_series(1, 20000) AS n""",
    "INSERT INTO listing SELECT archive, peer_key, id, part_key FROM entry",
    "ANALYZE",
)


def explain(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    return f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters


def touched(node: dict[str, Any]) -> int:
    """The most rows that a step of a plan has given or thrown away."""
    rows = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return max([int(rows), *map(touched, node.get("Plans", ()))])


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("narrowed", [(), ("by_peer",), ("by_peer", "by_part"), ("by_id",)])
def test_a_page_is_read_where_it_begins_however_much_there_is(
    postgres: Storage, postgres_server: PostgresServer, postgres_url: str, narrowed: tuple[str, ...], backwards: bool
) -> None:
    postgres.store("archive", Archive)
    for statement in MUCH:
        postgres_server.do(statement, "test")
    ways = dict.fromkeys(("by_peer", "by_part", "by_id", "by_word", "waiting"), False) | dict.fromkeys(narrowed, True)
    middle = (10_000).to_bytes(15)
    asked = {"owner": ALICE, "lower": b"" if backwards else middle, "upper": middle if backwards else b"\xff"}
    asked |= {
        "peer": "peer",
        "part": "part",
        "peer_key": 7,
        "part_key": 1,
        "ids": [middle, (9_999).to_bytes(15)],
        "limit": 10,
    }
    connected = postgres_module.connect(make_url(postgres_url)).execution_options(compiled_cache=None)
    with closing(connected) as connection:
        asked["store"] = connection.execute(text("SELECT store FROM archive")).scalar_one()
        event.listen(connection, "before_cursor_execute", explain, retval=True)
        plan = connection.execute(statements.page(backwards=backwards, **ways), asked).scalar_one()
    assert touched(plan[0]["Plan"]) < 1_000
