"""Sessions: who is connected, and how."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import pykka

from actors.actor import Inbox
from actors.commands import asking
from actors.commands.asking import ask, session_of, sessions_of, user_of
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import full_jid, jid_or_domain
from actors.mailbox import Kick, Show
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server

SESSION = Parameter("full_jid", full_jid, "The session's full address, as in romeo@example.org/phone.")

# So many Sessions are asked at a time: what each says of itself is much longer than the row that is made of it.
ASKED_AT_ONCE = 500

# A Session that waits for something that does not come (storage, most likely) has to be seen too.
SILENT = {"full_jid": None, "type": "silent", "priority": None, "presence": None, "interested": None, "conn": None}


@command(
    "session list",
    Parameter("jid", jid_or_domain, "Only the sessions bound by this account, or at this domain.", required=False),
    columns=("full_jid", "type", "priority", "available", "interested", "peer", "tls"),
)
def session_list(server: Server, jid: JID | None) -> list[dict[str, Any]]:
    """List the sessions, with those that are still logging in.

    One that does not answer is listed as silent.
    """
    of_account = jid is not None and bool(jid.local)
    sessions: Iterable[Inbox] = sessions_of(server, jid).values() if jid and of_account else [*server.router.sessions]
    rows = [_row(fields) for fields in _shown(sessions)]
    if jid is not None and not of_account:
        rows = [row for row in rows if row["full_jid"] is not None and row["full_jid"].domain == jid]
    return sorted(rows, key=lambda row: (row["full_jid"] is None, row["full_jid"] or "", row["peer"] or ""))


def _row(fields: Mapping[str, Any]) -> dict[str, Any]:
    conn = fields["conn"] or {"peer": None, "tls": None}
    return {
        "full_jid": fields["full_jid"],
        "type": fields["type"],
        "priority": fields["priority"],
        "available": fields["presence"] is not None,
        "interested": fields["interested"],
        "peer": conn["peer"],
        "tls": conn["tls"],
    }


def _shown(sessions: Iterable[Inbox]) -> Iterator[dict[str, Any]]:
    """What the Sessions say of themselves, those that end meanwhile left out; `SILENT` for one that does not answer."""
    deadline = time.monotonic() + asking.ANSWER_SECONDS
    waiting = iter(sessions)
    while some := [session.actor.actor_ref.ask(Show(), block=False) for session in islice(waiting, ASKED_AT_ONCE)]:
        for answer in some:
            try:
                yield answer.get(timeout=max(0.0, deadline - time.monotonic()))
            except pykka.ActorDeadError:
                continue
            except pykka.Timeout:
                yield SILENT


@command("session show", SESSION)
def session_show(server: Server, full_jid: JID) -> dict[str, Any]:
    """Show the fields of one session."""
    fields: dict[str, Any] = ask(session_of(server, full_jid), Show())
    return fields


@command("session kick", SESSION, Parameter("reason", str, "Why; the client is told.", required=False))
def session_kick(server: Server, full_jid: JID, reason: str | None) -> str:
    """End one session. Its client is told policy-violation, and the reason."""
    # RFC 6120 §4.9.3.14, so that the client stays away. It takes "reset" (§4.9.3.16) for a request to connect again.
    error = StreamError("policy-violation", reason or "ended by an administrator")
    if not ask(user_of(server, full_jid), Kick(full_jid.resource, error)):
        raise CommandError(f"there is no session {full_jid}", "item-not-found")
    return f"{full_jid} ended"
