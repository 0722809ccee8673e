"""Strangers: wrong bytes, wrong passwords, connections that lead nowhere, clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.e2e.raw import HEADER, STARTTLS, Ended, Raw, ending, plain
from tests.soak.badinput import STRANGERS
from tests.soak.client import MECHANISMS, Client
from tests.soak.scene import PASSWORD, Scene

# Seconds, on average, between two things that one of them does.
BETWEEN = 0.6

# An account that is used for reading nothing, and for nothing else.
DEAF = "deaf"
LONG = "x" * 50_000


class Stranger:
    """One of them, who does one thing after another."""

    def __init__(self, scene: Scene, number: int) -> None:
        self.scene = scene
        self.chance = scene.chance(f"stranger {number}")

    async def live(self) -> None:
        """Until it is over."""
        while not self.scene.over.is_set():
            do = self.chance.choices(list(DEEDS), list(DEEDS.values()))[0]
            self.scene.tally.acts[f"stranger: {do.__name__.replace('_', ' ')}"] += 1
            try:
                with ending():
                    await do(self)
            except (Ended, TimeoutError) as error:
                self.scene.tally.fault(f"stranger: {do.__name__}: {error.__cause__ or error!r}")
            await self.scene.pause(self.chance.expovariate(1 / BETWEEN))

    async def connects(self, *, tls: bool) -> Raw:
        """From anywhere: what is counted by address is counted for many."""
        address = f"127.0.{self.chance.randrange(2, 100)}.{self.chance.randrange(1, 255)}"
        return await Raw.connect(self.scene.server.ports["c2s_tls" if tls else "c2s"], tls=tls, address=address)


async def send_bad_input(stranger: Stranger) -> None:
    what, data, expected = stranger.chance.choice(STRANGERS)
    tls = stranger.chance.random() < 0.3 and STARTTLS not in str(data)
    client = await stranger.connects(tls=tls)
    stranger.scene.tally.acts[f"bad input of a stranger: {what}"] += 1
    with suppress(ConnectionError):
        await client.says(data)
    if expected:
        await client.hears(expected)
        client.closes()
    else:
        await client.ends()


async def guess_a_password(stranger: Stranger) -> None:
    client = await stranger.connects(tls=True)
    await client.asks(HEADER, "</stream:features>")
    for _ in range(stranger.chance.randrange(1, 5)):
        user = stranger.chance.choice((*stranger.scene.people, "nobody"))
        await client.asks(plain(user, "wrong"), "<(not-authorized|temporary-auth-failure)/>.*</failure>")
    client.closes(reset=stranger.chance.random() < 0.5)


async def go_nowhere(stranger: Stranger) -> None:
    """A connection that gets to some point of the login, and is not heard of again."""
    said = HEADER + STARTTLS + "\x16\x03\x01"
    client = await stranger.connects(tls=False)
    await client.says(said[: stranger.chance.randrange(len(said))])
    with suppress(ConnectionError):
        if stranger.chance.random() < 0.5:
            await client.ends()  # when the time for a login is over
    client.closes(reset=stranger.chance.random() < 0.5)


async def vanish_while_logging_in(stranger: Stranger) -> None:
    """So that the check of the password, or the binding, has nobody to tell."""
    client = await stranger.connects(tls=True)
    await client.asks(HEADER, "</stream:features>")
    await client.says(plain(DEAF, PASSWORD))
    if stranger.chance.random() < 0.5:
        await client.hears("</success>|<success[^>]*/>")
        await client.asks(HEADER, "</stream:features>")
        await client.says("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    client.closes(reset=stranger.chance.random() < 0.5)


async def read_nothing(stranger: Stranger) -> None:
    """Sends itself long messages until it is cut off."""
    resource = f"deaf{stranger.chance.randrange(1 << 30)}"
    client = await Client.arrives(
        stranger.scene.server.ports,
        DEAF,
        PASSWORD,
        way=stranger.chance.choice(("direct", "starttls")),
        mechanism=stranger.chance.choice(MECHANISMS),
        resource=resource,
        address="127.0.100.1",
    )
    client.stops_reading()
    # Of type normal: it is not kept for later (RFC 6121 §8.5.3.2.1).
    message = f"<message to='{client.full_jid}' type='normal'><body>{LONG}</body></message>"
    with suppress(ConnectionError):
        async with asyncio.timeout(60):
            while True:
                await client.says(message)
                await asyncio.sleep(0.05)
    client.closes()
    await stranger.scene.notices_end(DEAF, client.own_address)


DEEDS: dict[Callable[[Stranger], Awaitable[None]], int] = {
    send_bad_input: 60,
    guess_a_password: 8,
    go_nowhere: 15,
    vanish_while_logging_in: 8,
    read_nothing: 1,
}
