"""XEP-0359: Unique and Stable Stanza IDs."""

from __future__ import annotations

from actors.hooks import XEP, Feature, inbound, outbound
from actors.user import User
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element

NAMESPACE = "urn:xmpp:sid:0"
STANZA_ID = f"{{{NAMESPACE}}}stanza-id"


class StanzaIDs(Feature):
    """Lets nobody give ids in the account's name. They are given by whoever keeps messages."""

    implements = (XEP(359, "0.7.0", "Unique and Stable Stanza IDs"),)
    advertises = (NAMESPACE,)
    advertises_for_accounts = (NAMESPACE,)
    after = ("blocking",)

    @outbound("message")
    @inbound("message")
    def strip(self, user: User, message: Stanza) -> Stanza:
        """§3, rule 2: an id in the name of this account that is not from this account is deleted, whoever sent it."""
        return stripped(message, user.jid) if message.mentions(b"stanza-id") else message


def stanza_id(by: JID, id: str) -> bytes:
    """The note that a message has this id, one of an archive's, with `by`."""
    return f'<stanza-id xmlns="{NAMESPACE}" by="{by.xml}" id="{id}"/>'.encode()


def assigned(message: Stanza, by: JID) -> str | None:
    """The id that `by` has given the message, None for none. It is true where forged ones have been deleted."""
    if not message.mentions(b"stanza-id"):
        return None
    return next((child.get("id") for child in message.element.iterfind(STANZA_ID) if _is_by(child, by)), None)


def stripped(message: Stanza, by: JID) -> Stanza:
    """The message without the ids that `by` has given it, or seems to have."""
    ids = [child for child in message.element.iterfind(STANZA_ID) if _is_by(child, by)]
    return message.without(ids) if ids else message


def _is_by(stanza_id: Element, jid: JID) -> bool:
    try:
        return JID.parse(stanza_id.get("by", "")) == jid
    except JIDMalformed:
        return False
