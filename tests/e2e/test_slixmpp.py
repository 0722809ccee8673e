"""slixmpp, a real client: two users meet, talk, and find what came while they were away."""

import ssl
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.process import Process
from tests.e2e.raw import run


@pytest.mark.parametrize("direct_tls", [False, True], ids=["STARTTLS", "direct TLS"])
def test_two_clients_meet_and_talk_and_find_what_came_while_they_were_away(tmp_path: Path, direct_tls: bool) -> None:
    async def scenario() -> None:
        alice, bob = Client("alice", direct_tls=direct_tls), Client("bob", direct_tls=direct_tls)
        await alice.arrives(server)
        await bob.arrives(server)
        for client in (alice, bob):
            assert isinstance(client.socket, ssl.SSLObject)
            assert client.plugin["feature_mechanisms"].mech.name.startswith("SCRAM-")

        alice.send_presence_subscription("bob@localhost")
        assert await alice.sees("got_online") == "bob@localhost"
        assert await bob.sees("got_online") == "alice@localhost"
        alice.tells("bob", "hello")
        assert await bob.hears() == ("alice@localhost", "hello")
        bob.tells("alice", "hello yourself")
        assert await alice.hears() == ("bob@localhost", "hello yourself")

        await bob.leaves()
        assert await alice.sees("got_offline") == "bob@localhost"
        for number in range(3):
            alice.tells("bob", f"waiting {number}")
        again = Client("bob", direct_tls=direct_tls)
        await again.arrives(server)
        assert [await again.hears() for _ in range(3)] == [("alice@localhost", f"waiting {n}") for n in range(3)]
        assert await alice.sees("got_online") == "bob@localhost"
        assert "alice@localhost" in again.client_roster
        assert again.client_roster["alice@localhost"]["subscription"] == "both"
        await again.leaves()
        await alice.leaves()

    with Process(tmp_path, "alice", "bob") as server:
        run(scenario())
        assert "Traceback" not in server.log


def test_a_client_pages_through_the_archive_in_both_directions(tmp_path: Path) -> None:
    async def scenario() -> None:
        alice, bob = Client("alice"), Client("bob")
        for client in (alice, bob):
            client.register_plugin("xep_0313")
            await client.arrives(server)
        for number in range(7):
            alice.tells("bob", str(number))
            assert await bob.hears() == ("alice@localhost", str(number))

        async def told(client: Client, *, reverse: bool = False, with_: str | None = None) -> list[str]:
            found = client.plugin["xep_0313"].iterate(rsm={"max": 3}, reverse=reverse, with_jid=with_)
            return [result["mam_result"]["forwarded"]["stanza"]["body"] async for result in found]

        for client, other in ((alice, "bob@localhost"), (bob, "alice@localhost")):
            assert await told(client) == await told(client, with_=other) == list("0123456")
            assert await told(client, reverse=True) == list("6543210")
            assert await told(client, with_="nobody@localhost") == []
            await client.leaves()

    with Process(tmp_path, "alice", "bob") as server:
        run(scenario())
        assert "Traceback" not in server.log
