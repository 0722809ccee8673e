"""XEP-0054: vcard-temp."""

from __future__ import annotations

from typing import Any

from actors.hooks import XEP, Feature, asks
from actors.host import Domain
from actors.storage import Record
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.stanza import Stanza
from net.xmpp.xml import parse, serialise

NAMESPACE = "vcard-temp"
VCARD = f"{{{NAMESPACE}}}vCard"


class VCard(Feature):
    """Keeps the card that a user shows to everybody."""

    implements = (XEP(54, "1.3.0", "vcard-temp"),)
    advertises = (NAMESPACE,)
    advertises_for_accounts = (NAMESPACE,)

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._cards = domain.storage.store("vcard", Record, of=str)

    @asks("get", VCARD, of=User)
    def show(self, user: User, iq: Stanza) -> Stanza:
        """§3.1; §3.3: to others an account without a card looks like no account."""
        card = self._cards.get(user.jid)
        if card is None:
            assert iq.from_ is not None
            raise StanzaError("item-not-found" if iq.from_.bare == user.jid else "service-unavailable")
        return iq.result(parse(card.encode()))

    @asks("set", VCARD, of=User, own=True)
    def replace(self, user: User, iq: Stanza) -> Stanza:
        """§3.2. An empty card is none."""
        card = iq.payload
        assert card is not None
        self._cards.put(user.jid, serialise(card).decode() if len(card) else None)
        return iq.result()
