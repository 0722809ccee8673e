"""What the users of a domain are told by those who run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.commands.asking import served
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import domain
from actors.commands.results import utc
from actors.commands.sessions import session_list
from actors.notices import Kind, Notices, headline
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server


def text(given: str) -> str:
    """Something to be told. Raises ValueError."""
    if not given.strip():
        raise ValueError("there is nothing in the text")
    return given


DOMAIN = Parameter("domain", domain, "The domain whose users are told.")
TEXT = Parameter("text", text, "What they are told.")
ONE_DOMAIN = Parameter("domain", domain, "Only of this domain.", required=False)
COLUMNS = ("domain", "since", "text")


@command("announce", DOMAIN, TEXT)
def announce(server: Server, domain: JID, text: str) -> str:
    """Tell something to all users of a domain who are online now."""
    message = headline(served(server, domain).jid, text)
    audience = [row["full_jid"] for row in session_list(server, domain) if row["available"]]
    for full_jid in audience:
        server.router.route(message.addressed(full_jid))
    return f"told in {len(audience)} sessions"


# -- the message of the day


@command("motd set", DOMAIN, TEXT, needs_server=False)
def motd_set(server: Server, domain: JID, text: str) -> str:
    """Set the message of the day, in place of the one there may be.

    Each user is told it once: those who are online now, the others when they next are.
    """
    motd = _heard(server, domain).set("motd", text, server.router.clock.now())
    message = headline(domain, text, motd.id)
    sessions = (row for row in session_list(server, domain) if row["available"] and row["priority"] >= 0)
    users = dict.fromkeys(row["full_jid"].bare for row in sessions)
    for user in users:
        server.router.route(message.addressed(user))
    return f"set, and told to {len(users)} users"


@command("motd edit", DOMAIN, TEXT, needs_server=False)
def motd_edit(server: Server, domain: JID, text: str) -> str:
    """Correct the message of the day. Whoever has been told it is not told again."""
    if _heard(server, domain).edit("motd", text) is None:
        raise _none(domain, "message of the day")
    return "changed"


@command("motd show", ONE_DOMAIN, columns=COLUMNS, needs_server=False)
def motd_show(server: Server, domain: JID | None) -> list[dict[str, Any]]:
    """Show the message of the day."""
    return _shown(server, domain, "motd")


@command("motd delete", DOMAIN, needs_server=False)
def motd_delete(server: Server, domain: JID) -> str:
    """Delete the message of the day: nobody else is told it."""
    if not served(server, domain).notices.delete("motd"):
        raise _none(domain, "message of the day")
    return "deleted"


# -- the welcome


@command("welcome set", DOMAIN, TEXT, needs_server=False)
def welcome_set(server: Server, domain: JID, text: str) -> str:
    """Set what new users are told when they are first online: those whose accounts are made from now on.

    If there is a welcome already, only its text changes.
    """
    notices = _heard(server, domain)
    if notices.edit("welcome", text) is None:
        notices.set("welcome", text, server.router.clock.now())
    return "set"


@command("welcome show", ONE_DOMAIN, columns=COLUMNS, needs_server=False)
def welcome_show(server: Server, domain: JID | None) -> list[dict[str, Any]]:
    """Show what new users are told."""
    return _shown(server, domain, "welcome")


@command("welcome delete", DOMAIN, needs_server=False)
def welcome_delete(server: Server, domain: JID) -> str:
    """Welcome nobody any more."""
    if not served(server, domain).notices.delete("welcome"):
        raise _none(domain, "welcome")
    return "deleted"


def _heard(server: Server, domain: JID) -> Notices:
    """The notices of a domain whose users hear them."""
    found = served(server, domain)
    if all(feature.name != "notices" for feature in found.hooks.features):
        raise CommandError("nobody would be told: the feature notices is in xeps.disabled")
    return found.notices


def _none(domain: JID, what: str) -> CommandError:
    return CommandError(f"{domain} has no {what}", "item-not-found")


def _shown(server: Server, domain: JID | None, kind: Kind) -> list[dict[str, Any]]:
    domains = server.router.domains if domain is None else [served(server, domain)]
    return [
        {
            "domain": each.name,
            "since": utc(notice.since),
            "text": notice.text,
        }
        for each in domains
        if (notice := each.notices.get(kind)) is not None
    ]
