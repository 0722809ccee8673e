"""Chat: pairs of clients, of which one sends to the other and always has the same number of messages under way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench import users
from tests.bench.load import Client, Load, counting
from tests.bench.login import log_in
from tests.bench.measure import Row, Usage, percentile

BODY = b"It was the lark, the herald of the morn, no nightingale."


@dataclass(frozen=True)
class Chat:
    """`pairs` with `window` messages under way each."""

    pairs: int
    window: int

    @property
    def users(self) -> int:
        """How many accounts it takes."""
        return 2 * self.pairs

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        clients = log_in(load, range(self.users))
        yield Row("", talk(load, usage, clients, self.window, seconds))


def talk(load: Load, usage: Usage, clients: list[Client], window: int, seconds: float) -> dict[str, float]:
    """Lets every second client send to the one after it, which has the number of its place. Raises Stuck."""
    load.settle()
    talks = [_Talk(clients[number], clients[number + 1], number + 1, window) for number in range(0, len(clients), 2)]
    for each in talks:
        each.begin()
    load.run_for(min(1.0, seconds / 2))
    for each in talks:
        each.waits.clear()
    measuring = usage.window()
    load.run_for(seconds, lambda: any(each.waits for each in talks))
    took = measuring.end()
    waits = sorted(wait for each in talks for wait in each.waits)
    for each in talks:
        each.going = False
    # A server that writes to its disk between reading and writing may be silent for longer than `settle` waits.
    load.run(lambda: not any(each.under_way for each in talks))
    load.settle()
    return {
        **took.each("message", sum(count for _, count in waits)),
        "p50 ms": 1e3 * percentile(waits, 0.5),
        "p99 ms": 1e3 * percentile(waits, 0.99),
    }


class _Talk:
    """One pair. `waits`: how long messages took from being sent to being heard (seconds), and how many took so long.

    While it is `going`, another message is sent for each that is heard.
    """

    def __init__(self, sender: Client, receiver: Client, number: int, window: int) -> None:
        message = b"<message to='%b' type='chat' id='m'><body>%b</body></message>" % (users.jid(number).encode(), BODY)
        self.waits: list[tuple[float, int]] = []
        self.going = True
        self._messages = [message * count for count in range(window + 1)]
        self._sender = sender
        self._receiver = receiver
        self._window = window
        self._sent: deque[tuple[float, int]] = deque()

    @property
    def under_way(self) -> int:
        """How many messages have been sent and not been heard."""
        return sum(count for _, count in self._sent)

    def begin(self) -> None:
        self._receiver.hear = counting(b"</message>", self._heard)
        self._send(self._window)

    def _send(self, count: int) -> None:
        self._sent.append((time.perf_counter(), count))
        self._sender.send(self._messages[count])

    def _heard(self, count: int) -> None:
        now = time.perf_counter()
        left = count
        while left:
            sent, number = self._sent.popleft()
            if number > left:
                self._sent.appendleft((sent, number - left))
                number = left
            self.waits.append((now - sent, number))
            left -= number
        if self.going:
            self._send(count)
