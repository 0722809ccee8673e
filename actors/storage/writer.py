"""One native thread owns a connection; everybody else queues.

Whatever has queued up while the thread was busy becomes its next transaction, so many writes share one commit, and with
it one wait for the disk. Reads queue like writes and so see every write before them.

After every step in the database the thread has to win back the interpreter lock, which a busy event loop gives up late.
That is why inserts of the same kind that meet in a batch become one statement of many rows.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple, TypeVar, cast

import gevent
from gevent.event import AsyncResult, Event
from sqlalchemy import Connection, CursorResult, Executable

from actors.storage.errors import StorageClosed, StorageError, reason
from actors.storage.insertion import Insertion
from actors.storage.thread import Thread
from net.cores import cores
from net.greenlets import greenlets

QUEUED_AT_MOST = 1000
"""Jobs that may wait; a caller that finds the queue full waits before it may queue."""

ROUNDS_AT_MOST = 8
"""So many times the event loop goes round, with 5 ms of turns each time, before what has queued up is begun with."""

A_MOMENT = 1e-6
"""Seconds. With 0 it would not be a timer, and the event loop need not look at its sockets in between."""

WRITES = "writes"
"""In the `info` of a connection: whether the transaction that begins next does more than read."""

T = TypeVar("T")


class Step(NamedTuple):
    """A statement with its parameters; a list of them runs it once for each, gives no result, and may share a statement
    with its neighbours in the queue. An Insertion has a list of rows."""

    statement: Executable | Insertion
    parameters: dict[str, Any] | list[Any]

    def run(self, connection: Connection) -> CursorResult[Any] | None:
        """What the database answers; None if nobody asks. Raises what SQLAlchemy raises."""
        if isinstance(self.statement, Insertion):
            self.statement.run(connection, cast("list[Any]", self.parameters))
            return None
        return connection.execute(self.statement, self.parameters)


class Job:
    """Steps that happen together or not at all, on behalf of an owner's store. `then` hears of their end."""

    __slots__ = ("owner", "steps", "store", "then")

    def __init__(self, steps: Sequence[Step], store: str | None = None, owner: str | None = None) -> None:
        self.steps = steps
        self.store = store
        self.owner = owner
        self.then: Callable[[Any], None] = _nobody

    @property
    def changes(self) -> bool:
        """Whether it is to store something, and not only to look."""
        return not all(step.statement.is_select for step in self.steps)

    def failed(self, cause: BaseException | None) -> StorageError:
        error = StorageError(reason(cause), store=self.store, owner=self.owner)
        error.__cause__ = cause
        return error


def _nobody(_outcome: Any) -> None:
    """Hears of the end of a job that nobody waits for, or that has not begun."""


class _Spoilt(Exception):
    """A job of the batch failed, by the fault given as the cause."""


class _Lost(Exception):
    """The connection broke before anything could be committed, by the fault given as the cause."""


class Writer:
    """Runs jobs in the order given. `connect` is called in the thread, once, and its errors come out of here."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._thread = Thread()
        self._queue: list[Job] = []
        self._under_way: list[Job] = []
        self._room = Event()
        self._draining: gevent.Greenlet | None = None
        self._closed = False
        try:
            self._connection = self._thread.run(connect)
        except BaseException:
            self._thread.end()
            raise

    def run(self, job: Job) -> Any:
        """Wait until the job is committed and return its last step's result: rows if it has any, else their number.

        StorageError if it failed, or StorageClosed. A caller that is killed while it waits does not stop the job.
        """
        end = AsyncResult()
        self.begin(job, end.set)
        outcome = end.get()
        if isinstance(outcome, StorageError):
            raise outcome
        return outcome

    def begin(self, job: Job, then: Callable[[Any], None] = _nobody) -> None:
        """As `run`, but waits only while the queue is full. `then` is called with the result or the StorageError; it
        must not wait. Raises StorageClosed.
        """
        job.then = then
        self.make_room()
        self._queue.append(job)
        if self._draining is None:
            self._draining = gevent.spawn(self._drain)

    def make_room(self) -> None:
        """Wait while the queue is full: what is begun before anybody else has a turn does not wait. Raises
        StorageClosed.
        """
        while len(self._queue) >= QUEUED_AT_MOST and not self._closed:
            self._room.clear()
            self._room.wait()
        if self._closed:
            raise StorageClosed

    def alone(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, done in the thread between two transactions. StorageError for whatever it raises."""
        if self._closed:
            raise StorageClosed

        def apart() -> T:
            cores.leave()
            return work(self._connection)

        try:
            return self._thread.run(apart)
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(reason(error)) from error

    def close(self, seconds: float | None = None) -> list[Job]:
        """Finish the queue, then close the connection and end the thread; None: however long that takes.

        Returns the jobs that were not done after so many seconds. Those in the thread by then may still be.
        """
        if self._closed:
            return []
        self._closed = True
        self._room.set()
        ending = gevent.spawn(self._end)
        ending.join(seconds)
        if ending.ready():
            ending.get()
            return []
        dropped, self._queue = self._queue, []
        for job in dropped:
            job.then(StorageClosed())
        return self._under_way + dropped

    def _end(self) -> None:
        if self._draining is not None:
            self._draining.join()
        self._thread.run(self._connection.close)
        self._thread.end()

    def _drain(self) -> None:
        while self._queue:
            self._gather()
            jobs, self._queue = self._queue, []
            self._under_way = jobs
            self._room.set()
            for job, outcome in zip(jobs, self._thread.run(self._settle, jobs), strict=True):
                job.then(outcome)
        self._under_way = []
        self._draining = None

    def _gather(self) -> None:
        """Those whose turn is due come along: the more go together, the less each of them costs."""
        for _ in range(ROUNDS_AT_MOST):
            if not greenlets.pressed:
                return
            gevent.sleep(A_MOMENT)

    # From here on: in the thread.

    def _settle(self, jobs: list[Job], *, again: bool = True) -> list[Any]:
        """The result of each job, or the StorageError that it failed with."""
        cores.stay()
        try:
            return self._transact(jobs)
        except _Spoilt as spoilt:
            if len(jobs) == 1:
                return [jobs[0].failed(spoilt.__cause__)]
            # One job must not spoil the others. Halving finds it in few commits and keeps the order.
            middle = len(jobs) // 2
            return self._settle(jobs[:middle]) + self._settle(jobs[middle:])
        except _Lost as lost:
            # Most likely it broke while it was idle. Nothing has been done yet, and SQLAlchemy connects anew.
            return self._settle(jobs, again=False) if again else [job.failed(lost.__cause__) for job in jobs]
        except Exception as error:
            # The database could not begin or commit (locked, full, broken, away): no job is to blame, none can succeed.
            # After a failed commit the transaction may still be open, though SQLAlchemy takes it for ended.
            if not self._connection.invalidated:
                with suppress(Exception):
                    self._connection.connection.rollback()
            return [job.failed(error) for job in jobs]

    def _transact(self, jobs: list[Job]) -> list[Any]:
        results: list[Any] = []
        self._connection.info[WRITES] = not all(step.statement.is_select for job in jobs for step in job.steps)
        with self._connection.begin():
            for _, alike in groupby(jobs, key=_kind):
                results += self._perform(list(alike))
        return results

    def _perform(self, alike: list[Job]) -> list[Any]:
        try:
            if len(alike) > 1:
                rows = [row for job in alike for row in job.steps[0].parameters]
                Step(alike[0].steps[0].statement, rows).run(self._connection)
                return [None] * len(alike)
            for step in alike[0].steps:
                result = step.run(self._connection)
            if result is None:
                return [None]
            return [result.fetchall() if result.returns_rows else result.rowcount]
        except Exception as error:
            raise _Lost if self._connection.invalidated else _Spoilt from error


def _kind(job: Job) -> int:
    """Equal for neighbours that may share a statement."""
    alone = len(job.steps) > 1 or isinstance(job.steps[0].parameters, dict)
    return id(job) if alone else id(job.steps[0].statement)
