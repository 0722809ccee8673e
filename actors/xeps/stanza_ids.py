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
    """Lets nobody give ids in the account's name.

    The account gives none itself while nothing can be asked for by them: that is for whoever keeps messages.
    """

    implements = (XEP(359, "0.7.0", "Unique and Stable Stanza IDs"),)
    advertises = (NAMESPACE,)
    advertises_for_accounts = (NAMESPACE,)
    after = ("blocking",)

    @outbound
    @inbound
    def strip(self, user: User, stanza: Stanza) -> Stanza:
        """§3, rule 2: an id in the name of this account that is not from this account is deleted, whoever sent it."""
        return _stripped(stanza, user.jid) if stanza.kind == "message" else stanza


def _stripped(stanza: Stanza, jid: JID) -> Stanza:
    if b"stanza-id" not in stanza.body:
        return stanza
    forged = [child for child in stanza.element.iterfind(STANZA_ID) if _is_by(child, jid)]
    return stanza.without(forged) if forged else stanza


def _is_by(stanza_id: Element, jid: JID) -> bool:
    try:
        return JID.parse(stanza_id.get("by", "")) == jid
    except JIDMalformed:
        return False
