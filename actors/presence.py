"""What a user's resources tell others about themselves, and what they are told (RFC 6121 §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actors.subscription import TYPES
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.resource import Resource
    from actors.user import User

_INTEGER = re.compile("[+-]?[0-9]{1,3}")

# Presence that nobody but an available resource has a use for (RFC 6121 §8.5.2.2.2): it wakes no User, who has none.
FLEETING = frozenset(("", "unavailable"))

TO_SOMEBODY = frozenset(("probe", "error", *TYPES))


def priority(presence: Stanza) -> int:
    """The <priority/> of a presence, 0 when there is none.

    Raises StanzaError bad-request for anything but one integer from -128 to 127 (RFC 6121 §4.7.2.3).
    """
    if not presence.mentions(b"<priority"):
        return 0
    found = [child for child in presence if child.tag == "priority"]
    if not found:
        return 0
    text = "".join(found[0].itertext()).strip()
    if len(found) > 1 or not _INTEGER.fullmatch(text) or not -128 <= int(text) <= 127:
        raise StanzaError("bad-request", "a priority is one integer from -128 to 127")
    return int(text)


class Presence:
    """The presence of one user's resources. An organ of the User: runs in its mailbox."""

    __slots__ = ("_user",)

    def __init__(self, user: User) -> None:
        self._user = user

    # -- from the user's own resources

    def send(self, resource: Resource, stanza: Stanza) -> None:
        """A presence of any type that a resource has sent. Raises StanzaError."""
        type = stanza.type
        if type in TYPES:
            self._user.contacts.send(stanza)
        elif type in ("", "unavailable"):
            if stanza.to is not None:
                self._direct(resource, stanza)
            elif type:
                self.gone(resource, stanza)
            else:
                self._available(resource, stanza)
        elif type not in TO_SOMEBODY or stanza.to is None:
            raise StanzaError("bad-request", "no such type of presence, or nobody to send it to")
        else:
            self._user.route(stanza)

    def _available(self, resource: Resource, stanza: Stanza) -> None:
        """Initial presence (§4.2) or a change of it (§4.4)."""
        was_receptive = resource.receptive
        initial = resource.presence is None
        resource.priority = priority(stanza)
        resource.presence = stanza.at_rest()
        if resource.receptive is not was_receptive:
            self._user.settle()
        if initial:
            resource.unwanted = frozenset()
        self._broadcast(resource, resource.presence)
        if initial:
            self._catch_up(resource)
        if resource.receptive and not was_receptive:
            for handler in self._user.domain.hooks.receptive:
                handler(self._user, resource)

    def look_around(self, resource: Resource) -> None:
        """A resource has outlived the server: it learns who else is there now, and who has gone without a word."""
        user = self._user
        for contact, item in user.roster:
            if item.seen_by_user and not user.domain.router.may_be_there(contact):
                gone = Stanza("presence", type="unavailable", from_=contact, to=user.full_jid(resource))
                user.deliver(resource, gone)
        self._see(resource)

    def _catch_up(self, resource: Resource) -> None:
        """A resource that has just become available learns who else is there, and who wants to know it."""
        self._see(resource)
        self._user.contacts.repeat_requests(resource)

    def _see(self, resource: Resource) -> None:
        """A resource learns who else is there.

        Of a contact without resources there is nothing to learn (§4.3.2): at a login most contacts are not there, and
        each would have to be read from storage to say so.
        """
        user = self._user
        router = user.domain.router
        for other in user.resources.values():
            if other.presence is not None and other is not resource:
                user.deliver(resource, other.presence.addressed(user.jid))
        for contact, item in user.roster:
            if item.seen_by_user and router.may_be_there(contact):
                user.route(Stanza("presence", type="probe", from_=user.full_jid(resource), to=contact))

    def gone(self, resource: Resource, stanza: Stanza | None = None) -> None:
        """A resource is not available any more; `stanza` is how it said so, None if it could not (§4.5)."""
        user = self._user
        if stanza is None:
            stanza = Stanza("presence", type="unavailable", from_=user.full_jid(resource))
        was_available = resource.presence is not None
        if was_available:
            self._broadcast(resource, stanza)
        directed, was_receptive = resource.directed, resource.receptive
        resource.presence, resource.priority, resource.directed = None, 0, {}
        if was_receptive:
            user.settle()
        if was_available:
            for handler in user.domain.hooks.unavailable:
                handler(user, stanza)
        # §4.6.3: whoever was told without being subscribed is told this too.
        for entity in directed:
            if not (was_available and self._is_shown_to(entity.bare)):
                user.route(stanza.addressed(entity))

    def _is_shown_to(self, jid: JID) -> bool:
        """Whether this bare JID is subscribed to the user's presence, as the user is (§4.2.2)."""
        return jid == self._user.jid or self._user.roster[jid].sees_user

    def is_shared(self, resource: Resource, jid: JID | None) -> bool:
        """Whether this JID may know that the resource is there: by a subscription, or because it was shown (§8.5.3.1).

        The server knows, and asks in its own name or without one.
        """
        if jid is None or self._is_shown_to(jid.bare):
            return True
        own = not jid.local and jid.domain == self._user.jid.domain
        return own or any(entity.bare == jid.bare for entity in resource.directed)

    def _broadcast(self, resource: Resource, stanza: Stanza) -> None:
        """To whoever is subscribed, and to all of the user's available resources, the sender's too (§4.2.2, §4.5.2).

        Not to contacts who have answered with an error (§4.4.2).
        """
        user = self._user
        may_be_there = user.domain.router.may_be_there
        for contact, item in user.roster:
            if item.sees_user and may_be_there(contact) and contact not in resource.unwanted:
                user.route(stanza.addressed(contact))
        own = stanza.addressed(user.jid)
        for other in user.resources.values():
            if other.presence is not None:
                user.deliver(other, own)

    def _direct(self, resource: Resource, stanza: Stanza) -> None:
        """Directed presence (§4.6): remembered, so that it can be taken back."""
        to = stanza.to
        assert to is not None
        if stanza.type:
            resource.directed.pop(to, None)
        elif to not in resource.directed:
            if len(resource.directed) >= self._user.domain.config.limits.roster:
                raise StanzaError("resource-constraint", "presence has been directed to too many")
            resource.directed[to] = None
        self._user.route(stanza)

    # -- from others

    def receive(self, stanza: Stanza) -> None:
        """A presence addressed to the user. Raises StanzaError."""
        user = self._user
        assert stanza.to is not None
        self._note_error(stanza)
        if stanza.type in TYPES:
            self._user.contacts.receive(stanza)
        elif stanza.type == "probe":
            self._answer_probe(stanza)
        elif stanza.to.resource:
            resource = user.resources.get(stanza.to.resource)
            if resource is not None:
                user.deliver(resource, stanza)
        else:
            for resource in user.resources.values():
                if resource.presence is not None:
                    user.deliver(resource, stanza)

    def _note_error(self, stanza: Stanza) -> None:
        """Who answers presence with an error hears no more of it until another presence of theirs comes (§4.4.2)."""
        assert stanza.from_ is not None and stanza.to is not None
        contact = stanza.from_.bare
        for resource in self._user.resources.values():
            if stanza.type != "error":
                if contact in resource.unwanted:
                    resource.unwanted -= {contact}
            elif stanza.to.resource in ("", resource.name) and self._user.roster[contact].sees_user:
                resource.unwanted |= {contact}

    def _answer_probe(self, probe: Stanza) -> None:
        """§4.3.2: a subscriber learns of every available resource, or the one asked for; others, that they are none."""
        user = self._user
        prober, probed = probe.from_, probe.to
        assert prober is not None and probed is not None
        if self._is_shown_to(prober.bare):
            asked = (r for name, r in user.resources.items() if probed.resource in ("", name))
            available = [resource.presence for resource in asked if resource.presence is not None]
            for presence in available or [Stanza("presence", type="unavailable", from_=probed)]:
                user.route(presence.addressed(prober))
        elif not user.roster[prober.bare].asks:
            # One who waits for an answer would take this for it.
            user.route(Stanza("presence", type="unsubscribed", from_=user.jid, to=prober.bare))
