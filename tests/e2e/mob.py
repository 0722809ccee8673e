"""Many connections that want too much, in a process of their own, so that they get in nobody's way but the server's.

    python mob.py WHAT PORT COUNT

WHAT is a function below. It says "ready" when it has begun, and ends when it is told to or there is nothing left to do.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from tests.e2e.raw import HEADER, Raw, plain

# Each address brings so many connections.
EACH = 150


def address(number: int) -> str:
    return f"127.1.1.{number // EACH + 1}"


async def lurk(port: int, count: int) -> None:
    """Connects, says nothing or opens a stream, and goes no further."""
    lurkers = [await Raw.connect(port, address=address(number)) for number in range(count)]
    for lurker in lurkers[::2]:
        with suppress(ConnectionError):
            await lurker.says(HEADER)
    print("ready", flush=True)
    await asyncio.sleep(60)


async def guess(port: int, count: int) -> None:
    """Tries a wrong password over a connection of its own each time, as fast as it goes."""
    print("ready", flush=True)

    async def once(number: int) -> None:
        guesser = await Raw.connect(port, tls=True, address=address(number))
        await guesser.asks(HEADER, "</stream:features>")
        await guesser.asks(plain(f"user{number % 7}", "wrong"), "</failure>")
        guesser.closes()

    await asyncio.gather(*(once(number) for number in range(count)))


async def announce(port: int, count: int) -> None:
    """Sends presence without end to so many resources of one user's."""
    audience = [await Raw.login(port, "alice", f"r{number}") for number in range(count)]
    for listener in audience:
        await listener.says("<presence/>")
    hearing = [asyncio.create_task(listener.ends()) for listener in audience[1:]]
    print("ready", flush=True)
    audience[0].stops_reading()
    with suppress(ConnectionError):
        while True:
            await audience[0].says("<presence><status>still here</status></presence>" * 50)
    await asyncio.gather(*hearing)


async def ignore(port: int, count: int) -> None:
    """Sends itself long messages on so many connections and reads none of them."""
    deaf = [await Raw.login(port, "alice", f"r{number}") for number in range(count)]
    print("ready", flush=True)

    async def send(number: int) -> None:
        deaf[number].stops_reading()
        message = f"<message to='alice@localhost/r{number}'><body>{'x' * 50_000}</body></message>"
        with suppress(ConnectionError):
            while True:
                await deaf[number].says(message)

    await asyncio.gather(*(send(number) for number in range(count)))


asyncio.run(globals()[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])))
