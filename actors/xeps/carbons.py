"""XEP-0280: Message Carbons. With stanzas forwarded as XEP-0297: Stanza Forwarding says."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Literal

from actors.hooks import XEP, Feature, asks, awakes, bind_inline, delivered, hibernates, outbound, unbound
from actors.resource import Resource
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.forwarding import forwarded
from net.xmpp.hints import hinted
from net.xmpp.signs import Sign, signs
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element

NAMESPACE = "urn:xmpp:carbons:2"
RULES = "urn:xmpp:carbons:rules:0"
ENABLE = f"{{{NAMESPACE}}}enable"
DISABLE = f"{{{NAMESPACE}}}disable"
PRIVATE = f"{{{NAMESPACE}}}private"

Direction = Literal["sent", "received"]

# §6.1: what a message that is no error has to contain to be copied, by its type. A chat message may contain anything.
CHATTING = Sign.CHAT_STATE | Sign.RECEIPT | Sign.MARKER | Sign.INVITATION
COPIED = {"normal": CHATTING | Sign.BODY, "headline": CHATTING, "groupchat": Sign.NOTHING}

# So many of the messages that were eligible last are remembered, to know the errors that answer them.
RECENT = 100


class Carbons(Feature):
    """Gives each client of a user's that wants them copies of what the others are told and say.

    The state in a Resource is that it wants them; in a User who has such a resource, which messages were eligible last:
    a hash of direction, peer and id each, for an id may be as long as its sender likes.
    """

    implements = (XEP(280, "1.0.1", "Message Carbons"), XEP(297, "1.0", "Stanza Forwarding"))
    advertises = (NAMESPACE, RULES)
    advertises_for_accounts = (NAMESPACE, RULES)
    # What these refuse or change is not, or not so, on its way.
    after = ("archive", "blocking", "offline", "stanza_ids")
    for_some = True

    # -- who wants them

    def enable(self, user: User, resource: Resource) -> None:
        """From now on the resource is given copies."""
        resource.state[self.name] = True
        self.remember(user)

    @awakes(lambda _: ())
    def remember(self, user: User) -> None:
        """A User that takes the place of one that has crashed has resources already."""
        if not any(self.name in resource.state for resource in user.resources.values()):
            user.state.pop(self.name, None)
        elif self.name not in user.state:
            user.state[self.name] = deque(maxlen=RECENT)

    @hibernates
    @unbound
    def look_again(self, user: User, _resource: Resource) -> None:
        """It may have come with an earlier life of the server, or was the last that wanted them."""
        self.remember(user)

    @bind_inline(NAMESPACE, ENABLE, of=User)
    def begin_enabled(self, user: User, resource: Resource, _asked: Element) -> None:
        """XEP-0386 §4: from the beginning."""
        self.enable(user, resource)

    @asks("set", ENABLE, of=User)
    def on_enable(self, user: User, iq: Stanza) -> Stanza:
        """§4. Again is no error (§10.1)."""
        self.enable(user, _asker(user, iq))
        return iq.result()

    @asks("set", DISABLE, of=User)
    def on_disable(self, user: User, iq: Stanza) -> Stanza:
        """§5. Again is no error (§10.1)."""
        _asker(user, iq).state.pop(self.name, None)
        self.remember(user)
        return iq.result()

    # -- what they get

    @outbound("message")
    def copy_sent(self, user: User, message: Stanza) -> Stanza:
        """§8. What the user sends to the account itself is copied when it comes in: nobody needs it twice."""
        if message.to is not None and message.to.bare != user.jid:
            self._copy(user, "sent", message, ())
        return message

    @delivered
    def copy_received(self, user: User, message: Stanza, takers: list[Resource]) -> list[Resource]:
        """§7: to those who do not receive it by the rules of RFC 6121 §8.5, whatever their priority.

        One that hibernates may never get its copy, and that will not find another way.
        """
        return [each for each in self._copy(user, "received", message, takers) if each.hibernating is None]

    def _copy(
        self, user: User, direction: Direction, message: Stanza, takers: Collection[Resource]
    ) -> Collection[Resource]:
        """Returns those to whom it has been copied. Its sender has it already."""
        others = [
            resource
            for resource in user.resources.values()
            if self.name in resource.state and resource not in takers and not _is_from(message, user, resource)
        ]
        alone = len(user.resources) == 1 and not others
        if alone or not self._is_eligible(user, direction, message) or not others:
            return ()
        if direction == "sent":
            for handler in self.domain.hooks.copied:
                message = handler(user, message)
        inside = f'<{direction} xmlns="{NAMESPACE}">'.encode() + forwarded(message) + f"</{direction}>".encode()
        copy = Stanza("message", type=message.type, from_=user.jid, body=inside)
        for resource in others:
            user.deliver(resource, copy.addressed(user.full_jid(resource)))
        return others

    def _is_eligible(self, user: User, direction: Direction, message: Stanza) -> bool:
        """§6.1. An error is if it answers what was, which its id tells: it need not repeat anything (§10.3)."""
        peer = message.to if direction == "sent" else message.from_
        recent: deque[int] = user.state[self.name]
        if message.type == "error":
            answered = "received" if direction == "sent" else "sent"
            asked = (peer, peer.bare) if peer is not None else ()
            return any(hash((answered, each, message.id)) in recent for each in asked)
        if not eligible(message, direction):
            return False
        if message.id is not None:
            recent.append(hash((direction, peer, message.id)))
        return True


def eligible(message: Stanza, direction: Direction) -> bool:
    """Whether a message that is no error may be copied (§6.1; §9 and XEP-0334 §4.3 for the sender's wish)."""
    if hinted(message, "no-copy") or (message.mentions(b"urn:xmpp:carbons:2") and message.find(PRIVATE) is not None):
        return False
    if direction == "received" and _is_occupants(message):
        return False  # the room sends it to each client that is there
    return message.type == "chat" or bool(signs(message) & COPIED.get(message.type, COPIED["normal"]))


def _is_occupants(message: Stanza) -> bool:
    """Whether somebody in a room says it, and only here."""
    if message.from_ is None or not message.from_.resource or not message.mentions(b"muc#user"):
        return False
    found = signs(message)
    return Sign.ROOM in found and Sign.INVITATION not in found


def _is_from(message: Stanza, user: User, resource: Resource) -> bool:
    return message.from_ is not None and message.from_.resource == resource.name and message.from_.bare == user.jid


def _asker(user: User, iq: Stanza) -> Resource:
    """The user's own client that asks. Raises StanzaError not-allowed (§4.1, §5.1)."""
    asker = user.resources.get(iq.from_.resource) if iq.from_ is not None and iq.from_.bare == user.jid else None
    if asker is None:
        raise StanzaError("not-allowed", "only a client of this account can have copies of its messages")
    return asker
