"""Peers are listed later, and nobody can tell."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest

from actors.storage import Archive, Entry, Storage, ends, open_storage, statements
from actors.storage.errors import StorageError
from actors.storage.writer import Job, Step, Writer

ALICE, BOB, CAROL = "alice@example.org", "bob@example.org", "carol@example.org"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "LISTED_AT_ONCE", 3)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many archives have had something listed, each time."""
    counts: list[int] = []
    run = Step.run

    def count(step: Step, connection: Any) -> Any:
        if step.statement is statements.LIST:
            assert isinstance(step.parameters, dict)
            counts.append(len(step.parameters["archives"]))
        return run(step, connection)

    monkeypatch.setattr(Step, "run", count)
    return counts


def add(archive: Archive, owner: str, *times: float, peer: str = BOB, part: str = "") -> list[str]:
    return [archive.append(owner, Entry(when, peer, None, part)) for when in times]


def of(archive: Archive, owner: str = ALICE, peer: str = BOB, **wanted: Any) -> list[float]:
    return [entry.when for _, entry in archive.page(owner, **({"peer": peer, "limit": 100} | wanted))]


def settle(archive: Archive) -> None:
    """All that has been begun is done."""
    gevent.sleep(0)
    archive.extent(ALICE)


def test_entries_are_found_by_peer_before_and_after_they_are_listed(database: Storage, listed: list[int]) -> None:
    archive = database.store("archive", Archive)
    for when in range(8):
        add(archive, ALICE, when, peer=BOB if when % 2 else CAROL, part=f"part {when % 3}")
        settle(archive)
        assert of(archive) == list(range(1, when + 1, 2))
        assert of(archive, peer=CAROL, backwards=True, limit=2) == list(range(0, when + 1, 2))[-2:]
    assert listed == [1, 1]
    assert of(archive, part="part 1") == [1, 7]
    assert of(archive, part="part 1", backwards=True, limit=1) == [7]
    assert of(archive, start=2, end=6) == [3, 5]


def test_archives_that_come_to_be_listed_together_are_listed_by_one_statement(
    sqlite: Storage, listed: list[int]
) -> None:
    archive = sqlite.store("archive", Archive)
    owners = [f"user{number}" for number in range(10)]
    for owner in owners:
        add(archive, owner, 0, 1)
    gevent.joinall([gevent.spawn(add, archive, owner, 2) for owner in owners], raise_error=True)
    settle(archive)
    assert sum(listed) == 10
    assert len(listed) < 5
    assert all(of(archive, owner) == [0, 1, 2] for owner in owners)


def test_an_entry_from_before_what_is_listed_is_found_all_the_same(database: Storage, listed: list[int]) -> None:
    archive = database.store("archive", Archive)
    add(archive, ALICE, 5, 6, 7)
    settle(archive)
    assert listed == [1]
    add(archive, ALICE, 2, 8)
    assert of(archive) == [2, 5, 6, 7, 8]
    assert archive.append_within(ALICE, Entry(1, BOB, None), 10)
    assert of(archive) == [1, 2, 5, 6, 7, 8]
    add(archive, ALICE, 3, 9, 10)
    settle(archive)
    assert of(archive) == [1, 2, 3, 5, 6, 7, 8, 9, 10]


def test_who_opens_a_storage_lists_what_another_has_left(path: Path, listed: list[int]) -> None:
    with closing(open_storage(f"sqlite:///{path}")) as storage:
        add(storage.store("archive", Archive), ALICE, 0, 1)
    with closing(open_storage(f"sqlite:///{path}")) as storage:
        archive = storage.store("archive", Archive)
        add(archive, ALICE, 2)
        settle(archive)
        assert listed == [1]
        assert of(archive) == [0, 1, 2]


def test_all_who_have_a_store_open_know_what_is_listed(database: Storage) -> None:
    one, other = (database.store("archive", Archive) for _ in range(2))
    add(one, ALICE, 1)
    add(other, ALICE, 5, 6, 7)
    settle(other)
    add(one, ALICE, 8)
    extent = one.extent(ALICE)
    assert extent is not None
    assert extent.entries == 5
    add(one, ALICE, 3)
    assert of(other) == of(one) == [1, 3, 5, 6, 7, 8]


def test_a_listing_that_fails_is_made_up_for(sqlite: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = sqlite.store("archive", Archive)
    begin, failing = Writer.begin, True

    def fail(writer: Writer, job: Job, then: Any) -> None:
        if failing and job.steps[0].statement is statements.LIST:
            then(StorageError("made to fail"))
        else:
            begin(writer, job, then)

    monkeypatch.setattr(Writer, "begin", fail)
    add(archive, ALICE, 1, 2, 3, 4, 5)
    settle(archive)
    assert of(archive) == [1, 2, 3, 4, 5]
    failing = False
    add(archive, ALICE, 6)
    settle(archive)
    assert of(archive) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("gone", ["delete", "trim", "forget"])
def test_what_is_gone_is_not_listed_any_more(sqlite: Storage, path: Path, gone: str) -> None:
    archive = sqlite.store("archive", Archive)
    ids = add(archive, ALICE, 1, 2, 3)
    add(archive, CAROL, 1, 2, 3)
    settle(archive)
    if gone == "delete":
        archive.delete(ALICE, ids)
    elif gone == "trim":
        archive.trim(ALICE, before=9, limit=9)
    else:
        sqlite.forget(ALICE)
    with closing(sqlite3.connect(path)) as other:
        ((left,),) = other.execute("SELECT count(*) FROM listing")
    assert left == 3
    assert (of(archive), of(archive, CAROL)) == ([], [1, 2, 3])
    add(archive, ALICE, 4)
    assert of(archive) == [4]


def test_whoever_comes_after_somebody_who_was_forgotten_gets_nothing_of_theirs(database: Storage) -> None:
    archive = database.store("archive", Archive)
    add(archive, ALICE, 1)
    database.forget(ALICE)
    add(archive, BOB, 2)
    add(archive, ALICE, 3)
    assert (of(archive), of(archive, BOB)) == ([3], [2])


def test_after_a_restore_everybody_has_what_is_their_own(database: Storage, tmp_path: Path) -> None:
    archive = database.store("archive", Archive)
    add(archive, BOB, 1, 2, 3)
    database.backup(tmp_path / "backup")
    add(archive, ALICE, 4)
    add(archive, CAROL, 5)
    database.restore(tmp_path / "backup")
    add(archive, CAROL, 6)
    add(archive, BOB, 7)
    add(archive, ALICE, 8)
    assert [of(archive, owner) for owner in (ALICE, BOB, CAROL)] == [[8], [1, 2, 3, 7], [6]]


def test_what_is_put_while_its_owner_is_forgotten_is_there_afterwards(database: Storage) -> None:
    archive = database.store("archive", Archive)
    add(archive, ALICE, 1)
    forgetting = gevent.spawn(database.forget, ALICE)
    gevent.sleep(0)
    add(archive, ALICE, 2)
    forgetting.get()
    assert of(archive) == [2]


def test_an_end_that_was_read_before_somebody_forgot_it_is_read_again(path: Path) -> None:
    url = f"sqlite:///{path}"
    with closing(open_storage(url)) as storage:
        add(storage.store("archive", Archive), ALICE, 1, 2)
    with closing(open_storage(url)) as storage:
        archive = storage.store("archive", Archive)
        within = gevent.spawn(archive.append_within, ALICE, Entry(20, BOB, None), 1000)
        gevent.joinall([within, gevent.spawn(add, archive, ALICE, 15)], raise_error=True)
        settle(archive)
        add(archive, ALICE, 17)
        settle(archive)
        assert of(archive) == [1, 2, 15, 17, 20]
        assert storage.check() == []


def test_an_archive_that_is_emptied_before_it_is_listed_begins_anew(path: Path) -> None:
    with closing(open_storage(f"sqlite:///{path}")) as storage:
        archive = storage.store("archive", Archive)
        ids = add(archive, ALICE, 100, 101, 102)
        settle(archive)
        archive.delete(ALICE, ids)
        archive.put_soon(
            ALICE, [archive.prepare(ALICE, Entry(when, BOB, None)) for when in (1, 2, 3)], lambda _fault: None
        )
        archive.trim(ALICE, before=9, limit=9)
        settle(archive)
        add(archive, ALICE, 50)
        assert of(archive) == [50]
        assert storage.check() == []


def test_what_is_not_added_is_not_listed(sqlite: Storage, path: Path) -> None:
    archive = sqlite.store("archive", Archive)
    add(archive, ALICE, 5, 6, 7)
    settle(archive)
    assert archive.append_within(ALICE, Entry(1, BOB, None), 3) is None
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM listing").fetchall() == [(3,)]


def test_a_storage_is_closed_while_something_is_to_be_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = open_storage(f"sqlite:///{path}")
    archive = storage.store("archive", Archive)
    add(archive, ALICE, 1, 2, 3)
    storage.close()
    gevent.sleep(0)
    assert capsys.readouterr().err == ""
    with closing(open_storage(f"sqlite:///{path}")) as again:
        assert of(again.store("archive", Archive)) == [1, 2, 3]
