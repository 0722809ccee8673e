"""XEP-0012: Last Activity."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from actors.hooks import XEP, Feature, asks, inbound, unavailable, unbound
from actors.host import Domain, Host
from actors.resource import Resource
from actors.storage import Record, Storage, StorageError
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element

log = logging.getLogger(__name__)

NAMESPACE = "jabber:iq:last"
QUERY = f"{{{NAMESPACE}}}query"

# Characters of a status that are kept.
LONGEST_STATUS = 1000


class Seen(msgspec.Struct, frozen=True):
    """When a user logged out last (UTC seconds), and what they said in their last unavailable presence."""

    when: float
    status: str


def last_seen(storage: Storage) -> Record[Seen]:
    """When each user logged out last."""
    return storage.store("last", Record, of=Seen)


class LastActivity(Feature):
    """Tells contacts since when a user has been away. The state in a User is the status that was said last."""

    implements = (XEP(12, "2.0", "Last Activity"),)
    advertises = (NAMESPACE,)
    advertises_for_accounts = (NAMESPACE,)
    after = ("blocking",)

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._seen = last_seen(domain.storage)

    @unavailable
    def note_status(self, user: User, presence: Stanza) -> None:
        """§3: the status of the last unavailable presence; one that the server makes has none."""
        user.state[self.name] = presence.text("status")[:LONGEST_STATUS] if presence.body else ""

    @unbound
    def note_logout(self, user: User, resource: Resource) -> None:
        """§3: the user logs out with the last connected resource."""
        if user.resources or not user.exists:
            return
        try:
            self._seen.put(user.jid, Seen(self.domain.clock.now(), user.state.get(self.name, "")))
        except StorageError as error:
            log.error("the time of the logout could not be stored: %s", error)

    @inbound("iq")
    def protect(self, user: User, stanza: Stanza) -> Stanza:
        """§4: a resource is not even asked by those who may not see its presence."""
        if stanza.type == "get" and stanza.payload is not None and stanza.payload.tag == QUERY:
            _authorise(user, stanza.from_)
        return stanza

    @asks("get", QUERY, of=User)
    def of_account(self, user: User, iq: Stanza) -> Stanza:
        """§3: how long ago the user has logged out."""
        if user.resources:
            return _told(iq, 0)
        seen = self._seen.get(user.jid)
        if seen is None:
            raise StanzaError("item-not-found", "nobody has logged out yet")
        return _told(iq, self.domain.clock.now() - seen.when, seen.status)

    @asks("get", QUERY, of=Host)
    def of_domain(self, host: Host, iq: Stanza) -> Stanza:
        """§5: how long the domain has been served."""
        return _told(iq, self.domain.clock.now() - self.domain.started)


def _authorise(user: User, asker: JID | None) -> None:
    if asker is None or (asker.bare != user.jid and not user.roster[asker.bare].sees_user):
        raise StanzaError("forbidden")


def _told(iq: Stanza, seconds: float, status: str = "") -> Stanza:
    return iq.result(element(QUERY, status or None, seconds=str(max(0, int(seconds)))))
