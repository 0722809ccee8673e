"""Push notifications (XEP-0357): which devices are called, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.commands.asking import served, user_of
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import ACCOUNT, any_jid
from actors.commands.results import utc
from actors.mailbox import Inbound
from actors.xeps.push.devices import Registrations
from actors.xeps.push.notification import disabling
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server


@command(
    "push list",
    ACCOUNT,
    columns=("app_server", "node", "resource", "client", "since", "enabled", "tried", "result", "errors"),
    needs_server=False,
)
def push_list(server: Server, jid: JID) -> list[dict[str, Any]]:
    """List the devices of an account that are to be called when it is sent messages, and how that went the last time.

    One that is not enabled has been given up, after errors; it will be called again when its client asks for it.
    """
    return [
        {
            "app_server": each.jid,
            "node": each.node,
            "resource": each.resource,
            "client": served(server, jid).clients.shown(jid, each.client) if each.client else "",
            "since": utc(each.since),
            "enabled": each.enabled,
            "tried": utc(each.tried) if each.tried is not None else None,
            "result": each.result,
            "errors": each.errors,
        }
        for each in _registrations(server, jid).of(jid)
    ]


@command(
    "push remove",
    ACCOUNT,
    Parameter("app_server", any_jid, 'The app server, as in "push list".'),
    Parameter("node", str, "One of its nodes; without it all of them.", required=False),
    needs_server=False,
)
def push_remove(server: Server, jid: JID, app_server: JID, node: str | None) -> str:
    """Call a device no more. If its client still wants it, it will enable it again."""
    removed = _registrations(server, jid).remove(jid, app_server, node)
    if not removed:
        raise CommandError(f"{jid} has no such device", "item-not-found")
    # Its User learns of it in the words of a client.
    user_of(server, jid).tell(Inbound(disabling(jid, app_server, node)))
    return f"{removed} removed"


def _registrations(server: Server, jid: JID) -> Registrations:
    domain = served(server, jid)
    if not domain.accounts.exists(jid):
        raise CommandError(f"there is no account {jid}", "item-not-found")
    return Registrations(domain.storage)
