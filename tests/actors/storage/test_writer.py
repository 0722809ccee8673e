"""The queue before the database: who waits for whom, and what is committed together."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.pool import Group
from sqlalchemy import Engine, event

from actors.storage import Archive, Entry, Map, Record, Storage, StorageClosed, StorageError, writer
from net.greenlets import greenlets

ALICE, BOB = "alice@example.org", "bob@example.org"
UNSTORABLE = "\ud800"  # no UTF-8 for it, so the driver refuses it as an owner


@pytest.fixture
def commits(database: Storage) -> Iterator[list[int]]:  # noqa: ARG001 those of the storage, not of opening it
    made: list[int] = []

    def count(_connection: Any) -> None:
        made.append(1)

    event.listen(Engine, "commit", count)
    yield made
    event.remove(Engine, "commit", count)


def together(*calls: Any) -> list[Any]:
    """Make each call in its own greenlet; the results, or what was raised."""
    group = [gevent.spawn(call) for call in calls]
    gevent.joinall(group)
    return [greenlet.value if greenlet.successful() else greenlet.exception for greenlet in group]


def test_many_writes_share_few_commits(database: Storage, commits: list[int]) -> None:
    archive = database.store("archive", Archive)
    commits.clear()
    crowd = Group()
    for number in range(1000):
        crowd.spawn(archive.append, f"user{number}", Entry(1.0, BOB, None))
    crowd.join(raise_error=True)
    assert len(commits) <= 20
    assert len(archive.page("user999", limit=9_999)) == 1


def test_a_read_sees_the_writes_before_it(database: Storage) -> None:
    roster = database.store("roster", Map)
    calls: list[Any] = []
    for number in range(50):
        calls += [partial(roster.put, ALICE, "n", number), partial(roster.get, ALICE, "n")]
    assert together(*calls)[1::2] == list(range(50))


def test_a_failing_write_does_not_spoil_the_others(database: Storage) -> None:
    vcards = database.store("vcard", Record)
    owners = [f"user{number}" for number in range(100)]
    crowd = [*owners[:37], UNSTORABLE, *owners[37:]]
    results = together(*(partial(vcards.put, owner, 1) for owner in crowd))
    assert isinstance(results[37], StorageError)
    assert [result for result in results if isinstance(result, Exception)] == [results[37]]
    assert list(vcards.owners()) == sorted(owners)


def test_the_writes_of_one_owner_are_carried_out_in_order_whatever_others_do(database: Storage) -> None:
    archive = database.store("archive", Archive)
    together(*(partial(archive.append, f"user{number % 7}", Entry(1.0, BOB, number)) for number in range(1000)))
    for user in range(7):
        kept = [entry.doc for _, entry in archive.page(f"user{user}", limit=1000)]
        assert kept == [number for number in range(1000) if number % 7 == user]


def test_a_failing_step_undoes_the_steps_before_it(database: Storage) -> None:
    roster = database.store("roster", Map)
    roster.put(ALICE, "a", 1)
    with pytest.raises(StorageError, match="roster"):
        roster.change(ALICE, {"a": None, "b": 2, UNSTORABLE: 3})
    assert roster.items(ALICE) == {"a": 1}


def test_other_greenlets_go_on_while_one_waits_for_the_database(sqlite: Storage, path: Path) -> None:
    vcards = sqlite.store("vcard", Record)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = gevent.spawn(vcards.put, ALICE, 1)
        for _ in range(20):
            gevent.sleep(0.001)
        assert not waiting.ready()
        other.execute("COMMIT")
    waiting.get()
    assert vcards.get(ALICE) == 1


def test_a_caller_waits_while_the_queue_is_full(sqlite: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUED_AT_MOST", 3)
    archive = sqlite.store("archive", Archive)
    appended: list[int] = []

    def append(number: int) -> None:
        archive.append(ALICE, Entry(number, BOB, None))
        appended.append(number)

    pouring = [gevent.spawn(append, number) for number in range(10)]
    gevent.wait(pouring, count=1)
    assert len(appended) < 10
    gevent.joinall(pouring)
    assert len(archive.page(ALICE, limit=9_999)) == 10


def test_a_caller_that_gives_up_waiting_leaves_the_write_to_happen(database: Storage) -> None:
    vcards = database.store("vcard", Record)
    waiting = gevent.spawn(vcards.put, ALICE, 1)
    gevent.sleep(0)
    waiting.kill()
    assert vcards.get(ALICE) == 1


def test_closing_finishes_what_was_accepted_and_refuses_the_rest(
    sqlite: Storage, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUEUED_AT_MOST", 5)
    archive = sqlite.store("archive", Archive)
    first = archive.append(ALICE, Entry(1.0, BOB, None))
    crowd = [gevent.spawn(archive.append, ALICE, Entry(1.0, BOB, number)) for number in range(20)]
    gevent.sleep(0)
    sqlite.close()
    gevent.joinall(crowd)
    accepted = {greenlet.value for greenlet in crowd if greenlet.successful()}
    refused = [greenlet.exception for greenlet in crowd if not greenlet.successful()]
    assert accepted
    assert {type(error) for error in refused} == {StorageClosed}
    with closing(sqlite3.connect(path)) as other:
        assert {id.hex() for (id,) in other.execute("SELECT id FROM entry")} == accepted | {first}


def test_closing_gives_up_in_time_what_another_process_does_not_let_happen(
    sqlite: Storage, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vcards = sqlite.store("vcard", Record)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        under_way = gevent.spawn(vcards.put, ALICE, "secret")
        gevent.sleep(0.01)
        queued = gevent.spawn(vcards.put, BOB, "secret")
        looking = gevent.spawn(vcards.get, BOB)
        gevent.sleep(0)
        with gevent.Timeout(1):
            sqlite.close(0.1)
            gevent.joinall([queued, looking])
    assert isinstance(queued.exception, StorageClosed)
    assert isinstance(looking.exception, StorageClosed)
    assert caplog.messages == [f"2 changes were not stored in time: vcard of {ALICE}, vcard of {BOB}"]
    under_way.get()  # the lock is gone, and it was in the thread already


def test_who_does_not_wait_is_told_how_it_ended(database: Storage) -> None:
    archive = database.store("archive", Archive)
    ends: list[tuple[str, Exception | None]] = []

    def put(owner: str) -> None:
        prepared = [archive.prepare(owner, Entry(1.0, BOB, number)) for number in range(2)]
        archive.put_soon(owner, prepared, lambda fault: ends.append((owner, fault)))

    archive.append(BOB, Entry(1.0, ALICE, "early"))
    for owner in (ALICE, UNSTORABLE, BOB):
        put(owner)
    assert len(ends) < 3
    assert [len(archive.page(owner, limit=9)) for owner in (ALICE, BOB)] == [2, 3]
    assert {owner: isinstance(fault, StorageError) for owner, fault in ends} == {
        ALICE: False,
        UNSTORABLE: True,
        BOB: False,
    }
    database.close()
    put(ALICE)
    assert isinstance(ends[-1][1], StorageClosed)


def test_who_does_not_wait_comes_after_what_was_asked_for_before(database: Storage) -> None:
    archive = database.store("archive", Archive)
    archive.append(ALICE, Entry(1.0, BOB, "first"))
    waiting = gevent.spawn(archive.append, ALICE, Entry(1.0, BOB, "second"))
    gevent.sleep(0)
    archive.put_soon(ALICE, [archive.prepare(ALICE, Entry(1.0, BOB, "third"))], lambda _: None)
    waiting.join()
    assert [entry.doc for _, entry in archive.page(ALICE, limit=9)] == ["first", "second", "third"]


def test_what_is_asked_for_in_turns_that_are_due_goes_along(sqlite: Storage, commits: list[int]) -> None:
    archive = sqlite.store("archive", Archive)
    for number in range(40):
        archive.append(f"user{number}", Entry(1.0, BOB, None))
    commits.clear()
    ends: list[Exception | None] = []

    class Turn:
        def __init__(self, owner: str) -> None:
            self.owner = owner

        def turn(self) -> None:
            until = time.perf_counter() + 0.0005
            while time.perf_counter() < until:
                pass
            archive.put_soon(self.owner, [archive.prepare(self.owner, Entry(2.0, BOB, None))], ends.append)

    for number in range(40):
        greenlets.ready(Turn(f"user{number}"))
    while len(ends) < 40:
        gevent.sleep(0.001)
    assert ends == [None] * 40
    assert len(commits) == 1
