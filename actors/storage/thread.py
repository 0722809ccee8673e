"""Native threads, for what would hold up the event loop: a database's driver."""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from gevent.threadpool import ThreadPool

from net.cores import cores

T = TypeVar("T")


class _Raised(NamedTuple):
    error: BaseException


class Thread:
    """Does one thing at a time, in the order in which it was told to; the greenlet that told it waits, others go on."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` returns in the thread. Raises what it raises."""
        outcome = self._pool.apply(_outcome, (work, arguments))
        if isinstance(outcome, _Raised):
            raise outcome.error
        return outcome  # type: ignore[no-any-return]

    def end(self) -> None:
        self._pool.kill()


def aside(steps: Generator[T, None, None]) -> list[T]:
    """All that the steps yield, gone through in a thread of their own.

    After each step the event loop has its turn: a thread that computes without a pause would make it wait for the
    interpreter again and again.
    """
    thread = Thread()
    found: list[T] = []
    try:
        thread.run(cores.leave)
        while step := thread.run(_step, steps):
            found += step
    finally:
        thread.run(steps.close)
        thread.end()
    return found


def _step(steps: Generator[T, None, None]) -> list[T]:
    """The next thing in a list, or nothing in it at the end: StopIteration cannot pass through a generator's caller."""
    return [found for _, found in zip((None,), steps, strict=False)]


def _outcome(work: Callable[..., T], arguments: tuple[Any, ...]) -> T | _Raised:
    """As a value even if it is an error: raised in the thread, that would be printed as if it were a bug."""
    try:
        return work(*arguments)
    except Exception as error:
        return _Raised(error)
