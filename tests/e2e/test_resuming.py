"""Streams are resumed after lost connections, and after the death of the server (XEP-0198)."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e import resuming
from tests.e2e.client import Client
from tests.e2e.process import Process
from tests.e2e.raw import PATIENCE, run
from tests.postgres import PostgresServer

SEED = random.randrange(1_000_000)  # another one in each run; it is part of the test's name


class Resuming(Client):
    """slixmpp with stream management."""

    EVENTS = (*Client.EVENTS, "sm_enabled", "session_resumed")

    def __init__(self, user: str) -> None:
        super().__init__(user, direct_tls=True)
        self.register_plugin("xep_0198")

    async def arrives(self, server: Process) -> None:
        await super().arrives(server)
        await self.happens("sm_enabled")

    async def loses_its_connection(self) -> None:
        assert self.transport is not None
        self.transport.abort()
        await self.happens("disconnected")

    async def comes_back(self, server: Process) -> None:
        self.connect("127.0.0.1", server.ports["c2s_tls"])
        await self.happens("session_resumed")


def test_a_client_misses_nothing_while_its_connection_is_cut(tmp_path: Path) -> None:
    async def scenario() -> None:
        alice, bob = Resuming("alice"), Resuming("bob")
        await alice.arrives(server)
        await bob.arrives(server)
        for number in range(5):
            alice.tells("bob", f"before {number}")
        await bob.loses_its_connection()
        bob.tells("alice", "said without a connection")
        for number in range(5):
            alice.tells("bob", f"meanwhile {number}")
        await bob.comes_back(server)
        expected = [f"before {n}" for n in range(5)] + [f"meanwhile {n}" for n in range(5)]
        assert [(await bob.hears())[1] for _ in expected] == expected
        bob.tells("alice", "back")
        assert [(await alice.hears())[1] for _ in range(2)] == ["said without a connection", "back"]
        await bob.leaves()
        await alice.leaves()

    with Process(tmp_path, "alice", "bob") as server:
        run(scenario())
        assert "Traceback" not in server.log


@pytest.mark.parametrize("end", [Process.kill, Process.terminate])
def test_a_client_goes_on_when_the_server_has_been_started_again(tmp_path: Path, end: object) -> None:
    async def scenario() -> None:
        alice, bob = Resuming("alice"), Resuming("bob")
        with Process(tmp_path, "alice", "bob") as server:
            await alice.arrives(server)
            await bob.arrives(server)
            await bob.loses_its_connection()
            alice.tells("bob", "kept")
            await asyncio.wait_for(all_acknowledged(alice), PATIENCE)
            end(server)  # type: ignore[operator]
            await asyncio.to_thread(server.wait)
            await alice.happens("disconnected")
        with Process(tmp_path) as server:
            await bob.comes_back(server)
            assert (await bob.hears())[1] == "kept"
            await alice.comes_back(server)
            bob.tells("alice", "here")
            assert (await alice.hears())[1] == "here"
            await bob.leaves()
            await alice.leaves()
            assert "Traceback" not in server.log

    run(scenario())


async def all_acknowledged(client: Client) -> None:
    while client.plugin["xep_0198"].unacked_queue:
        client.plugin["xep_0198"].request_ack()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", [SEED])
def test_every_message_arrives_once_and_in_order_on_every_device(tmp_path: Path, seed: int) -> None:
    phones = resuming.run(tmp_path, 5, seed)
    assert all(phone.resumed > 0 for phone in phones)
    assert all(phone.heard for phone in phones)


@pytest.mark.parametrize("seed", [SEED])
def test_every_message_arrives_once_and_in_order_over_a_network_that_fails(tmp_path: Path, seed: int) -> None:
    phones = resuming.run(tmp_path, 2, seed, resumptions=20)
    assert sum(phone.resumed for phone in phones) >= 40
    assert all(phone.heard for phone in phones)


@pytest.mark.parametrize("seed", [SEED])
def test_every_message_arrives_once_with_postgresql_too(tmp_path: Path, seed: int) -> None:
    with PostgresServer() as postgres:
        resuming.run(tmp_path, 3, seed, f'storage.url="{postgres.empty("parley")}"')
