"""Rosters: what accounts know about their contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.commands.asking import served
from actors.commands.declaration import CommandError, command
from actors.commands.parameters import ACCOUNT
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server


@command(
    "roster show",
    ACCOUNT,
    columns=("jid", "listed", "name", "groups", "subscription", "ask", "pending_in", "approved"),
    needs_server=False,
)
def roster_show(server: Server, jid: JID) -> list[dict[str, Any]]:
    """Show the contacts of an account.

    One that is not listed is not in its roster: all there is of it is a request for a subscription (pending in).
    """
    domain = served(server, jid)
    if not domain.accounts.exists(jid):
        raise CommandError(f"there is no account {jid}", "item-not-found")
    return [
        {
            "jid": contact,
            "listed": item.listed,
            "name": item.name,
            "groups": list(item.groups),
            "subscription": item.subscription,
            "ask": item.asked,
            "pending_in": item.asks,
            "approved": item.approved,
        }
        for contact, item in sorted(domain.rosters.load(jid))
    ]
