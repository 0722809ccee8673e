"""A resource: what a User knows of one of its Sessions."""

from __future__ import annotations

from typing import Any

from actors.access import Access
from actors.actor import Inbox
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

Key = tuple[str, float]
"""The name of a resource and since when it has been bound: no two of a user's have the same."""


class Resource:
    """What a User knows of one of its Sessions. `presence` None: connected, not available. `since`: when it was bound
    (UTC seconds).

    `access`: how its client has logged in, the last time that it did. `directed`: to whom it has shown itself
    without being asked. `unwanted`: the contacts whose last word on its presence was an error. `previd`: by what its
    client can resume its stream (XEP-0198), "" if it cannot. `hibernating`: since when (UTC seconds) it has no
    connection, None while it has one. `state` belongs to the features, by name; of a resource that can be resumed it
    outlives the server as far as it is plain values.
    """

    __slots__ = (
        "access",
        "directed",
        "hibernating",
        "interested",
        "name",
        "presence",
        "previd",
        "priority",
        "session",
        "since",
        "state",
        "unwanted",
    )

    def __init__(self, name: str, session: Inbox, access: Access, since: float) -> None:
        self.name = name
        self.session = session
        self.access = access
        self.since = since
        self.presence: Stanza | None = None
        self.priority = 0
        self.interested = False
        self.directed: dict[JID, None] = {}
        self.unwanted: frozenset[JID] = frozenset()
        self.previd = ""
        self.hibernating: float | None = None
        self.state: dict[str, Any] = {}

    @property
    def client(self) -> str:
        """The id of its user agent (XEP-0388), "" when it has not said."""
        return self.access.client

    @property
    def key(self) -> Key:
        """What tells it from one that has the same name later."""
        return self.name, self.since

    @property
    def receptive(self) -> bool:
        """Available, with a priority that is not negative: it takes messages to the bare JID (RFC 6121 §8.5.2.1)."""
        return self.presence is not None and self.priority >= 0
