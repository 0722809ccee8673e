"""Who gets a message for a user: the table of RFC 6121 §8.5, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING

from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.resource import Resource


class Fate(Enum):
    """What becomes of a message that goes to no resource now."""

    KEEP = auto()  # stored for later, or an error where nothing stores it
    REFUSE = auto()  # answered with service-unavailable
    IGNORE = auto()  # silently dropped
    AS_BARE = auto()  # as if it had been addressed to the bare JID


# By type: to the bare JID while somebody can take it; while nobody can; to a full JID that is not connected. None: it
# goes to every available resource whose priority is not negative.
TABLE = {
    "normal": (None, Fate.KEEP, Fate.REFUSE),
    "chat": (None, Fate.KEEP, Fate.AS_BARE),
    "headline": (None, Fate.IGNORE, Fate.IGNORE),
    "groupchat": (Fate.REFUSE, Fate.REFUSE, Fate.REFUSE),
    "error": (Fate.IGNORE, Fate.IGNORE, Fate.IGNORE),
}


def recipients(message: Stanza, resources: Mapping[str, Resource]) -> list[Resource] | Fate:
    """The resources that get the message, or its fate if there are none.

    A type that nobody knows counts as "normal" (RFC 6121 §5.2.2).
    """
    assert message.to is not None
    somebody, nobody, no_match = TABLE.get(message.type) or TABLE["normal"]
    if message.to.resource:
        match = resources.get(message.to.resource)
        if match is not None:
            return [match]
        if no_match is not Fate.AS_BARE:
            return no_match
    if somebody is not None:
        return somebody
    return [resource for resource in resources.values() if resource.receptive] or nobody
