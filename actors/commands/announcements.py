"""What all users of a domain are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.commands.asking import served
from actors.commands.declaration import Parameter, command
from actors.commands.parameters import domain
from actors.commands.sessions import session_list
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import escape

if TYPE_CHECKING:
    from actors.server import Server


@command(
    "announce",
    Parameter("domain", domain, "The domain whose users are told."),
    Parameter("text", str, "What they are told."),
)
def announce(server: Server, domain: JID, text: str) -> str:
    """Tell something to all users of a domain who are online now."""
    message = Stanza("message", type="headline", from_=served(server, domain).jid, body=_body(text))
    audience = [row["full_jid"] for row in session_list(server, domain) if row["available"]]
    for full_jid in audience:
        server.router.route(message.addressed(full_jid))
    return f"told in {len(audience)} sessions"


def _body(text: str) -> bytes:
    return f"<body>{escape(text)}</body>".encode()
