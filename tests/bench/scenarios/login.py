"""Logging in: clients come one after the other, some at the same time, log in and leave again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from tests.bench.load import Client, Load, Script
from tests.bench.login import AT_ONCE, script
from tests.bench.measure import Row, Usage

GOODBYE = b"</stream:stream>"


@dataclass(frozen=True)
class Login:
    """So many users, who come in turn."""

    users: int

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        numbers = cycle(range(self.users))
        count = 0

        def come() -> None:
            load.connect(partial(visit, number=next(numbers)), leave)

        def leave(client: Client) -> None:
            nonlocal count
            count += 1
            client.close()
            come()

        for _ in range(AT_ONCE):
            come()
        load.run_for(min(1.0, seconds / 2))
        before = count
        window = usage.window()
        load.run_for(seconds)
        yield Row("", window.end().each("login", count - before))


def visit(client: Client, number: int) -> Script:
    """Logs in and takes leave."""
    yield from script(client, number)
    client.send(GOODBYE)
    yield GOODBYE
