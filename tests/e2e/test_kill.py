"""Nothing confirmed is lost: a server is killed in the middle of its work again and again, and asked what is left."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from net.control import Refused, ask
from tests.e2e.ledger import Ledger
from tests.e2e.process import Process
from tests.e2e.raw import Ended, Raw, ending, run
from tests.postgres import PostgresServer

WRITERS = tuple(f"writer{number}" for number in range(5))
READERS = tuple(f"reader{number}" for number in range(3))
KEYS = 20
SECONDS = 12
SEED = random.randrange(1_000_000)  # another one in each run; it is part of the tests' names

numbers = count()


@asynccontextmanager
async def connected(port: int, user: str, resource: str) -> AsyncIterator[Raw]:
    with ending():
        client = await Raw.login(port, user, resource)
    yield client
    client.closes()


async def asks(client: Raw, payload: str, kind: str = "get") -> str:
    """The result of a request to the client's own account, with what was heard before it."""
    return await confirms(client, f"<iq type='{kind}' id='%s'>{payload}</iq>", "result")


async def confirms(client: Raw, request: str, kind: str) -> str:
    id = f"ask{next(numbers)}"
    with ending():
        heard = await client.asks(request.replace("%s", id), rf"<iq [^>]*id=.{id}.[^>]*(/>|>.*?</iq>)")
    answer = heard[heard.rindex("<iq ") :]
    assert re.search(rf"type=.({kind}).", answer), answer
    return heard


class Load:
    """Clients that write, each its own, as fast as they are answered; and the books that are kept of that."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._control = folder / "data" / "control.sock"
        self._chance = chance
        self.rosters = {user: Ledger() for user in WRITERS}
        self.private = {user: Ledger() for user in WRITERS}
        self.messages = {user: Ledger() for user in READERS}
        self.accounts = Ledger()
        self.accounts.kept = {f"{user}@localhost": "there" for user in (*WRITERS, *READERS)}
        self._numbers = count(1)

    def ask(self, command: str, **arguments: str) -> Any:
        return ask(self._control, {"command": command, "arguments": arguments})

    async def work(self, port: int) -> None:
        """Until the server dies."""
        works = [
            *(self._until_killed(self._keep_roster(port, user)) for user in WRITERS),
            *(self._until_killed(self._keep_private(port, user)) for user in WRITERS),
            *(self._until_killed(self._send(port, *pair)) for pair in zip(WRITERS, READERS, strict=False)),
            self._until_killed(self._administer()),
        ]
        await asyncio.gather(*works)

    async def _until_killed(self, work: Awaitable[None]) -> None:
        with suppress(Ended, Refused):
            await work

    def _change(self, ledger: Ledger) -> tuple[str, str | None]:
        key = f"key{self._chance.randrange(KEYS)}"
        gone = key in ledger.kept and self._chance.random() < 0.2
        return key, None if gone else str(next(self._numbers))

    async def _keep_roster(self, port: int, user: str) -> None:
        ledger = self.rosters[user]
        async with connected(port, user, "roster") as client:
            while True:
                key, name = self._change(ledger)
                what = f"name='{name}'" if name else "subscription='remove'"
                item = f"<query xmlns='jabber:iq:roster'><item jid='{key}@localhost' {what}/></query>"
                await ledger.change(key, name, asks(client, item, kind="set"))

    async def _keep_private(self, port: int, user: str) -> None:
        ledger = self.private[user]
        async with connected(port, user, "private") as client:
            while True:
                key, value = self._change(ledger)
                kept = f"<n xmlns='urn:{key}'>{value}</n>" if value else f"<n xmlns='urn:{key}'/>"
                payload = f"<query xmlns='jabber:iq:private'>{kept}</query>"
                await ledger.change(key, value, asks(client, payload, kind="set"))

    async def _send(self, port: int, user: str, reader: str) -> None:
        """A message is confirmed when its recipient's User has answered a request that was sent after it."""
        ledger = self.messages[reader]
        async with connected(port, user, "sender") as client:
            while True:
                id = f"m{next(self._numbers)}"
                message = f"<message to='{reader}@localhost' id='{id}' type='chat'><body>x</body></message>"
                request = f"<iq type='get' id='%s' to='{reader}@localhost'><vCard xmlns='vcard-temp'/></iq>"
                await ledger.change(id, "sent", confirms(client, message + request, "result|error"))

    async def _administer(self) -> None:
        ledger = self.accounts
        while True:
            extra = [jid for jid in ledger.kept if jid.startswith("extra")]
            if len(extra) > 3:
                done = asyncio.to_thread(self.ask, "account remove", jid=extra[0])
                await ledger.change(extra[0], None, done)
            else:
                jid = f"extra{next(self._numbers)}@localhost"
                await ledger.change(jid, "there", asyncio.to_thread(self.ask, "account add", jid=jid, password="x"))

    async def compare(self, port: int) -> None:
        """What is there with what was confirmed."""
        assert await asyncio.to_thread(self.ask, "storage check") == []
        accounts = await asyncio.to_thread(self.ask, "account list")
        self.accounts.compare({row["jid"]: "there" for row in accounts})
        for user in WRITERS:
            async with connected(port, user, "raw") as client:
                roster = await asks(client, "<query xmlns='jabber:iq:roster'/>")
                items = re.findall(r"<item [^>]*>", roster)
                named = {attribute(item, "jid").partition("@")[0]: attribute(item, "name") for item in items}
                self.rosters[user].compare(named)
                found = {}
                for key in (f"key{number}" for number in range(KEYS)):
                    answer = await asks(client, f"<query xmlns='jabber:iq:private'><n xmlns='urn:{key}'/></query>")
                    if value := re.search(r">(\d+)</n>", answer):
                        found[key] = value[1]
                self.private[user].compare(found)
        for reader in READERS:
            async with connected(port, reader, "raw") as client:
                await client.says("<presence/>")
                heard = await asks(client, "<query xmlns='jabber:iq:private'><n xmlns='urn:none'/></query>")
                messages = [attribute(message, "id") for message in re.findall(r"<message [^>]*>", heard)]
                assert len(messages) == len(set(messages))
                ledger = self.messages[reader]
                assert [id for id in messages if id in ledger.kept] == list(ledger.kept)  # in order, too
                ledger.compare(dict.fromkeys(messages, "sent"))
                ledger.kept = {}

    @property
    def confirmed(self) -> dict[str, int]:
        kinds = {"rosters": self.rosters, "private": self.private, "messages": self.messages}
        counts = {kind: sum(ledger.confirmed for ledger in ledgers.values()) for kind, ledgers in kinds.items()}
        return {**counts, "accounts": self.accounts.confirmed}


def attribute(tag: str, name: str) -> str:
    found = re.search(rf"\b{name}=.([^'\"]*)", tag)
    assert found is not None
    return found[1]


def start_and_kill(folder: Path, chance: random.Random, load: Load, *sets: str, users: tuple[str, ...] = ()) -> None:
    """A life of the server: it is compared with what was confirmed in earlier ones, and killed at work."""

    async def scenario() -> None:
        port = server.ports["c2s_tls"]
        if not users:
            await load.compare(port)
        working = asyncio.create_task(load.work(port))
        await asyncio.sleep(0.3 + chance.random())
        assert not working.done()
        server.kill()
        await working

    with Process(folder, *users, sets=sets) as server:
        run(scenario())


def lives(folder: Path, seed: int, most: int, *sets: str) -> None:
    chance = random.Random(seed)
    load = Load(folder, chance)
    start_and_kill(folder, chance, load, *sets, users=(*WRITERS, *READERS))
    until = time.monotonic() + SECONDS
    for _ in range(most):
        start_and_kill(folder, chance, load, *sets)
        if time.monotonic() > until:
            break
    assert min(load.confirmed.values()) > 0


@pytest.mark.parametrize("seed", [SEED])
def test_what_was_confirmed_survives_that_the_server_is_killed(tmp_path: Path, seed: int) -> None:
    lives(tmp_path, seed, 10)


@pytest.mark.parametrize("seed", [SEED])
def test_what_was_confirmed_survives_in_postgresql_too(tmp_path: Path, seed: int) -> None:
    with PostgresServer() as postgres:
        lives(tmp_path, seed, 3, f'storage.url="{postgres.empty("parley")}"')
