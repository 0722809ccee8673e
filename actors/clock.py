"""The time, and what is to happen after some of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import gevent


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """The time, and what happens after some of it. Tests have one that stands still."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""

    def after(self, seconds: float, do: Callable[[], None]) -> Timer:
        """Calls `do`, which must not wait, after so many seconds."""


class WallClock:
    """The real one."""

    def now(self) -> float:
        return time.time()

    def after(self, seconds: float, do: Callable[[], None]) -> Timer:
        return _LoopTimer(seconds, do)


class _LoopTimer:
    __slots__ = ("_timer",)

    def __init__(self, seconds: float, do: Callable[[], None]) -> None:
        self._timer = gevent.get_hub().loop.timer(seconds)
        self._timer.start(self._fire, do)

    def _fire(self, do: Callable[[], None]) -> None:
        self.cancel()
        do()

    def cancel(self) -> None:
        self._timer.stop()
        self._timer.close()
