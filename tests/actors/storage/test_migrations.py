"""What was stored by an earlier version is there after a migration, and is as if this version had stored it."""

from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from actors.storage import Archive, Entry, Extent, Map, open_storage, schema, sqlite

ALICE, BOB = "alice@example.org", "bob@example.org"


def make(connection: Connection, revision: str) -> None:
    """The tables as they were in a revision."""
    config = schema._config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def fill(connection: Connection) -> None:
    """What version 1 may have stored: messages of two users in one store, of one in another, and a roster."""
    connection.execute(text("INSERT INTO store (id, name) VALUES (7, 'offline'), (9, 'other'), (11, 'roster')"))
    for store, owner, when, doc in [(7, ALICE, 1, '"a"'), (7, ALICE, 2, '"ü"'), (7, BOB, 3, "[]"), (9, ALICE, 4, "1")]:
        connection.execute(
            text("INSERT INTO entry (store, owner, id, at, peer, doc) VALUES (:store, :owner, :id, :at, 'peer', :doc)"),
            {"store": store, "owner": owner, "id": f"{when * 1_000_000:015x}{'0' * 15}", "at": when, "doc": doc},
        )
    connection.execute(text(f"INSERT INTO item (store, owner, key, doc) VALUES (11, '{ALICE}', '{BOB}', '1')"))


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, path: Path) -> str:
    """The URL of a storage of the first version."""
    if request.param == "sqlite":
        url = f"sqlite:///{path}"
        path.parent.mkdir()
        with closing(sqlite.opened(path)) as connection, connection.begin():
            make(connection, "0001")
            fill(connection)
        return url
    url = str(request.getfixturevalue("postgres_url"))
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection, connection.begin():
        make(connection, "0001")
        fill(connection)
    return url


def test_what_the_first_version_stored_is_there_and_counted(old: str) -> None:
    with closing(open_storage(old)) as storage:
        offline = storage.store("offline", Archive)
        (first, one), (last, two) = offline.page(ALICE, limit=9)
        assert [one, two] == [Entry(1.0, "peer", "a", waiting=True), Entry(2.0, "peer", "ü", waiting=True)]
        assert offline.extent(ALICE) == Extent(2, 7, first, 1.0, last, 2.0)
        assert storage.store("other", Archive).page(ALICE, limit=9, waiting=True) == []
        assert [entry.doc for _, entry in offline.page(BOB, limit=9)] == [[]]
        assert storage.store("roster", Map).items(ALICE) == {BOB: 1}
        newest = offline.append(ALICE, Entry(5.0, "peer", "a", "phone", waiting=True))
        assert offline.extent(ALICE) == Extent(3, 10, first, 1.0, newest, 5.0)
        assert storage.check() == []


def test_a_backup_of_the_first_version_is_restored(path: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with closing(sqlite.opened(backup)) as connection, connection.begin():
        make(connection, "0001")
        fill(connection)
    with closing(open_storage(f"sqlite:///{path}")) as storage:
        storage.restore(backup)
        found = storage.store("offline", Archive).extent(ALICE)
        assert found is not None
        assert (found.entries, found.bytes) == (2, 7)
