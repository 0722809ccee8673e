"""slixmpp, a real client, uses what the features offer: registers, gives commands, blocks, has copies, sleeps, is
called."""

import asyncio
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from slixmpp.exceptions import IqError
from slixmpp.stanza import Iq
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.e2e.client import Client
from tests.e2e.process import Process
from tests.e2e.raw import PATIENCE, run

PUBSUB = "{http://jabber.org/protocol/pubsub}"
REGISTRATION = ("hosts.localhost.registration=true", "xeps.registration.password_length=6")
ADMINS = ('hosts.localhost.admins=["alice@localhost"]',)


def test_a_client_registers_changes_its_password_and_leaves(tmp_path: Path) -> None:
    async def scenario() -> None:
        carol = Client("carol")
        carol.register_plugin("xep_0077")

        async def register(form: Any) -> None:
            asked = [field["var"] for field in form["register"]["form"].get_fields().values()]
            assert {"username", "password"} <= set(asked) <= {"FORM_TYPE", "username", "password"}
            iq = carol.Iq()
            iq["type"] = "set"
            iq["register"]["username"] = "carol"
            iq["register"]["password"] = "secret"
            await iq.send()

        carol.add_event_handler("register", register)
        await carol.arrives(server)
        assert carol.boundjid.bare == "carol@localhost"
        await carol.plugin["xep_0077"].change_password("another one")
        await carol.plugin["xep_0077"].cancel_registration()
        await carol.happens("disconnected")

    with Process(tmp_path, sets=REGISTRATION) as server:
        run(scenario())
        assert "carol@localhost registered" in server.log
        assert "Traceback" not in server.log
        assert "secret" not in server.log


def test_an_admin_gives_commands_from_a_client(tmp_path: Path) -> None:
    async def scenario() -> None:
        alice, bob = Client("alice"), Client("bob")
        for client in (alice, bob):
            client.register_plugin("xep_0050")
            await client.arrives(server)
        items = await alice.plugin["xep_0050"].get_commands(jid="localhost")
        nodes = {name: node for _, node, name in items["disco_items"]["items"]}
        count = await alice.plugin["xep_0050"].send_command("localhost", nodes["Count users who are online"])
        assert count["command"]["status"] == "completed"
        assert count["command"]["form"].get_values()["onlineusersnum"] == "2"
        asked = await alice.plugin["xep_0050"].send_command("localhost", nodes["Delete users"])
        form = asked["command"]["form"]
        form.set_type("submit")
        form.set_values({"accountjids": ["bob@localhost"]})
        done = await alice.plugin["xep_0050"].send_command(
            "localhost", nodes["Delete users"], action="complete", sessionid=asked["command"]["sessionid"], payload=form
        )
        assert done["command"]["notes"] == [("info", "bob@localhost removed")]
        await bob.happens("disconnected")
        with pytest.raises(IqError):
            await alice.plugin["xep_0050"].send_command("localhost", "nonsense")
        await alice.leaves()

    with Process(tmp_path, "alice", "bob", sets=ADMINS) as server:
        run(scenario())
        assert "Traceback" not in server.log


def test_a_client_blocks_somebody_and_asks_when_somebody_was_here(tmp_path: Path) -> None:
    async def scenario() -> None:
        alice, bob = Client("alice"), Client("bob")
        for client in (alice, bob):
            for plugin in ("xep_0012", "xep_0191"):
                client.register_plugin(plugin)
            await client.arrives(server)
        alice.send_presence_subscription("bob@localhost")
        assert await alice.sees("got_online") == "bob@localhost"
        assert await bob.sees("got_online") == "alice@localhost"
        await bob.plugin["xep_0191"].block("alice@localhost")
        assert await alice.sees("got_offline") == "bob@localhost"
        assert await bob.plugin["xep_0191"].get_blocked_jids() == {"alice@localhost"}
        await bob.plugin["xep_0191"].unblock("alice@localhost")
        assert await alice.sees("got_online") == "bob@localhost"
        bob.send_presence(ptype="unavailable", pstatus="Heading Home")
        await bob.leaves()
        assert await alice.sees("got_offline") == "bob@localhost"
        last = await alice.plugin["xep_0012"].get_last_activity("bob@localhost")
        assert (last["last_activity"]["seconds"] < 20, last["last_activity"]["status"]) == (True, "Heading Home")
        await alice.leaves()

    with Process(tmp_path, "alice", "bob") as server:
        run(scenario())
        assert "Traceback" not in server.log


def test_two_clients_of_one_user_share_a_conversation_and_one_of_them_sleeps(tmp_path: Path) -> None:
    async def copied(client: Client, event: str) -> tuple[str, str, str]:
        message = (await client.happens(event))[event]
        return message["from"].bare, message["to"].bare, message["body"]

    async def scenario() -> None:
        alice, desk, phone = Client("alice"), Client("bob", "desk"), Client("bob", "phone")
        for client in (alice, desk, phone):
            for plugin in ("xep_0085", "xep_0280", "xep_0352"):
                client.register_plugin(plugin)
            await client.arrives(server)
            await client.plugin["xep_0280"].enable()

        alice.send_message(mto=desk.boundjid.full, mbody="hello", mtype="chat")
        assert await desk.hears() == ("alice@localhost", "hello")
        assert await copied(phone, "carbon_received") == ("alice@localhost", "bob@localhost", "hello")
        desk.tells("alice", "hello yourself")
        assert await alice.hears() == ("bob@localhost", "hello yourself")
        assert await copied(phone, "carbon_sent") == ("bob@localhost", "alice@localhost", "hello yourself")

        phone.plugin["xep_0352"].send_inactive()
        typing = alice.make_message(mto=desk.boundjid, mtype="chat")
        typing["chat_state"] = "composing"
        typing.send()
        alice.send_message(mto=desk.boundjid.full, mbody="wake up", mtype="chat")
        # What comes next is not that she was typing.
        assert await copied(phone, "carbon_received") == ("alice@localhost", "bob@localhost", "wake up")
        phone.plugin["xep_0352"].send_active()
        for client in (alice, desk, phone):
            await client.leaves()

    with Process(tmp_path, "alice", "bob") as server:
        run(scenario())
        assert "Traceback" not in server.log


def test_a_phone_that_is_away_is_called_by_its_app_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        phone, app_server, bob = Client("alice", "phone"), Client("carol", "push"), Client("bob")
        called: asyncio.Queue[Iq] = asyncio.Queue()
        app_server.register_handler(
            Callback("push", MatchXPath(f"{{jabber:client}}iq/{PUBSUB}pubsub"), called.put_nowait)
        )
        for client in (phone, app_server, bob):
            await client.arrives(server)
        app_server.send_presence(pto="alice@localhost")
        assert await phone.sees("got_online") == "carol@localhost"
        enable = ET.Element("{urn:xmpp:push:0}enable", {"jid": "carol@localhost/push", "node": "yxs32"})
        await phone.make_iq_set(sub=enable).send()
        await phone.leaves()
        bob.tells("alice", "hello")
        async with asyncio.timeout(PATIENCE):
            push = await called.get()
        publish = push.xml.find(f"{PUBSUB}pubsub/{PUBSUB}publish")
        assert (push["from"], publish.get("node")) == ("alice@localhost", "yxs32")
        assert publish.find(f"{PUBSUB}item/{{urn:xmpp:push:0}}notification/{{jabber:x:data}}x") is not None
        push.reply().send()
        for client in (app_server, bob):
            await client.leaves()

    with Process(tmp_path, "alice", "bob", "carol") as server:
        run(scenario())
        assert "Traceback" not in server.log
