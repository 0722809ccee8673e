"""Whoever runs the server, by its control socket and its signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from net.control import Refused
from tests.e2e.raw import Ended
from tests.soak.client import Client
from tests.soak.client import Refused as LoginRefused
from tests.soak.scene import PASSWORD, Scene

# Seconds, on average, between two commands.
BETWEEN = 1.0

# The domain that comes and goes, and an option that changes, each time the configuration is read again.
CONFIGURATIONS = (
    "[hosts.localhost]\nadmins = ['p0@localhost']\nsearch = true\n",
    "[hosts.localhost]\nadmins = ['p0@localhost']\nsearch = true\n[hosts.'b.example']\n",
    "[hosts.localhost]\nadmins = ['p0@localhost', 'p1@localhost']\nsearch = true\n[limits]\nroster = 500\n",
)


class Operator:
    """Somebody with a shell on the machine. `file` is the configuration."""

    def __init__(self, scene: Scene, file: Path) -> None:
        self.scene = scene
        self.file = file
        self.chance = scene.chance("operator")
        self.passing: list[str] = []
        self.numbers = count(1)

    async def live(self) -> None:
        """Until it is over."""
        while not self.scene.over.is_set():
            do = self.chance.choices(list(DUTIES), list(DUTIES.values()))[0]
            try:
                await do(self)
            except Refused as refused:
                self.scene.tally.fault(f"operator: {do.__name__}: {refused}")
            await self.scene.pause(self.chance.expovariate(1 / BETWEEN))


async def add_an_account(operator: Operator) -> None:
    """With which somebody can log in at once."""
    user = f"passing{next(operator.numbers)}"
    operator.passing.append(user)
    await operator.scene.control("account add", jid=f"{user}@localhost", password=PASSWORD)
    try:
        client = await Client.arrives(
            operator.scene.server.ports,
            user,
            PASSWORD,
            way="direct",
            mechanism="SCRAM-SHA-256",
            resource="home",
            address="127.0.101.1",
        )
    except (LoginRefused, Ended) as error:
        operator.scene.tally.fault(f"{user}, just added, cannot log in: {error!r}")
        return
    client.begins(lambda stanza: None)
    to = operator.chance.choice(operator.scene.people)
    await client.request("set", "<query xmlns='jabber:iq:roster'><item jid='friend@localhost' name='x'/></query>")
    await client.tells(f"<presence/><presence to='{to}@localhost' type='subscribe'/>")
    await client.confirms()
    if operator.chance.random() < 0.5:
        await client.tells("</stream:stream>")
        await client.ended()
    else:
        await remove_an_account(operator)
        await client.ended()


async def remove_an_account(operator: Operator) -> None:
    """Sometimes somebody is logged in to it."""
    if operator.passing:
        await operator.scene.control("account remove", jid=f"{operator.passing.pop()}@localhost")


async def kick(operator: Operator) -> None:
    rows = await operator.scene.control("session list")
    bound = [
        row["full_jid"]
        for row in rows
        if row["full_jid"] and row["full_jid"].partition("@")[0] in operator.scene.people
    ]
    if bound:
        full_jid = operator.chance.choice(bound)
        try:
            await operator.scene.control("session kick", full_jid=full_jid)
        except Refused as refused:
            if "there is no session" not in str(refused):  # it may have left by itself
                raise


async def disable_an_account(operator: Operator) -> None:
    """For a while. Those who are logged in to it are sent away."""
    user = operator.chance.choice(operator.scene.people)
    operator.scene.disabled.add(user)
    await operator.scene.control("account disable", jid=f"{user}@localhost", reason="a test")
    await operator.scene.pause(operator.chance.uniform(1, 5))
    await operator.scene.control("account enable", jid=f"{user}@localhost")
    await asyncio.sleep(1)  # a login that has begun before may be refused now
    operator.scene.disabled.discard(user)


async def reload(operator: Operator) -> None:
    """Of another configuration, by the command or by the signal."""
    operator.file.write_text(operator.chance.choice(CONFIGURATIONS))
    if operator.chance.random() < 0.5:
        await operator.scene.control("reload")
    else:
        operator.scene.tally.acts["SIGHUP"] += 1
        operator.scene.server.signal(signal.SIGHUP)


async def back_up(operator: Operator) -> None:
    file = operator.scene.folder / "backup.sqlite"
    await operator.scene.control("backup", file=str(file))
    if file.stat().st_size < 10_000:
        operator.scene.tally.fault("a backup has hardly anything in it")
    file.unlink()


async def check_the_storage(operator: Operator) -> None:
    problems = await operator.scene.control("storage check")
    if problems:
        operator.scene.tally.fault(f"the storage is broken: {problems}")


async def look_around(operator: Operator) -> None:
    command = operator.chance.choice(("status", "session list", "account list", "report list"))
    await operator.scene.control(command)


async def look_closer(operator: Operator) -> None:
    """The log tells everything, for a moment."""
    await operator.scene.control("log", level="debug")
    await operator.scene.pause(operator.chance.uniform(0.5, 2))
    await operator.scene.control("log", level="info")


async def announce(operator: Operator) -> None:
    await operator.scene.control("announce", domain="localhost", text="a storm is coming")


DUTIES: dict[Callable[[Operator], Awaitable[None]], int] = {
    add_an_account: 20,
    remove_an_account: 10,
    kick: 20,
    disable_an_account: 4,
    reload: 6,
    back_up: 2,
    check_the_storage: 2,
    look_around: 20,
    look_closer: 2,
    announce: 2,
}
