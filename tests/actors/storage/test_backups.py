"""Backup and restore, check and vacuum: over every database, and from each to each."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest

from actors.storage import Archive, Blobs, Entry, Map, Record, Storage, StorageError, Words, open_storage
from tests.postgres import PostgresServer

ALICE, BOB = "alice@example.org", "bob@example.org"


def fill(storage: Storage) -> None:
    storage.store("empty", Map)
    for user in range(3):
        numbers = range(user, 1200, 3)
        storage.store("roster", Map).change(f"user{user}", {f"contact{n}": {"n": n, "é": None} for n in numbers})
    storage.store("vcard", Record).put(ALICE, {"fn": "Älice\0"})
    for number in range(10):
        storage.store("archive", Archive).append(BOB, Entry(1700000000.123456 + number, ALICE, number))
    storage.store("avatar", Blobs).put("key", bytes(range(256)))


def content(storage: Storage) -> Any:
    roster = storage.store("roster", Map)
    return (
        {owner: roster.items(owner) for owner in roster.owners()},
        storage.store("vcard", Record).get(ALICE),
        storage.store("archive", Archive).page(BOB, limit=100),
        storage.store("avatar", Blobs).get("key"),
    )


Opens = Callable[[str, str], Storage]


@pytest.fixture
def opens(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Opens]:
    """Opens an empty storage of a kind, by any name."""
    made: list[Storage] = []

    def opens(kind: str, name: str) -> Storage:
        url = f"sqlite:///{tmp_path}/{name}" if kind == "sqlite" else postgres_server.empty(name)
        made.append(open_storage(url))
        return made[-1]

    yield opens
    for storage in made:
        storage.close()


@pytest.mark.parametrize("before", ["sqlite", "postgres"])
@pytest.mark.parametrize("after", ["sqlite", "postgres"])
def test_a_backup_is_restored_whatever_the_database(opens: Opens, tmp_path: Path, before: str, after: str) -> None:
    source, target = opens(before, "source"), opens(after, "target")
    fill(source)
    target.store("other", Record).put(ALICE, "to go")
    target.store("vcard", Record).put(BOB, "to go")
    source.backup(tmp_path / "backup")
    stored = (tmp_path / "backup").read_bytes()
    target.restore(tmp_path / "backup")
    assert content(target) == content(source)
    assert target.store("other", Record).get(ALICE) is None
    assert target.store("vcard", Record).get(BOB) is None
    assert (tmp_path / "backup").read_bytes() == stored
    target.store("new", Record).put(ALICE, 1)
    assert target.check() == []


def test_what_finds_words_is_made_again_after_a_restore(database: Storage, tmp_path: Path) -> None:
    archive = database.store("archive", Archive)
    id = archive.append(ALICE, Entry(1.0, BOB, "x"))
    archive.index(ALICE, {id: Words("x", ["hello"])})
    database.backup(tmp_path / "backup")
    archive.append(ALICE, Entry(2.0, BOB, "y"))
    database.restore(tmp_path / "backup")
    assert archive.indexed(ALICE) is None
    assert archive.page(ALICE, words=["hello"], limit=9) == []
    archive.index(ALICE, {id: Words("x", ["hello"])})
    assert [found for found, _ in archive.page(ALICE, words=["hello"], limit=9)] == [id]
    assert database.check() == []


def test_stores_stay_open_through_a_restore(database: Storage, tmp_path: Path) -> None:
    database.store("vcard", Record).put(ALICE, "kept")
    database.backup(tmp_path / "backup")
    other, vcards = database.store("other", Record), database.store("vcard", Record)
    other.put(ALICE, 1)
    database.restore(tmp_path / "backup")
    assert other.get(ALICE) is None
    other.put(ALICE, 2)
    assert (other.get(ALICE), vcards.get(ALICE)) == (2, "kept")


def test_a_backup_shows_one_moment_while_others_go_on_writing(database: Storage, tmp_path: Path) -> None:
    pairs, going = database.store("pairs", Map), True

    def write(owner: str) -> None:
        number = 0
        while going:
            pairs.change(owner, {"a": number, "b": number, f"x{number}": "x" * 1000})
            number += 1

    writing = [gevent.spawn(write, f"user{number}") for number in range(10)]
    gevent.sleep(0.3)
    database.backup(tmp_path / "backup")
    going = False
    gevent.joinall(writing, raise_error=True)
    with closing(open_storage(f"sqlite:///{tmp_path}/backup")) as backup:
        kept = backup.store("pairs", Map)
        for owner in kept.owners():
            items = kept.items(owner)
            assert items["a"] == items["b"] == len(items) - 3


def test_only_who_runs_the_server_may_read_a_backup(database: Storage, tmp_path: Path) -> None:
    database.backup(tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


def test_a_backup_replaces_nothing(database: Storage, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("precious")
    with pytest.raises(StorageError, match="exists already"):
        database.backup(tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "precious"


def test_a_backup_that_fails_leaves_no_file(database: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        database.backup(tmp_path / "nowhere" / "backup")
    folder = tmp_path / "folder"
    folder.mkdir()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        database.backup(folder / "backup")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("broken", ["missing", "empty", "text", "other", "damaged"])
def test_what_is_no_sound_backup_is_refused_and_changes_nothing(database: Storage, tmp_path: Path, broken: str) -> None:
    fill(database)
    before, path = content(database), tmp_path / "backup"
    if broken in {"empty", "text"}:
        path.write_bytes(b"text" * 5000 if broken == "text" else b"")
    elif broken == "other":
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE store (id)")
    elif broken == "damaged":
        database.backup(path)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(size // 2)
            file.write(os.urandom(size // 3))
    with pytest.raises(StorageError):
        database.restore(path)
    assert content(database) == before


def test_a_backup_of_a_later_version_is_refused(database: Storage, tmp_path: Path) -> None:
    database.store("vcard", Record).put(ALICE, 1)
    database.backup(tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup", isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="9999"):
        database.restore(tmp_path / "backup")
    assert database.store("vcard", Record).get(ALICE) == 1


def test_what_is_in_memory_is_neither_backed_up_nor_restored(tmp_path: Path) -> None:
    storage = open_storage("memory:")
    for call in (storage.backup, storage.restore):
        with pytest.raises(StorageError, match="in memory"):
            call(tmp_path / "backup")


# check


def test_a_sound_storage_has_no_flaws(storage: Storage) -> None:
    fill(storage)
    assert storage.check() == []


def test_a_broken_document_is_listed_by_store_and_owner_and_not_quoted(sqlite: Storage, path: Path) -> None:
    fill(sqlite)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("""UPDATE item SET doc = '{"secret": ' WHERE key IN ('contact7', 'contact1199')""")
        other.execute("UPDATE entry SET doc = CAST(x'ff' AS TEXT) WHERE id = (SELECT max(id) FROM entry)")
    flaws = sqlite.check()
    assert [flaw.partition(": ")[0] for flaw in flaws] == [
        "store 'roster', owner 'user1'",
        "store 'roster', owner 'user2'",
        f"store 'archive', owner '{BOB}'",
    ]
    assert "secret" not in str(flaws)


def test_of_whom_not_all_entries_are_found_by_peer_is_listed(sqlite: Storage, path: Path) -> None:
    archive = sqlite.store("archive", Archive)
    archive.append(BOB, Entry(1.0, ALICE, None))
    archive.append(BOB, Entry(2.0, ALICE, None))
    archive.append(ALICE, Entry(1.0, BOB, None))
    assert sqlite.check() == []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"UPDATE archive SET listed = x'ff' WHERE owner = '{BOB}'")
    assert sqlite.check() == [f"store 'archive', owner '{BOB}': 2 entries are not found by peer"]


def test_a_broken_document_in_postgresql_is_listed(postgres: Storage, postgres_server: PostgresServer) -> None:
    fill(postgres)
    postgres_server.do("UPDATE record SET doc = '{'", "test")
    (flaw,) = postgres.check()
    assert flaw.startswith(f"store 'vcard', owner '{ALICE}': corrupt document")


def test_a_row_of_no_store_is_a_flaw(sqlite: Storage, path: Path) -> None:
    fill(sqlite)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("INSERT INTO record VALUES (99, 'a', '1')")
    assert len(sqlite.check()) == 1


def test_not_all_flaws_of_many_are_listed(sqlite: Storage, path: Path) -> None:
    fill(sqlite)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE item SET doc = '{'")
    assert 100 <= len(sqlite.check()) < 1200


def test_a_damaged_file_has_flaws(sqlite: Storage, path: Path) -> None:
    fill(sqlite)
    sqlite.close()
    with closing(sqlite3.connect(path)) as other:
        ((page,),) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'item'")
        ((size,),) = other.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    with closing(open_storage(f"sqlite:///{path}")) as storage:
        assert storage.check()


# vacuum


def test_vacuum_gives_room_back_while_others_wait(sqlite: Storage, path: Path) -> None:
    vcards = sqlite.store("vcard", Record)
    for number in range(100):
        vcards.put(f"user{number}", "x" * 10_000)
    for number in range(100):
        vcards.delete(f"user{number}")
    vcards.put(ALICE, 1)
    crowd = [gevent.spawn(call) for call in (sqlite.vacuum, *[partial(vcards.put, BOB, n) for n in range(20)])]
    gevent.joinall(crowd, raise_error=True)
    assert path.stat().st_size < 200_000
    assert (vcards.get(ALICE), vcards.get(BOB)) == (1, 19)


def test_vacuum_changes_nothing_that_is_stored(storage: Storage) -> None:
    fill(storage)
    before = content(storage)
    storage.vacuum()
    assert content(storage) == before


def test_after_closing_nothing_is_restored(database: Storage, tmp_path: Path) -> None:
    database.backup(tmp_path / "backup")
    database.close()
    with pytest.raises(StorageError, match="closed"):
        database.restore(tmp_path / "backup")
