"""XEP-0199: XMPP Ping."""

from __future__ import annotations

from actors.hooks import XEP, Feature, asks
from actors.host import Host
from actors.user import User
from net.xmpp.stanza import Stanza


class Ping(Feature):
    """Answers that the server is there."""

    implements = (XEP(199, "2.0.1", "XMPP Ping"),)
    advertises = ("urn:xmpp:ping",)
    advertises_for_accounts = ("urn:xmpp:ping",)

    @asks("get", "{urn:xmpp:ping}ping", of=(Host, User))
    def pong(self, actor: Host | User, iq: Stanza) -> Stanza:
        """§4.2, §4.3: the server answers for itself and for a bare JID."""
        return iq.result()
