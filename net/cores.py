"""Which of the machine's cores the process computes on.

The event loop and the databases' threads share one interpreter, so hardly ever can two of them compute at the same
time; and on two cores they would have to fetch from each other all that both of them touch. So they stay together on
one core, as long as it is theirs. What computes for itself (keys of passwords, backups) may be on any.

Linux alone can be told so; elsewhere, and on a machine with one core, nothing is done.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from gevent import get_hub

log = logging.getLogger(__name__)

# So often it is looked who else wants the core (seconds), and what part of the time may be lost to others.
INTERVAL = 1.0
LOST = 0.2

# After so many looks the loop and the threads come together again, where the loop is by then.
APART = 10


class Times(NamedTuple):
    """Of a thread: seconds in which it has computed, seconds in which it could have but had no core, and its core."""

    used: float
    waited: float
    core: int


def times(thread: int) -> Times | None:
    """Of the thread with this native id; None if there is none, or nobody counts."""
    folder = Path(f"/proc/self/task/{thread}")
    try:
        used, waited, _ = map(int, (folder / "schedstat").read_text().split())
        core = int((folder / "stat").read_text().rpartition(")")[2].split()[36])
    except (OSError, ValueError, IndexError):
        return None
    return Times(used / 1e9, waited / 1e9, core) if used else None


class Cores:
    """Threads that share the loop's data call `stay` again and again, and those that do not call `leave`."""

    def __init__(self) -> None:
        self._all = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()
        self._staying: dict[int, frozenset[int]] = {}
        self._before: dict[int, Times] = {}
        self._looked = 0.0
        self._loop = 0
        self._apart = 0
        self._timer: Any = None
        self.together = self._all
        """Where the event loop is."""

    def watch(self) -> None:
        """From now on the loop of this thread has one core, until `stop`."""
        if len(self._all) > 1:
            self._loop = threading.get_native_id()
            self._timer = get_hub().loop.timer(INTERVAL, repeat=INTERVAL)
            self._timer.start(self._look)

    def stop(self) -> None:
        """Whoever shares data has all cores again."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
            self._go(self._all)

    def stay(self) -> None:
        """Binds the calling thread to where the event loop is."""
        if self._loop:
            thread = threading.get_native_id()
            if self._staying.get(thread) is not self.together:
                self._staying[thread] = self.together
                _bind(self.together)

    def leave(self) -> None:
        """The calling thread, which may have come from one that is bound, has all cores until it is to `stay`."""
        if self._loop:
            self._staying.pop(threading.get_native_id(), None)
            _bind(self._all)

    def _look(self) -> None:
        counted = {thread: found for thread in (self._loop, *self._staying) if (found := times(thread)) is not None}
        if self._loop not in counted:
            if not self._before:
                log.info("the event loop stays on no core: nobody counts who waits for one")
                self.stop()
            return
        before, self._before = self._before, counted
        looked, self._looked = self._looked, time.monotonic()
        if self.together is not self._all:
            passed = self._looked - looked
            if _lost(self._loop, before, counted, passed) > LOST * passed:
                self._apart = APART
                self._go(self._all)
        elif self._apart:
            self._apart -= 1
        else:
            self._go(frozenset((counted[self._loop].core,)))

    def _go(self, cores: frozenset[int]) -> None:
        self.together = cores
        _bind(cores)


def _lost(loop: int, before: dict[int, Times], now: dict[int, Times], passed: float) -> float:
    """Of so many seconds that have passed on one core, those in which the loop has waited for it and neither the loop
    nor those who are to be there have had it; at most, since it is not known when each of them waited.
    """
    used = sum(now[thread].used - before[thread].used for thread in now if thread in before)
    return min(now[loop].waited - before[loop].waited, passed - used)


def _bind(cores: frozenset[int]) -> None:
    try:
        os.sched_setaffinity(0, cores)
    except OSError as error:
        log.debug("not bound to cores %s: %s", sorted(cores), error)


cores = Cores()
