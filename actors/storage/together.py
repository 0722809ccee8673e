"""Several reads at once, where each would have to wait for the database by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

from actors.storage.errors import StorageError


def together(*reads: Callable[[], Any]) -> list[Any]:
    """What each of these returns. They go to the database in one batch: most of what each takes is the way there.

    Raises the StorageError of the first that fails, when all have ended.
    """
    ends = [gevent.spawn(_end, read) for read in reads[1:]]
    outcomes = [_end(reads[0]), *(end.get() for end in ends)]
    for outcome in outcomes:
        if isinstance(outcome, StorageError):
            raise outcome
    return outcomes


def _end(read: Callable[[], Any]) -> Any:
    """The error as a value: raised in its greenlet, it would be printed as if it were a bug."""
    try:
        return read()
    except StorageError as error:
        return error
