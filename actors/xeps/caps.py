"""XEP-0115: Entity Capabilities."""

from __future__ import annotations

from functools import cached_property

from actors.hooks import XEP, Feature, Found, describes_node, offered
from actors.host import Host
from actors.user import User
from actors.xeps.disco import domain_info
from net.xmpp.caps import verification
from net.xmpp.jid import JID
from net.xmpp.offers import Offer, after_login

CAPS = "http://jabber.org/protocol/caps"
NODE = "urn:parley"


class Caps(Feature):
    """The domain's own capabilities: clients that know the hash need not ask."""

    implements = (XEP(115, "1.6.0", "Entity Capabilities"),)
    advertises = (CAPS,)
    requires = ("disco",)

    @cached_property
    def ver(self) -> str:
        """The hash of the domain's disco#info (§5.1)."""
        return verification(domain_info(self.domain))

    @offered
    def stream_feature(self) -> Offer:
        """§6.3. Not before the login, because nobody can ask what it stands for before."""
        return after_login("caps", f'<c xmlns="{CAPS}" hash="sha-1" node="{NODE}" ver="{self.ver}"/>'.encode())

    @describes_node
    def domain_node(self, actor: Host | User, node: str, asker: JID) -> Found:
        """§6.2: whoever asks for what is behind the hash gets the whole disco#info."""
        return domain_info(self.domain) if isinstance(actor, Host) and node == f"{NODE}#{self.ver}" else None
