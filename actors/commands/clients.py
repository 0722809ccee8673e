"""Clients: which of them can log in to an account (XEP-0494), and how that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from actors.accounts import Account
from actors.clients import Client
from actors.commands.asking import ask, served, user_of
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import ACCOUNT
from actors.commands.results import utc
from actors.mailbox import ListClients, Revoked
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server


@command(
    "client list",
    ACCOUNT,
    columns=("id", "software", "device", "first_seen", "last_seen", "connected", "by"),
    needs_server=False,
)
def client_list(server: Server, jid: JID) -> list[dict[str, Any]]:
    """List the clients that an account is logged in to from: by password, certificate or token, or connected now.

    Clients that do not say which one they are appear only among the sessions.
    """
    account, clients, now = _account(server, jid), served(server, jid).clients, server.router.clock.now()
    connected = ask(user_of(server, jid), ListClients())
    rows = [
        {
            "id": clients.shown(jid, id),
            "software": client.software,
            "device": client.device,
            "first_seen": utc(client.first_seen),
            "last_seen": utc(client.last_seen),
            "connected": id in connected,
            "by": ", ".join(client.ways(account.epoch, now)),
        }
        for id, client in clients.of(jid).items()
    ]
    return sorted((row for row in rows if row["by"] or row["connected"]), key=lambda row: str(row["last_seen"]))


@command("client revoke", ACCOUNT, Parameter("id", str, 'The client\'s id in "client list".'), needs_server=False)
def client_revoke(server: Server, jid: JID, id: str) -> str:
    """End the sessions of one client, and take from it what it was given to log in by.

    One that knows the password can come again until that is changed, which ends the access of all.
    """
    account, clients, now = _account(server, jid), served(server, jid).clients, server.router.clock.now()
    found = [(own, client) for own, client in clients.of(jid).items() if clients.shown(jid, own) == id]
    if not found:
        raise CommandError(f"{jid} has no client {id}", "item-not-found")
    own, client = found[0]
    others = [way for way in client.ways(account.epoch, now) if way != "token"]
    if others:
        clients.change(jid, own, client.last_seen, _without_tokens, anew=False)
    else:
        clients.forget(jid, [own])
    user_of(server, jid).tell(Revoked(own))
    return f"{id} of {jid} revoked" + (f"; it still has a {others[0]}" if others else "")


def _without_tokens(client: Client, _: str) -> Client:
    return replace(client, current=None, new=None)


def _account(server: Server, jid: JID) -> Account:
    account = served(server, jid).accounts.find(jid)
    if account is None:
        raise CommandError(f"there is no account {jid}", "item-not-found")
    return account
