"""What is measured: rows of figures, and what a server took of the machine for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.bench import proc

LOAD_CPU = "% CPU of load"
"""The figure that says how busy the load was; near 100, it may be what held everything up."""


class Row(NamedTuple):
    """Figures by name with unit, of one `part` of a scenario, "" where it has but one."""

    part: str
    values: dict[str, float]


class Took(NamedTuple):
    """What a stretch of time has cost: seconds by the clock, of the server's CPU, and of the load's own."""

    seconds: float
    cpu: float
    load_cpu: float

    def each(self, thing: str, count: int) -> dict[str, float]:
        """Figures for so many of these, one at least."""
        return {
            f"{thing}s/s": count / self.seconds,
            f"µs CPU/{thing}": 1e6 * self.cpu / count,
            LOAD_CPU: 100 * self.load_cpu / self.seconds,
        }


class Usage:
    """What a server takes: this process and those below it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def window(self) -> Window:
        """Begins to measure time."""
        return Window(self._pid)

    def resident(self) -> int:
        """Bytes of resident memory."""
        return proc.resident(self._pid)


class Window:
    """A stretch of time, from when it is made until `end`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu = proc.cpu(pid)
        self._load_cpu = time.process_time()
        self._began = time.perf_counter()

    def end(self) -> Took:
        """What it has cost."""
        seconds = time.perf_counter() - self._began
        return Took(seconds, proc.cpu(self._pid) - self._cpu, time.process_time() - self._load_cpu)


def percentile(counted: Sequence[tuple[float, int]], part: float) -> float:
    """The least value that so great a part of all is not above. `counted`: values in order, and how often each."""
    left = part * sum(count for _, count in counted)
    for value, count in counted:
        left -= count
        if left <= 0:
            return value
    raise ValueError("there is no percentile of nothing")
