"""What is worth keeping in an archive: XEP-0313 §6.1.1, and the hints of XEP-0334. All of it is data."""

from __future__ import annotations

from net.xmpp.hints import HINTS, hinted
from net.xmpp.stanza import Stanza

# An error is about something else, and what is said in a room is in the room's archive.
NEVER = frozenset(("error", "groupchat"))

# What is over when it has been read, unless its sender says otherwise.
ONLY_IF_HINTED = frozenset(("headline",))

# By Clark name: what people say to each other, and what changes or answers it. Chat states (XEP-0085) are not among it.
CONTENT = frozenset(
    (
        "body",
        "{eu.siacs.conversations.axolotl}encrypted",  # XEP-0384, as it was
        "{http://jabber.org/protocol/muc#user}x",  # XEP-0045 §7.8.2: an invitation
        "{jabber:x:conference}x",  # XEP-0249: an invitation
        "{jabber:x:encrypted}x",  # XEP-0027
        "{urn:xmpp:chat-markers:0}acknowledged",
        "{urn:xmpp:chat-markers:0}displayed",
        "{urn:xmpp:chat-markers:0}received",
        "{urn:xmpp:jingle-message:0}accept",  # XEP-0353: calls, also those that were missed
        "{urn:xmpp:jingle-message:0}finish",
        "{urn:xmpp:jingle-message:0}proceed",
        "{urn:xmpp:jingle-message:0}propose",
        "{urn:xmpp:jingle-message:0}reject",
        "{urn:xmpp:jingle-message:0}retract",
        "{urn:xmpp:message-retract:1}retract",
        "{urn:xmpp:omemo:1}encrypted",
        "{urn:xmpp:omemo:2}encrypted",
        "{urn:xmpp:openpgp:0}openpgp",
        "{urn:xmpp:reactions:0}reactions",
        "{urn:xmpp:receipts}received",
        "{urn:xmpp:sce:1}envelope",
    )
)

_HINTS = HINTS.encode()


def worth_keeping(message: Stanza) -> bool:
    """Whether the message belongs into an archive. Of hints that contradict each other, the one against it holds."""
    if message.type in NEVER:
        return False
    if message.mentions(_HINTS):
        if hinted(message, "no-store") or hinted(message, "no-permanent-store"):
            return False
        if hinted(message, "store"):
            return True
    if message.type in ONLY_IF_HINTED:
        return False
    # Without attributes it declares no namespace, so that is what it looks like. Most messages are known by this.
    return message.body.startswith(b"<body>") or any(child.tag in CONTENT for child in message)
