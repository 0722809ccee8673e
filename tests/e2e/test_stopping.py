"""SIGTERM, while clients do what clients do."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from tests.e2e.process import Process
from tests.e2e.raw import HEADER, STARTTLS, Raw, run

# What the server is given to stop (seconds).
BOUND = 2
SETS = (f"limits.stop_seconds={BOUND}",)


def message(to: str, size: int = 20_000) -> str:
    return f"<message to='{to}@localhost/raw' type='chat'><body>{'x' * size}</body></message>"


async def chats(client: Raw, to: str) -> None:
    """Sends and sends, and never waits for an answer."""
    with suppress(ConnectionError):
        while True:
            await client.says(message(to))
            await asyncio.sleep(0)


async def goodbye(client: Raw) -> str:
    """What the server says last."""
    return (await client.ends())[-500:]


def ends_in_time(server: Process) -> bool:
    return server.wait(BOUND + 2) == 0 and "Traceback" not in server.log


def test_every_client_is_told_and_the_server_exits(tmp_path: Path) -> None:
    async def scenario() -> None:
        clients = [await Raw.login(server.ports["c2s_tls"], user) for user in users]
        chatting = [asyncio.create_task(chats(client, users[n - 1])) for n, client in enumerate(clients)]
        endings = [asyncio.create_task(goodbye(client)) for client in clients]
        await asyncio.sleep(0.2)
        server.terminate()
        for ending in endings:
            last_words = await ending
            assert "<system-shutdown" in last_words
            assert last_words.endswith("</stream:stream>")
        await asyncio.gather(*chatting)

    users = [f"user{number}" for number in range(10)]
    with Process(tmp_path, *users, sets=SETS) as server:
        run(scenario())
        assert ends_in_time(server)


def test_a_client_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        deaf = await Raw.login(server.ports["c2s_tls"], "alice")
        deaf.stops_reading()
        sender = await Raw.login(server.ports["c2s_tls"], "bob")
        for number in range(80):
            await sender.says(message("alice", 100_000))
            await sender.pings(number)
        server.terminate()
        assert "<system-shutdown" in await sender.ends()
        assert await asyncio.to_thread(ends_in_time, server)

    with Process(tmp_path, "alice", "bob", sets=SETS) as server:
        run(scenario())


def test_clients_that_are_not_logged_in_hold_nobody_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        silent = await Raw.connect(server.ports["c2s"])
        opened = await Raw.connect(server.ports["c2s"])
        await opened.asks(HEADER, "</stream:features>")
        shaking = await Raw.connect(server.ports["c2s"])
        await shaking.asks(HEADER, "</stream:features>")
        await shaking.asks(STARTTLS, "<proceed[^>]*>")
        await shaking.says(b"\x16\x03\x01")
        directly = await Raw.connect(server.ports["c2s_tls"])
        await directly.says(b"\x16\x03\x01")
        server.terminate()
        for client in (silent, opened):
            assert "<system-shutdown" in await client.ends()
        for client in (shaking, directly):
            assert await client.ends() == ""

    with Process(tmp_path, sets=SETS) as server:
        run(scenario())
        assert ends_in_time(server)


def test_what_was_accepted_before_the_end_is_still_there_afterwards(tmp_path: Path) -> None:
    async def scenario() -> None:
        sender = await Raw.login(server.ports["c2s_tls"], "alice")
        for number in range(50):
            await sender.says(f"<message to='bob@localhost' id='m{number}' type='chat'><body>hi</body></message>")
        await sender.asks(
            "<iq type='get' to='bob@localhost' id='last'><query xmlns='jabber:iq:roster'/></iq>", "id=.last."
        )
        server.terminate()
        await sender.ends()

    async def afterwards() -> None:
        receiver = await Raw.login(server.ports["c2s_tls"], "bob")
        await receiver.says("<presence/>")
        for number in range(50):
            await receiver.hears(f"<message [^>]*id=.m{number}.")

    with Process(tmp_path, "alice", "bob", sets=SETS) as server:
        run(scenario())
        assert ends_in_time(server)
    with Process(tmp_path, sets=SETS) as server:
        run(afterwards())


def test_a_database_that_somebody_else_has_locked_holds_nobody_up_and_the_log_says_what_is_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        clients = [await Raw.login(server.ports["c2s_tls"], user) for user in ("alice", "bob")]
        for client in clients:
            await client.pings(1)  # now all that has to be read is in memory
        with closing(sqlite3.connect(tmp_path / "data" / "parley.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for client in clients:
                item = "<item jid='carol@localhost'/>"
                await client.says(f"<iq type='set' id='r'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
                # Behind it, so that it has come too; and answered without the user, who waits for the database.
                await client.asks("<message to='@'/>", "<jid-malformed")
            server.terminate()
            assert await asyncio.to_thread(ends_in_time, server)
        assert "2 changes were not stored in time: roster of alice@localhost, roster of bob@localhost" in server.log
        for client in clients:
            assert "<iq" not in await client.ends()

    with Process(tmp_path, "alice", "bob", sets=SETS) as server:
        run(scenario())
