"""People: they come, do this and that, and leave in one way or another, again and again."""

from __future__ import annotations

from itertools import count

from tests.e2e.ledger import Ledger
from tests.soak.client import Client
from tests.soak.endings import log_out
from tests.soak.scene import Scene
from tests.soak.visit import Visit

# Seconds, on average, between two visits.
AWAY = 4.0


class Person:
    """One account, with a visit at a time for each of its resources; the first one keeps roster and private data.

    `circle`: whom this person has most to do with.
    """

    def __init__(self, scene: Scene, number: int, resources: tuple[str, ...]) -> None:
        self.scene = scene
        self.name = scene.people[number]
        self.jid = f"{self.name}@localhost"
        self.address = f"127.0.1.{number + 1}"
        self.resources = resources
        self.circle = [scene.people[(number + step) % len(scene.people)] for step in (1, 2, 3, 5, 8, -1, -2, -3)]
        self.roster = Ledger()
        self.private = Ledger()
        self.clients: dict[str, Client] = {}
        self.numbers = count(1)

    async def live(self, resource: str) -> None:
        """Until it is over."""
        chance = self.scene.chance(f"{self.name}/{resource}")
        await self.scene.pause(chance.uniform(0, AWAY))
        while not self.scene.over.is_set():
            visit = Visit(self, resource, chance)
            await visit.happens()
            await self.scene.pause(chance.expovariate(1 / AWAY))

    async def collects(self) -> None:
        """A last visit, for what is still stored."""
        visit = Visit(self, self.resources[0], self.scene.chance(f"{self.name} collects"))
        client = await visit.arrives()
        if client is None:
            self.scene.tally.fault(f"{self.name} cannot log in at the end")
            return
        await visit.becomes_available()
        await log_out(visit)
        await visit.has_left()

    def settle(self) -> None:
        """What all of its clients have confirmed to have read is judged."""
        clients = self.clients.values()
        if any(client.receptive for client in clients):
            self.scene.books.settle(self.name, min(client.read_till for client in clients))
