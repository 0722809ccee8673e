"""Reports of spam and abuse: whom users complain of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from actors.commands.asking import served
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import domain
from actors.commands.results import utc
from actors.reports import Reports
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server


@command(
    "report list",
    Parameter("domain", domain, "Only those that users of this domain have made.", required=False),
    columns=("id", "time", "reporter", "reported", "reason", "text", "messages"),
)
def report_list(server: Server, domain: JID | None) -> list[dict[str, Any]]:
    """List the reports of spam and abuse that users have made, oldest first."""
    domains = server.router.domains if domain is None else [served(server, domain)]
    return [
        {
            "id": kept.id,
            "time": utc(kept.when),
            "reported": kept.reported,
            **msgspec.to_builtins(kept.report),
        }
        for served in domains
        for kept in Reports(server.storage, served.jid)
    ]


@command("report remove", Parameter("id", str, "The report's id, as it is listed."))
def report_remove(server: Server, id: str) -> str:
    """Forget a report."""
    if not any(Reports(server.storage, served.jid).remove(id) for served in server.router.domains):
        raise CommandError(f"there is no report {id!r}", "item-not-found")
    return f"{id} removed"
