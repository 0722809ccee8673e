"""XEP-0297: Stanza Forwarding: a stanza within another."""

from __future__ import annotations

from net.xmpp.stanza import Stanza
from net.xmpp.xml import CLIENT, Element

FORWARD = "urn:xmpp:forward:0"


def forwarded(stanza: Stanza) -> bytes:
    """The <forwarded/> with the whole stanza, which names its own namespace (§3.2, rule 3)."""
    return b'<forwarded xmlns="%s">%s</forwarded>' % (FORWARD.encode(), stanza.framed())


def message_within(wrapper: Element) -> Element | None:
    """The message that is forwarded in the child of a stanza; None if there is none. Its names are "jabber:client"."""
    return wrapper.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message")
