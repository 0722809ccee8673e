"""Actors that crash, one of each kind, while others are being served."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.process import Process
from tests.e2e.raw import Raw, run

USERS = ("alice", "bob", "romeo", "juliet")


def fatal(kind: str) -> str:
    return f"<crash xmlns='urn:parley:test' of='{kind}'/>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with Process(tmp_path_factory.mktemp("server"), *USERS, fragile=True) as server:
        yield server


class Traffic:
    """romeo and juliet, who chat all the while: each line is answered, in order, before `ends` returns."""

    def __init__(self, server: Process) -> None:
        self._server = server

    async def __aenter__(self) -> None:
        port = self._server.ports["c2s_tls"]
        self._romeo, self._juliet = await Raw.login(port, "romeo"), await Raw.login(port, "juliet")
        self._lines = 0
        self._chat = asyncio.create_task(self._chats())

    async def _chats(self) -> None:
        while True:
            for one, other in ((self._romeo, "juliet"), (self._juliet, "romeo")):
                await one.says(f"<message to='{other}@localhost/raw' id='line{self._lines}' type='chat'/>")
            for one in (self._romeo, self._juliet):
                heard = await one.hears(r"<message [^>]*id=.line\d+.")
                assert f"line{self._lines}" in heard
            self._lines += 1

    async def __aexit__(self, *exception: object) -> None:
        until = self._lines + 10
        while self._lines < until and not self._chat.done():
            await asyncio.sleep(0.001)
        self._chat.cancel()
        with suppress(asyncio.CancelledError):
            await self._chat


def test_a_session_that_crashes_ends_its_own_stream_and_no_other(server: Process) -> None:
    async def scenario() -> None:
        async with Traffic(server):
            port = server.ports["c2s_tls"]
            bad, good = await Raw.login(port, "alice", "bad"), await Raw.login(port, "alice", "good")
            await good.says("<presence/>")
            await bad.says("<presence/>")
            await good.hears("<presence [^>]*from=.alice@localhost/bad.")
            await bad.says(f"<message to='bob@localhost'>{fatal('Session')}</message>")
            assert "<internal-server-error" in await bad.ends()
            gone = await good.hears("<presence [^>]*type=.unavailable.[^>]*>")
            assert "alice@localhost/bad" in gone
            await good.pings(1)
            again = await Raw.login(port, "alice", "bad")
            await again.pings(1)

    run(scenario())


@pytest.mark.parametrize("times", [1, 5])
def test_a_user_that_crashes_is_there_again_and_so_are_its_sessions(server: Process, times: int) -> None:
    async def scenario() -> None:
        async with Traffic(server):
            port = server.ports["c2s_tls"]
            alice, bob = await Raw.login(port, "alice", "a"), await Raw.login(port, "bob", "b")
            second = await Raw.login(port, "alice", "second")
            await second.says("<presence/>")
            await second.hears("<presence [^>]*/second")
            for number in range(times):
                await alice.says(f"<message to='bob@localhost/b'>{fatal('User')}</message>")
                await bob.says(f"<message to='alice@localhost/a' id='m{number}' type='chat'/>")
            for number in range(times):
                await alice.hears(f"id=.m{number}.")
            await alice.pings(1)
            await second.pings(1)
            await bob.says("<message to='alice@localhost' id='bare' type='chat'><body>hi</body></message>")
            await second.hears("<message [^>]*id=.bare.")
            await alice.says("<message to='bob@localhost/b' id='back' type='chat'/>")
            await bob.hears("id=.back.")

    run(scenario())


def test_the_sender_of_what_crashes_a_user_twice_gets_an_error(server: Process) -> None:
    async def scenario() -> None:
        async with Traffic(server):
            alice = await Raw.login(server.ports["c2s_tls"], "alice")
            await alice.says(f"<message to='bob@localhost' id='fatal'>{fatal('User')}</message>")
            assert "<internal-server-error" in await alice.hears("<message [^>]*id=.fatal.[^>]*>.*</message>")

    run(scenario())


def test_a_host_that_crashes_is_there_again(server: Process) -> None:
    async def scenario() -> None:
        async with Traffic(server):
            alice = await Raw.login(server.ports["c2s_tls"], "alice")
            for number in range(3):
                await alice.asks(
                    f"<iq type='get' to='localhost' id='fatal{number}'>{fatal('Host')}</iq>",
                    f"<iq [^>]*id=.fatal{number}.[^>]*>.*<internal-server-error",
                )
                await alice.pings(number)

    run(scenario())


def test_crashes_of_all_kinds_at_once(server: Process) -> None:
    async def scenario() -> None:
        async with Traffic(server):
            port = server.ports["c2s_tls"]
            alice, bob = await Raw.login(port, "alice", "a"), await Raw.login(port, "bob", "b")
            await alice.says(
                f"<message to='bob@localhost'>{fatal('User')}</message>"
                f"<iq type='get' to='localhost' id='x'>{fatal('Host')}</iq>"
                f"<message to='bob@localhost'>{fatal('User')}</message>"
                f"<message to='bob@localhost'>{fatal('Session')}</message>"
            )
            assert "<internal-server-error" in await alice.ends()
            await bob.pings(1)
            again = await Raw.login(port, "alice", "a")
            await again.says("<message to='bob@localhost/b' id='after' type='chat'/>")
            await bob.hears("id=.after.")

    run(scenario())


def test_every_crash_is_logged_with_the_address_line_of_its_stanza(tmp_path: Path) -> None:
    async def scenario() -> None:
        alice = await Raw.login(server.ports["c2s_tls"], "alice")
        await alice.says(f"<message to='bob@localhost' id='fatal'>{fatal('Session')}<body>secret</body></message>")
        await alice.ends()

    with Process(tmp_path, "alice", fragile=True) as server:
        run(scenario())
        assert "crashed on <message" in server.log
        assert "id='fatal'" in server.log
        assert "secret</body>" not in server.log
