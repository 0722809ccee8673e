"""Idle: what a client costs that has logged in and is silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.load import Load
from tests.bench.login import log_in
from tests.bench.measure import Row, Usage


@dataclass(frozen=True)
class Idle:
    """`levels`: at how many clients one looks, in ascending order; the server is the same one throughout."""

    levels: tuple[int, ...]

    @property
    def users(self) -> int:
        """How many accounts it takes."""
        return self.levels[-1]

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        before = usage.resident()
        there = 0
        for level in self.levels:
            log_in(load, range(there, level))
            there = level
            load.settle()
            silence = usage.window()
            load.run_for(seconds)
            took = silence.end()
            values = {
                "kB/client": (usage.resident() - before) / level / 1000,
                "% CPU": 100 * took.cpu / took.seconds,
            }
            yield Row(f"{level:,} clients", values)
