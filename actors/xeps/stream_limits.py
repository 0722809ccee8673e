"""XEP-0478: Stream Limits Advertisement."""

from __future__ import annotations

from actors.hooks import XEP, Feature, offered
from net.xmpp.offers import Offer, State

NAMESPACE = "urn:xmpp:stream-limits:0"


class StreamLimits(Feature):
    """Tells clients how large a stanza may be. Streams do not end for being idle, so nothing is said of that."""

    implements = (XEP(478, "0.2.0", "Stream Limits Advertisement"),)

    @offered
    def before_login(self) -> Offer:
        """§3.1. Where TLS is required nothing stands beside it (RFC 6120 §5.3.1)."""
        needs = State.SECURE if self.domain.config.tls.required else State.NEW
        return Offer("limits", _limits(self.domain.config.limits.stanza_before_login), needs, State.AUTHENTICATED)

    @offered
    def after_login(self) -> Offer:
        """§4: another limit, which holds once there is a resource; nothing but that is sent before."""
        return Offer("limits", _limits(self.domain.config.limits.stanza), State.AUTHENTICATED)


def _limits(most: int) -> bytes:
    return f'<limits xmlns="{NAMESPACE}"><max-bytes>{most}</max-bytes></limits>'.encode()
