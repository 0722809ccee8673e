"""What only a database can do, or do wrong."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from actors.storage import Archive, Entry, Map, Record, Storage, StorageError, open_storage
from actors.storage import sqlite as sqlite_module
from actors.storage.tables import metadata

# What finds words is beyond what metadata can say.
NOT_WORDS = {"include_name": lambda name, *_: not (name or "").startswith(("sought_words", "sought_by_words"))}
ALICE = "alice@example.org"
ROOT = Path(__file__).parents[3]


@contextmanager
def other_process(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as somebody else would open it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_what_was_stored_is_there_after_reopening(path: Path) -> None:
    for stored in (None, {"fn": "Alice"}):
        storage = open_storage(f"sqlite:///{path}")
        vcards = storage.store("vcard", Record)
        assert vcards.get(ALICE) == stored
        vcards.put(ALICE, {"fn": "Alice"})
        storage.close()


def test_only_the_owner_of_the_process_may_read_the_files(sqlite: Storage, path: Path) -> None:
    sqlite.store("vcard", Record).put(ALICE, 1)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with closing(sqlite_module.connect(make_url(f"sqlite:///{path}"))) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


WRITER = """
import sys, gevent
from actors.storage import Archive, Entry, open_storage
archive = open_storage(f"sqlite:///{sys.argv[1]}").store("archive", Archive)
def write(owner):
    while True:
        print(owner, archive.append(owner, Entry(1.0, "", "x" * 100)), flush=True)
gevent.joinall([gevent.spawn(write, f"user{number}") for number in range(20)])
"""


def test_an_acknowledged_write_survives_being_killed(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        lines = [writer.stdout.readline() for _ in range(500)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    acknowledged = {tuple(line.split()) for line in lines if line.endswith("\n")}
    assert len(acknowledged) >= 500
    storage = open_storage(f"sqlite:///{path}")
    archive = storage.store("archive", Archive)
    kept = {(f"user{number}", id) for number in range(20) for id, _ in archive.page(f"user{number}", limit=100_000)}
    storage.close()
    assert acknowledged <= kept


PATCHED = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from actors.storage import Archive, Entry, open_storage
storage = open_storage(f"sqlite:///{sys.argv[1]}")
archive = storage.store("archive", Archive)
gevent.joinall([gevent.spawn(archive.append, "a", Entry(1.0, "", n)) for n in range(2000)], raise_error=True)
assert len(archive.page("a", limit=9_999)) == 2000
storage.close()
"""


def test_it_works_in_a_monkey_patched_process(path: Path) -> None:
    subprocess.run([sys.executable, "-c", PATCHED, str(path)], cwd=ROOT, check=True, timeout=30)


def test_a_locked_database_is_a_storage_error_and_passes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "PATIENCE", 0.01)
    with closing(open_storage(f"sqlite:///{path}")) as storage:
        vcards = storage.store("vcard", Record)
        with other_process(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match=f"store 'vcard', owner '{ALICE}': database is locked"):
                vcards.put(ALICE, 1)
        vcards.put(ALICE, 2)
        assert vcards.get(ALICE) == 2


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk that is nearly full, as far as this process can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_storage_error_and_passes(sqlite: Storage) -> None:
    vcards = sqlite.store("vcard", Record)
    vcards.put(ALICE, "old")
    with files_no_larger_than(200_000), pytest.raises(StorageError, match="vcard"):
        vcards.put(ALICE, "x" * 1_000_000)
    assert vcards.get(ALICE) == "old"
    vcards.put(ALICE, "new")
    assert vcards.get(ALICE) == "new"


@pytest.mark.parametrize("ending", [b"", b"\xff", b"\xed\xa0\x80}", b"}}", b"}\0", b"," + b"[" * 100_000])
@pytest.mark.parametrize("kind", ["TEXT", "BLOB"])
def test_a_broken_document_is_a_storage_error_that_does_not_quote_it(
    sqlite: Storage, path: Path, ending: bytes, kind: str
) -> None:
    vcards, roster = sqlite.store("vcard", Record), sqlite.store("roster", Map)
    vcards.put(ALICE, {"password": "secret"})
    roster.put(ALICE, "a", {"password": "secret"})
    broken = b'{"password": "secret"' + ending
    with other_process(path) as other:
        other.execute(f"UPDATE record SET doc = CAST(? AS {kind})", [broken])
        other.execute(f"UPDATE item SET doc = CAST(? AS {kind})", [broken])
    for read in (lambda: vcards.get(ALICE), lambda: roster.items(ALICE)):
        with pytest.raises(StorageError, match=f"owner '{ALICE}': corrupt document") as raised:
            read()
        assert "secret" not in str(raised.value)


def test_a_damaged_file_is_a_storage_error(sqlite: Storage, path: Path) -> None:
    archive = sqlite.store("archive", Archive)
    archive.put(ALICE, [archive.prepare(ALICE, Entry(number, "", "x" * 1000)) for number in range(200)])
    assert len(archive.page(ALICE, limit=9_999)) == 200
    sqlite.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(os.urandom(size // 3))
    with closing(open_storage(f"sqlite:///{path}")) as storage, pytest.raises(StorageError, match="archive"):
        for _ in storage.store("archive", Archive).page(ALICE, limit=1000):
            pass


def test_a_file_that_is_no_database_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("no database" * 1000)
    with pytest.raises(StorageError, match=r"cannot open .*data: file is not a database"):
        open_storage(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot open"):
        open_storage(f"sqlite:///{tmp_path}/file/data")


def test_the_schema_of_a_later_version_is_refused(sqlite: Storage, path: Path) -> None:
    sqlite.close()
    with other_process(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="9999"):
        open_storage(f"sqlite:///{path}")


def test_the_migrations_lead_to_the_tables_as_declared(sqlite: Storage, path: Path) -> None:
    sqlite.close()
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=NOT_WORDS), metadata) == []


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///:memory:", "mysql://me:secret@host/db", "nonsense secret", "postgresql://a:b/c"]
)
def test_an_unknown_storage_is_refused_without_quoting_a_password(url: str) -> None:
    with pytest.raises(StorageError) as raised:
        open_storage(url)
    assert "secret" not in str(raised.value)
