"""Archives of messages: how much is in them, and how much of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.commands.asking import served
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import ACCOUNT, jid_or_domain
from actors.commands.results import utc
from actors.storage import Archive
from actors.xeps.archive.retention import AT_ONCE, Limits, Retention
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.server import Server


def _limit(text: str) -> int | None:
    """A number of days, messages or bytes; None for the domain's. Raises ValueError."""
    if text == "-":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ValueError(f"{text!r} is neither a number nor -")
    return int(text)


@command("archive show", ACCOUNT, needs_server=False)
def archive_show(server: Server, jid: JID) -> dict[str, Any]:
    """Show how much is in an account's archive, from when to when, and how much of it is kept.

    Bytes are those of the messages; what a database needs to find them comes on top. A limit of 0 is none.
    """
    domain = _domain(server, jid)
    extent, limits = domain.storage.store("archive", Archive).extent(jid), Retention(domain).limits(jid)
    return {
        "jid": jid,
        "messages": extent.entries if extent is not None else 0,
        "bytes": extent.bytes if extent is not None else 0,
        "first": utc(extent.since) if extent is not None else None,
        "last": utc(extent.until) if extent is not None else None,
        "days_kept": limits.days,
        "messages_kept": limits.messages,
        "bytes_kept": limits.bytes,
    }


@command(
    "archive limit",
    ACCOUNT,
    Parameter("days", _limit, "How long messages are kept; 0: for ever; -: as the domain has it."),
    Parameter("messages", _limit, "How many messages are kept; 0: all.", required=False),
    Parameter("bytes", _limit, "How many bytes of messages are kept; 0: all.", required=False),
    needs_server=False,
)
def archive_limit(server: Server, jid: JID, days: int | None, messages: int | None, bytes: int | None) -> str:
    """Give an account limits of its own, in place of those of its domain (archive_days and so on).

    What is beyond them goes within the hour, or with "archive expire" at once.
    """
    Retention(_domain(server, jid)).limit(jid, Limits(days, messages, bytes))
    return f"{jid} has these limits now"


@command(
    "archive expire",
    Parameter("jid", jid_or_domain, "The archive of this account, or all of this domain.", required=False),
    needs_server=False,
    lasts=True,
)
def archive_expire(server: Server, jid: JID | None) -> str:
    """Remove what is beyond the limits from archives now. A server that runs does so by itself, within the hour."""
    domains = list(server.router.domains) if jid is None else [served(server, jid)]
    removed = sum(_expire(domain, jid if jid is not None and jid.local else None) for domain in domains)
    return f"{removed} messages removed"


def _expire(domain: Domain, owner: JID | None) -> int:
    retention = Retention(domain)
    removed = 0
    for each in [owner] if owner is not None else retention.owners():
        while some := retention.expire(each):
            removed += some
            if some < AT_ONCE:
                break
    return removed


def _domain(server: Server, jid: JID) -> Domain:
    domain = served(server, jid)
    if not domain.accounts.exists(jid):
        raise CommandError(f"there is no account {jid}", "item-not-found")
    return domain
