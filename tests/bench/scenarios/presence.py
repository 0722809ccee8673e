"""Presence: in every group, all change their presence, and again as soon as everybody has heard of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

from tests.bench import users
from tests.bench.load import Client, Load, Stuck, counting
from tests.bench.login import log_in
from tests.bench.measure import Row, Usage

SHOWS = (b"away", b"dnd")


@dataclass(frozen=True)
class Presence:
    """So many groups, of users who all are contacts of each other."""

    groups: int

    @property
    def users(self) -> int:
        """How many accounts it takes."""
        return self.groups * users.GROUP

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        clients = log_in(load, range(self.users))
        load.settle()
        groups = [_Group(clients, first) for first in range(0, self.users, users.GROUP)]
        for group in groups:
            group.change()
        load.run_for(min(1.0, seconds / 2))

        def heard() -> int:
            return sum(group.heard for group in groups)

        before = heard()
        window = usage.window()
        load.run_for(seconds, lambda: heard() > before)
        took = window.end()
        count = heard() - before
        for group in groups:
            group.going = False
        load.settle()
        if lost := sum(group.awaited - group.heard for group in groups):
            raise Stuck(f"{lost} presences have not arrived")
        yield Row("", took.each("presence", count))


class _Group:
    """Users who are contacts of each other. `heard`: how many presences of others they have, out of all `awaited`.

    While it is `going`, all change their presence when everybody has heard of the last change.
    """

    def __init__(self, clients: list[Client], first: int) -> None:
        self.heard = self.awaited = 0
        self.going = True
        self._senders: list[tuple[Client, Iterator[bytes]]] = []
        for number in range(first, first + users.GROUP):
            name = users.name(number).encode()
            changes = (b"<presence><show>%b</show><status>I am %b</status></presence>" % (show, name) for show in SHOWS)
            self._senders.append((clients[number], cycle(changes)))
            clients[number].hear = self._others(b">I am %b<" % name)

    def change(self) -> None:
        """All of them change their presence."""
        self.awaited += users.GROUP * (users.GROUP - 1)
        for client, changes in self._senders:
            client.send(next(changes))

    def _others(self, own: bytes) -> Callable[[bytes], None]:
        """Counts the presences of others: some servers let a client hear its own as well."""
        each, each_own = counting(b"</presence>", self._hear), counting(own, self._unhear)

        def hear(data: bytes) -> None:
            each_own(data)
            each(data)

        return hear

    def _hear(self, count: int) -> None:
        self.heard += count
        if self.going and self.heard == self.awaited:
            self.change()

    def _unhear(self, count: int) -> None:
        self.heard -= count
