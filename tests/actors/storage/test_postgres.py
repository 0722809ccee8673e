"""PostgreSQL: what is its own, beside the contract that all backends hold."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gevent
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import make_url

from actors.storage import Archive, Entry, Map, Record, Storage, StorageError, open_storage, public
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
