"""XEP-0334: Message Processing Hints: what the sender would like to become of a message."""

from __future__ import annotations

from typing import Literal

from net.xmpp.stanza import Stanza

HINTS = "urn:xmpp:hints"
_MENTIONED = HINTS.encode()

Hint = Literal["no-permanent-store", "no-store", "no-copy", "store"]


def hinted(message: Stanza, hint: Hint) -> bool:
    """Whether the message has this hint. In an error it is only repeated, and means nothing (§5)."""
    if message.type == "error" or not message.mentions(_MENTIONED):
        return False
    return message.find(f"{{{HINTS}}}{hint}") is not None
