"""Somebody who is being served while others do what they should not."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.e2e.process import Process
from tests.e2e.raw import Raw

# The longest that others may wait for an answer, on a machine that has other things to do as well (seconds).
UNDISTURBED = 0.5


@asynccontextmanager
async def undisturbed(server: Process) -> AsyncIterator[None]:
    """Inside, somebody else keeps asking for signs of life, and gets them in time."""
    client = await Raw.login(server.ports["c2s_tls"], "bob", "ping")
    waits: list[float] = []

    async def ping() -> None:
        while True:
            asked = time.monotonic()
            await client.pings(len(waits))
            waits.append(time.monotonic() - asked)
            await asyncio.sleep(0.001)

    pinging = asyncio.create_task(ping())
    try:
        yield
        count = len(waits)
        while len(waits) < count + 2:
            assert not pinging.done()
            await asyncio.sleep(0.001)
    finally:
        pinging.cancel()
    assert max(waits) < UNDISTURBED, max(waits)
