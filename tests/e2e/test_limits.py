"""Too many who want too much, while somebody else is being served."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.process import ROOT, Process
from tests.e2e.raw import HEADER, Raw, plain, run
from tests.e2e.undisturbed import undisturbed

MOB = Path(__file__).with_name("mob.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    # A peer that reads nothing is cut off by its full outbox, or by the time, whichever comes first.
    sets = (
        "limits.outbox=1_000_000",
        "limits.write_seconds=3",
        "limits.failed_logins_per_account=50",
        "sasl.iterations=10_000",
    )
    with Process(tmp_path_factory.mktemp("server"), "alice", "bob", sets=sets) as server:
        yield server
        assert "Traceback" not in server.log


@asynccontextmanager
async def mob(what: str, port: int, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A mob that has begun; inside, it goes on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        MOB,
        what,
        str(port),
        str(count),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def test_thousands_of_half_open_connections_are_no_burden(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server), mob("lurk", server.ports["c2s"], 3000):
            await asyncio.sleep(0.5)

    before = server.memory
    run(scenario())
    assert server.memory - before < 3000 * 20_000


def test_a_storm_of_wrong_passwords_does_not_hold_up_others(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server), mob("guess", server.ports["c2s_tls"], 600) as guessers:
            assert await guessers.wait() == 0

    run(scenario())


def test_a_flood_of_presence_does_not_hold_up_others(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server), mob("announce", server.ports["c2s_tls"], 30):
            await asyncio.sleep(3)

    run(scenario())


def test_many_who_do_not_read_do_not_hold_up_others(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server), mob("ignore", server.ports["c2s_tls"], 20) as deaf:
            assert await deaf.wait() == 0

    before = server.memory
    run(scenario())
    cache = 16_000_000  # of the database, which fills meanwhile
    assert server.memory - before < 20 * 4_000_000 + cache


def test_an_address_with_too_many_strangers_is_refused_and_another_is_not(server: Process) -> None:
    async def scenario() -> None:
        port = server.ports["c2s"]
        strangers = [await Raw.connect(port, address="127.0.0.2") for _ in range(200)]
        assert await (await Raw.connect(port, address="127.0.0.2")).ends() == ""
        await (await Raw.connect(port, address="127.0.0.3")).asks(HEADER, "</stream:features>")
        strangers[0].closes()
        await asyncio.sleep(0.1)
        await (await Raw.connect(port, address="127.0.0.2")).asks(HEADER, "</stream:features>")

    run(scenario())


def test_an_account_is_guessed_at_only_so_often_over_however_many_connections(server: Process) -> None:
    async def scenario() -> None:
        heard = ""
        for number in range(60):
            guesser = await Raw.connect(server.ports["c2s_tls"], tls=True, address=f"127.0.1.{number + 1}")
            await guesser.asks(HEADER, "</stream:features>")
            heard += await guesser.asks(plain("somebody", "wrong"), "</failure>")
            guesser.closes()
        assert (heard.count("<not-authorized"), heard.count("<temporary-auth-failure")) == (50, 10)

    run(scenario())
