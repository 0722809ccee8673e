"""A network that fails: between clients and a server, it cuts, stalls, trickles, and keeps from one side that the other
has gone."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Self

# What becomes of some bytes on their way, by how often that happens.
FATES = {"pass": 1000, "delay": 60, "trickle": 25, "stall": 12, "cut": 8, "half-open": 8}

LONGEST_DELAY = 0.02
LONGEST_STALL = 0.3
LONGEST_LINGER = 0.5


class RoughNetwork:
    """Listens on `port` and passes on to `target`, both on 127.0.0.1."""

    def __init__(self, target: int, chance: random.Random) -> None:
        self._target = target
        self._chance = chance
        self._wires: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        for wire in self._wires:
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = asyncio.create_task(self._connect(reader, writer))
        self._wires.add(wire)
        wire.add_done_callback(self._wires.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._carry(reader, far_writer)),
            asyncio.create_task(self._carry(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if any(way.done() and way.result() == "half-open" for way in ways):
                self._chance.choice((writer, far_writer)).transport.abort()
                # The other side does not hear of it yet, and what is under way may still arrive.
                await asyncio.sleep(self._chance.random() * LONGEST_LINGER)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            far_writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Passes on what comes, until the connection ends: returns how."""
        with suppress(ConnectionError):
            while data := await reader.read(1 << 14):
                (fate,) = self._chance.choices(tuple(FATES), FATES.values())
                if fate == "delay":
                    await asyncio.sleep(self._chance.random() * LONGEST_DELAY)
                elif fate == "stall":
                    await asyncio.sleep(self._chance.random() * LONGEST_STALL)
                elif fate == "trickle":
                    await self._trickle(data, writer)
                    continue
                elif fate in ("cut", "half-open"):
                    await self._pass(data[: self._chance.randrange(len(data))], writer)
                    return fate
                await self._pass(data, writer)
        return "ended"

    async def _trickle(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """A few bytes at a time."""
        step = max(1, len(data) // 20)
        for start in range(0, len(data), step):
            await self._pass(data[start : start + step], writer)
            await asyncio.sleep(0.002)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
