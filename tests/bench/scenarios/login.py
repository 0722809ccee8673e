"""Logging in: clients come one after the other, some at the same time, log in and leave again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tests.bench.load import Client, Load, Script
from tests.bench.login import script
from tests.bench.measure import Row, Usage

GOODBYE = b"</stream:stream>"


@dataclass(frozen=True)
class Login:
    """So many users, who come in turn, and so many of them at once."""

    users: int
    at_once: int

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        away = deque(range(self.users))
        count = 0

        def come() -> None:
            number = away.popleft()
            load.connect(partial(visit, number=number), partial(leave, number))

        def leave(number: int, client: Client) -> None:
            nonlocal count
            count += 1
            client.close()
            away.append(number)
            come()

        for _ in range(self.at_once):
            come()
        load.run_for(min(1.0, seconds / 2))
        before = count
        window = usage.window()
        load.run_for(seconds, lambda: count > before)
        yield Row("", window.end().each("login", count - before))


def visit(client: Client, number: int) -> Script:
    """Logs in and takes leave."""
    yield from script(client, number)
    client.send(GOODBYE)
    yield GOODBYE
