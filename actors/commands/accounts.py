"""Accounts: who can log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.accounts import AccountExists, NoSuchAccount, PasswordRefused
from actors.commands.asking import ask, served, sessions_of, user_of
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import ACCOUNT, domain
from actors.commands.results import utc
from actors.mailbox import Disabled, Remove
from actors.xeps.last_activity import last_seen
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server

PASSWORD = Parameter("password", str, "The password.", secret=True)


@command("account add", ACCOUNT, PASSWORD, needs_server=False)
def account_add(server: Server, jid: JID, password: str) -> str:
    """Add an account, which can log in from now on."""
    try:
        served(server, jid).accounts.create(jid, password, server.router.clock.now())
    except AccountExists:
        raise CommandError(f"{jid} exists already", "conflict") from None
    except PasswordRefused as error:
        raise CommandError(str(error)) from None
    return f"{jid} added"


@command("account show", ACCOUNT, needs_server=False)
def account_show(server: Server, jid: JID) -> dict[str, Any]:
    """Show an account: when it was made, when its owner was last there (now, with a session), why it is disabled."""
    domain = served(server, jid)
    account = domain.accounts.find(jid)
    if account is None:
        raise CommandError(f"there is no account {jid}", "item-not-found")
    sessions, seen = sessions_of(server, jid), last_seen(domain.storage).get(jid)
    last = server.router.clock.now() if sessions else seen.when if seen is not None else None
    return {
        "jid": jid,
        "created": utc(account.created),
        "last_seen": utc(last) if last is not None else None,
        "sessions": len(sessions),
        "disabled": account.disabled,
    }


@command("account remove", ACCOUNT, needs_server=False)
def account_remove(server: Server, jid: JID) -> str:
    """Remove an account with everything that is stored of it.

    Its sessions end, and its contacts are told that their subscriptions have. Without a server that runs, only contacts
    at the domains served here can be told.
    """
    if not served(server, jid).accounts.exists(jid):
        raise CommandError(f"there is no account {jid}", "item-not-found")
    ask(user_of(server, jid), Remove())
    return f"{jid} removed"


@command("account password", ACCOUNT, PASSWORD, needs_server=False)
def account_password(server: Server, jid: JID, password: str) -> str:
    """Give an account another password. Its sessions go on: they have logged in already."""
    try:
        served(server, jid).accounts.set_password(jid, password)
    except NoSuchAccount:
        raise CommandError(f"there is no account {jid}", "item-not-found") from None
    except PasswordRefused as error:
        raise CommandError(str(error)) from None
    return f"{jid} has a new password"


@command(
    "account disable",
    ACCOUNT,
    Parameter("reason", str, "Why; whoever logs in with the right password is told.", required=False),
    needs_server=False,
)
def account_disable(server: Server, jid: JID, reason: str | None) -> str:
    """Let nobody log in to an account any more, and end its sessions. What is stored of it stays."""
    _disable(server, jid, reason or "")
    return f"{jid} disabled"


@command("account enable", ACCOUNT, needs_server=False)
def account_enable(server: Server, jid: JID) -> str:
    """Let a disabled account log in again."""
    _disable(server, jid, None)
    return f"{jid} enabled"


def _disable(server: Server, jid: JID, reason: str | None) -> None:
    try:
        served(server, jid).accounts.disable(jid, reason)
    except NoSuchAccount:
        raise CommandError(f"there is no account {jid}", "item-not-found") from None
    ask(user_of(server, jid), Disabled(reason))


@command(
    "account list",
    Parameter("domain", domain, "Only the accounts of this domain.", required=False),
    columns=("jid",),
    needs_server=False,
)
def account_list(server: Server, domain: JID | None) -> list[dict[str, Any]]:
    """List the accounts."""
    domains = server.router.domains if domain is None else [served(server, domain)]
    return [{"jid": jid} for served in domains for jid in served.accounts]
