"""XEP-0441: Message Archive Management Preferences. Whose messages a user wants kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self, get_args

import msgspec

from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.xml import Element, element

NAMESPACE = "urn:xmpp:mam:2"
PREFS = f"{{{NAMESPACE}}}prefs"
ALWAYS = f"{{{NAMESPACE}}}always"
NEVER = f"{{{NAMESPACE}}}never"
LISTED = f"{{{NAMESPACE}}}jid"

Default = Literal["always", "never", "roster"]


class Preferences(msgspec.Struct, frozen=True):
    """What is kept of whom: those in one of the lists, and all others as `default` says."""

    default: Default
    always: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()

    @classmethod
    def read(cls, prefs: Element, most: int) -> Self:
        """What a <prefs/> says (§2.1). Raises StanzaError: bad-request, jid-malformed, and resource-constraint for more
        than `most` addresses.
        """
        default = prefs.get("default")
        if default not in get_args(Default):
            raise StanzaError("bad-request", f"default has to be one of {', '.join(get_args(Default))}")
        always, never = (_listed(prefs.iterfind(f"{tag}/{LISTED}")) for tag in (ALWAYS, NEVER))
        if len(always) + len(never) > most:
            raise StanzaError("resource-constraint", f"{most} addresses at most", type="cancel")
        if both := always & never:
            raise StanzaError("bad-request", f"always and never: {min(both)}")
        return cls(default, always, never)

    def xml(self) -> Element:
        """The <prefs/>, with both lists even if they are empty."""
        lists = (
            element(tag, None, *(element(LISTED, jid) for jid in sorted(jids)))
            for tag, jids in ((ALWAYS, self.always), (NEVER, self.never))
        )
        return element(PREFS, None, *lists, default=self.default)

    def keep(self, user: User, peer: JID) -> bool:
        """Whether messages to and from this JID are kept (§2.3). What is listed with a resource comes first."""
        if self.never or self.always:
            for jid in (peer, peer.bare):
                if jid in self.never:
                    return False
                if jid in self.always:
                    return True
        return self.default == "always" or (self.default == "roster" and user.roster[peer.bare].listed)


def _listed(found: Iterable[Element]) -> frozenset[str]:
    try:
        return frozenset(str(JID.parse(node.text or "")) for node in found)
    except JIDMalformed as malformed:
        raise StanzaError("jid-malformed", str(malformed)) from None
