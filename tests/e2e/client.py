"""slixmpp, a real client, with an event at a time."""

import asyncio
from typing import Any

import slixmpp

from tests.e2e.process import Process
from tests.e2e.raw import PATIENCE, trusting


class Client(slixmpp.ClientXMPP):
    """A user of `localhost`. `happens` waits for the next event of a name; each is seen once."""

    EVENTS = (
        *("session_start", "message", "got_online", "got_offline", "disconnected"),
        *("carbon_received", "carbon_sent"),
    )

    def __init__(self, user: str, resource: str = "slixmpp", *, direct_tls: bool = False) -> None:
        super().__init__(f"{user}@localhost/{resource}", "secret", ssl_context=trusting())
        self.enable_direct_tls = direct_tls
        self.enable_starttls = not direct_tls
        self._queues: dict[str, asyncio.Queue[Any]] = {}
        for name in self.EVENTS:
            queue = self._queues[name] = asyncio.Queue()
            self.add_event_handler(name, queue.put_nowait)

    async def happens(self, event: str) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self._queues[event].get()

    async def sees(self, event: str) -> str:
        """Whom it is that comes or goes next; not the user itself."""
        while (user := (await self.happens(event))["from"].bare) == self.boundjid.bare:
            pass
        return str(user)

    async def arrives(self, server: Process) -> None:
        """Logs in, asks for the roster and becomes available."""
        direct = self.enable_direct_tls
        self.connect("127.0.0.1", server.ports["c2s_tls" if direct else "c2s"])
        await self.happens("session_start")
        await self.get_roster()
        self.send_presence()

    async def leaves(self) -> None:
        self.disconnect()
        await self.happens("disconnected")

    def tells(self, user: str, text: str) -> None:
        self.send_message(mto=f"{user}@localhost", mbody=text, mtype="chat")

    async def hears(self) -> tuple[str, str]:
        message = await self.happens("message")
        return message["from"].bare, message["body"]
