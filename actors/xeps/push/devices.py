"""The devices of users that can be reached by push: what is stored of them, and what is known of them meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import msgspec

from actors.resource import Resource
from actors.storage import Map, Storage
from actors.user import User
from actors.xeps.push.notification import Said
from net.xmpp.errors import StanzaError

# So many of the messages that were counted last are remembered, so that none counts twice.
RECENT = 100


class Registration(msgspec.Struct, frozen=True):
    """A node of an app server, as a client has enabled it. Times are UTC seconds.

    `options`: the form that goes along, serialised, "" for none. `client`: the id of the user agent that enabled it,
    "" for none that is known; `resource`: the one it had; `since`: when. `enabled`: not after the app server has made
    clear that it wants no more. `unseen`: how many messages had been counted for it by the last push. `tried`: when
    that was, None for never; `result`: what came of it; `errors`: so many pushes have failed since one succeeded.
    """

    jid: str
    node: str
    options: str
    client: str
    resource: str
    since: float
    enabled: bool = True
    unseen: int = 0
    tried: float | None = None
    result: str = ""
    errors: int = 0

    @property
    def key(self) -> str:
        """Its own among those of one user; no JID has a line break in it."""
        return f"{self.jid}\n{self.node}"

    def is_of(self, jid: str, node: str | None) -> bool:
        """Whether it is at this app server and, if one is given, at this node."""
        return self.jid == jid and node in (None, self.node)

    def is_by(self, resource: Resource) -> bool:
        """Whether the client of this resource has enabled it. One that does not say which it is goes by that."""
        if self.client and resource.client:
            return self.client == resource.client
        return self.resource == resource.name


class Registrations:
    """What is stored, in `map`."""

    def __init__(self, storage: Storage) -> None:
        self.map: Map[Registration] = storage.store("push", Map, of=Registration)

    def of(self, owner: str) -> list[Registration]:
        """All of one user's, also those that are not enabled any more."""
        return [*self.map.items(owner).values()]

    def put(self, owner: str, registration: Registration) -> None:
        """Stores it in place of the one that was there for the same node."""
        self.map.put(owner, registration.key, registration)

    def enable(self, owner: str, registration: Registration, most: int) -> None:
        """Stores one that is enabled now. Of those that are not any more, the oldest make room.

        Raises StanzaError resource-constraint where `most` others are enabled.
        """
        others = [other for other in self.of(owner) if other.key != registration.key]
        former = sorted((other for other in others if not other.enabled), key=lambda other: other.since)
        if len(others) - len(former) >= most:
            raise StanzaError("resource-constraint", f"push is enabled for {most} nodes already; disable one of them")
        surplus = [other.key for other in former[: max(0, len(others) + 1 - most)]]
        self.map.change(owner, {**dict.fromkeys(surplus), registration.key: registration})

    def remove(self, owner: str, jid: str, node: str | None) -> int:
        """Removes those at this app server, or the one at this node of it; how many there were."""
        gone = [each.key for each in self.of(owner) if each.is_of(jid, node)]
        self.map.change(owner, dict.fromkeys(gone))
        return len(gone)


# So many pushes may be under way to an app server that is slow.
ASKED = 5


class Device:
    """One that can be reached now, as its User knows it.

    `unseen`: how many messages there have been since its client was there last; `last`: the latest of them. `fresh`:
    whether there were some since the last push. `resting`: whether that was a moment ago. `id`: of the request that it
    was; `unanswered`: the ids of the latest of them to which no answer has come.
    """

    __slots__ = ("_recent", "fresh", "id", "last", "registration", "resting", "unanswered", "unseen")

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self.unseen = registration.unseen
        self.last: Said | None = None
        self.fresh = self.resting = False
        self.id = ""
        self.unanswered: deque[str] = deque(maxlen=ASKED)
        self._recent: deque[int] = deque(maxlen=RECENT)

    def is_in_use(self, user: User) -> bool:
        """Whether its client is connected, and hears of everything without this."""
        return any(
            resource.hibernating is None and self.registration.is_by(resource) for resource in user.resources.values()
        )

    def belongs(self, resources: Collection[Resource]) -> bool:
        """Whether it is that of one of these."""
        return any(self.registration.is_by(resource) for resource in resources)

    def count(self, said: Said) -> None:
        """Something was said while its client was not there; the same again does not count."""
        if said.mark not in self._recent:
            self._recent.append(said.mark)
            self.unseen += 1
            self.last, self.fresh = said, True

    def seen(self) -> None:
        """Its client has been there until now."""
        self.unseen, self.last, self.fresh = 0, None, False
        self._recent.clear()
