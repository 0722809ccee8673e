"""Growth: the same chat, beside more and more clients that are silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.load import Load
from tests.bench.login import log_in
from tests.bench.measure import Row, Usage
from tests.bench.scenarios.chat import Chat, talk


@dataclass(frozen=True)
class Growth:
    """`levels`: how many are silent, in ascending order; the server is the same one throughout."""

    chat: Chat
    levels: tuple[int, ...]

    @property
    def users(self) -> int:
        """How many accounts it takes."""
        return self.chat.users + self.levels[-1]

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        busy = log_in(load, range(self.chat.users))
        there = self.chat.users
        for level in self.levels:
            log_in(load, range(there, self.chat.users + level))
            there = self.chat.users + level
            yield Row(f"{level:,} idle", talk(load, usage, busy, self.chat.window, seconds))
