"""XEP-0202: Entity Time."""

from __future__ import annotations

from actors.hooks import XEP, Feature, asks
from actors.host import Host
from net.xmpp.stamps import stamp
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element

NAMESPACE = "urn:xmpp:time"
TIME = f"{{{NAMESPACE}}}time"


class EntityTime(Feature):
    """Tells what time it is here."""

    implements = (XEP(202, "2.0", "Entity Time"),)
    advertises = (NAMESPACE,)

    @asks("get", TIME, of=Host)
    def answer(self, host: Host, iq: Stanza) -> Stanza:
        """§2. A server lives by UTC: another offset would tell where it stands (§6)."""
        offset = element(f"{{{NAMESPACE}}}tzo", "+00:00")
        utc = element(f"{{{NAMESPACE}}}utc", stamp(self.domain.clock.now()))
        return iq.result(element(TIME, None, offset, utc))
