"""A reconnect storm: all clients are cut off at once, and all come back at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.load import Load
from tests.bench.login import log_in
from tests.bench.measure import Row, Usage


@dataclass(frozen=True)
class Storm:
    """So many clients."""

    users: int

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        clients = log_in(load, range(self.users))
        load.settle()
        load.run_for(seconds)
        before = usage.resident()
        window = usage.window()
        for client in clients:
            client.close()
        log_in(load, range(self.users), at_once=self.users)
        took = window.end()
        load.settle()
        load.run_for(seconds)
        values = {
            "s until all are back": took.seconds,
            "µs CPU/client": 1e6 * took.cpu / self.users,
            "MB before": before / 1e6,
            "MB after": usage.resident() / 1e6,
        }
        yield Row("", values)
