"""What all who act in a soak share."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from net.control import ask
from tests.e2e.process import Process
from tests.soak.books import Books
from tests.soak.tally import Tally

if TYPE_CHECKING:
    from tests.soak.visit import Visit

PASSWORD = "secret"

# A connection that was cut is known to be gone within so many seconds.
NOTICED = 10.0


class Scene:
    """`people`: the names of the accounts whose messages are accounted for. `over`: nobody begins anything new.

    `visits`: the last one by each full JID. `disabled`: whose accounts an operator has, or just had, disabled.
    """

    def __init__(self, server: Process, folder: Path, people: tuple[str, ...], seed: int) -> None:
        self.server = server
        self.folder = folder
        self.people = people
        self.tally = Tally()
        self.books = Books(self.tally.fault)
        self.over = asyncio.Event()
        self.visits: dict[str, Visit] = {}
        self.disabled: set[str] = set()
        self._seed = seed

    def chance(self, name: str) -> random.Random:
        """Whoever acts has a sequence of choices of its own, so that it does not depend on when others act."""
        return random.Random(f"{self._seed} {name}")

    async def control(self, command: str, **arguments: str) -> Any:
        """A command over the control socket. Raises net.control.Refused."""
        self.tally.acts[f"parleyctl {command}"] += 1
        request = {"command": command, "arguments": arguments}
        return await asyncio.to_thread(ask, self.folder / "data" / "control.sock", request, lasts=True)

    async def pause(self, seconds: float) -> None:
        """Waits so long or until it is over."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            pass

    async def notices_end(self, user: str, address: str) -> None:
        """Waits until the server knows that the connection of this user's from this address is gone."""
        deadline = time.monotonic() + NOTICED
        while any(row["peer"] == address for row in await self.control("session list", jid=f"{user}@localhost")):
            if time.monotonic() > deadline:
                self.tally.fault(f"a connection of {user}'s that was cut is still there")
                return
            await asyncio.sleep(0.02)
