"""Whom a command is about, and what the actors answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

from actors.actor import Inbox
from actors.commands.declaration import CommandError
from actors.mailbox import ListSessions
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.server import Server

# Seconds that an actor has for its answer; removing an account with a long roster takes a while.
ANSWER_SECONDS = 20.0


def served(server: Server, jid: JID) -> Domain:
    """The domain of this address. Raises CommandError when it is not served here."""
    domain = server.router.domain(jid.domain)
    if domain is None:
        names = ", ".join(served.name for served in server.router.domains)
        raise CommandError(f"{jid.domain} is not served here; served: {names}")
    return domain


def user_of(server: Server, jid: JID) -> Inbox:
    """The User of this account, woken if need be. Raises CommandError, as `served`."""
    served(server, jid)
    return server.router.user(jid.bare)


def sessions_of(server: Server, jid: JID) -> dict[str, Inbox]:
    """The Sessions of this account by resource. Raises CommandError, as `ask`."""
    sessions: dict[str, Inbox] = ask(user_of(server, jid), ListSessions())
    return sessions


def session_of(server: Server, full_jid: JID) -> Inbox:
    """The Session of this full JID. Raises CommandError, as `ask`, and when there is none."""
    try:
        return sessions_of(server, full_jid)[full_jid.resource]
    except KeyError:
        raise CommandError(f"there is no session {full_jid}", "item-not-found") from None


def ask(inbox: Inbox, message: Any) -> Any:
    """What an actor answers. Raises what it raises, and CommandError when it has ended or does not answer."""
    try:
        return inbox.actor.actor_ref.ask(message, timeout=ANSWER_SECONDS)
    except pykka.ActorDeadError:
        raise CommandError(f"{inbox.actor!r} has just ended") from None
    except pykka.Timeout:
        raise CommandError(f"{inbox.actor!r} has not answered within {ANSWER_SECONDS:.0f} seconds") from None
