"""What a message is, by what is in it: the signs that the rules for copies and for sleeping phones go by, as data."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Flag, auto

from net.xmpp.hints import HINTS
from net.xmpp.xml import CLIENT, Element

ROOM_USER = "{http://jabber.org/protocol/muc#user}x"
INVITE = "{http://jabber.org/protocol/muc#user}invite"


class Sign(Flag):
    """What is in a message. `OTHER` is whatever nobody here knows."""

    NOTHING = 0
    BODY = auto()
    CHAT_STATE = auto()  # XEP-0085
    RECEIPT = auto()  # XEP-0184
    MARKER = auto()  # XEP-0333
    ENCRYPTED = auto()  # XEP-0384, XEP-0373, XEP-0027, XEP-0380
    CALL = auto()  # XEP-0353
    INVITATION = auto()  # XEP-0249; XEP-0045 §7.8.2
    ROOM = auto()  # XEP-0045 §7.5: said in a room, to one alone
    EVENT = auto()  # XEP-0060 §7.1.2
    OTHER = auto()


# By the Clark name of a child or, for all names in it, by its namespace. What is NOTHING goes along with something
# that is said and says nothing by itself: threads, hints, ids, delays.
SIGNS = {
    "body": Sign.BODY,
    "thread": Sign.NOTHING,
    "http://jabber.org/protocol/chatstates": Sign.CHAT_STATE,
    "urn:xmpp:receipts": Sign.RECEIPT,
    "urn:xmpp:chat-markers:0": Sign.MARKER,
    "eu.siacs.conversations.axolotl": Sign.ENCRYPTED,
    "urn:xmpp:omemo:1": Sign.ENCRYPTED,
    "urn:xmpp:omemo:2": Sign.ENCRYPTED,
    "urn:xmpp:openpgp:0": Sign.ENCRYPTED,
    "jabber:x:encrypted": Sign.ENCRYPTED,
    "urn:xmpp:eme:0": Sign.ENCRYPTED,
    "urn:xmpp:jingle-message:0": Sign.CALL,
    "jabber:x:conference": Sign.INVITATION,
    ROOM_USER: Sign.ROOM,
    "http://jabber.org/protocol/pubsub#event": Sign.EVENT,
    HINTS: Sign.NOTHING,
    "urn:xmpp:sid:0": Sign.NOTHING,
    "urn:xmpp:occupant-id:0": Sign.NOTHING,
    "urn:xmpp:delay": Sign.NOTHING,
}


def signs(message: Iterable[Element]) -> Sign:
    """The signs of a message: a stanza, or the element of one that has been forwarded."""
    found = Sign.NOTHING
    for child in message:
        namespace, _, local = child.tag.rpartition("}")
        namespace = namespace[1:]
        name = local if namespace in ("", CLIENT) else child.tag
        sign = SIGNS.get(name)
        found |= SIGNS.get(namespace, Sign.OTHER) if sign is None else sign
        if name == ROOM_USER and child.find(INVITE) is not None:
            found |= Sign.INVITATION
    return found
