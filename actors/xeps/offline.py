"""XEP-0160: Best Practices for Handling Offline Messages.

Stamped as XEP-0203: Delayed Delivery says, and kept or not as XEP-0334: Message Processing Hints asks for.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from lxml import etree

from actors.hooks import XEP, Feature, outbound, receptive, undeliverable
from actors.host import Domain
from actors.resource import Resource
from actors.storage import Archive, Entry, StorageError
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.hints import HINTS, hinted
from net.xmpp.stamps import DELAY, delay
from net.xmpp.stanza import Stanza
from net.xmpp.xml import parse

log = logging.getLogger(__name__)

# Chat states (XEP-0085), and what says nothing by itself: hints, and ids (XEP-0359).
FLEETING = frozenset(("http://jabber.org/protocol/chatstates", HINTS, "urn:xmpp:sid:0"))


class Offline(Feature):
    """Keeps messages until a resource can take them.

    Which types get here is the table of RFC 6121 §8.5 (`actors/delivery.py`), which agrees with XEP-0160 §3. The state
    in a User is the number of bytes that wait, once it has been found out.
    """

    implements = (
        XEP(160, "1.0.1", "Best Practices for Handling Offline Messages"),
        XEP(203, "2.0", "Delayed Delivery"),
        XEP(334, "1.0.0", "Message Processing Hints"),
    )
    advertises = ("msgoffline",)

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._archive = domain.storage.store("offline", Archive)
        limits = domain.config.limits
        self._most = limits.offline
        # All that waits is handed over at once, so it has to fit into the outbox of a connection: nobody can fill it so
        # far that its user is cut off at each login.
        self._most_bytes = limits.outbox * 3 // 4

    @outbound
    def refuse_forgery(self, user: User, stanza: Stanza) -> Stanza:
        """XEP-0203 §5: only this server says that this server has kept a message."""
        if stanza.kind == "message" and b"urn:xmpp:delay" in stanza.body:
            for note in stanza.element.iterfind(DELAY):
                if self.domain.router.domain(note.get("from", "").lower()) is not None:
                    raise StanzaError("not-acceptable", "the server has not delayed this")
        return stanza

    @undeliverable
    def keep(self, user: User, message: Stanza) -> bool:
        """§2, steps 3 and 4.

        Returns when the message is stored: its sender is never told that it is, only that it is not, so there is no
        other moment at which to find out. Meanwhile what comes for this user waits, and stays in order.
        """
        lasting = _is_lasting(message)
        if hinted(message, "no-store") or not (lasting or hinted(message, "store")):
            return not lasting  # §3: nobody needs to know that nobody saw them typing
        now = self.domain.clock.now()
        if not any(note.get("from") == self.domain.name for note in message.element.iterfind(DELAY)):
            message = message.with_content(delay(self.domain.name, now))
        assert message.from_ is not None
        entry = Entry(now, message.from_.bare, message.wire.decode())
        try:
            total = self._waiting(user) + len(message.wire)
            if total > self._most_bytes or self._archive.append_within(user.jid, entry, self._most) is None:
                return False
        except StorageError as error:
            log.error("%r: a message could not be stored: %s", user, error)
            raise StanzaError("internal-server-error", "the message could not be stored") from error
        user.state[self.name] = total
        return True

    def _waiting(self, user: User) -> int:
        """How many bytes are stored."""
        if self.name not in user.state:
            stored = self._archive.page(user.jid, limit=sys.maxsize)
            user.state[self.name] = sum(len(entry.doc.encode()) for _, entry in stored)
        return int(user.state[self.name])

    @receptive
    def hand_over(self, user: User, resource: Resource) -> None:
        """§2, step 5. Deleted once they are in the Session's mailbox: what it cannot write comes back to the User."""
        if user.state.get(self.name) == 0:
            return
        try:
            stored = self._archive.page(user.jid, limit=sys.maxsize)
            for _, entry in stored:
                message = Stanza.read(parse(entry.doc.encode()))
                if message.from_ is None or not user.shuns(message.from_):
                    user.deliver(resource, message)
            self._archive.delete(user.jid, [id for id, _ in stored])
        except StorageError as error:
            # They are delivered at the next occasion, if need be once more: better twice than never.
            user.state.pop(self.name, None)
            log.error("%r: offline messages: %s", user, error)
        else:
            user.state[self.name] = 0


def _is_lasting(message: Stanza) -> bool:
    """Whether there is anything in it but chat states (XEP-0085 §2: and the thread that these belong to)."""
    return any(child.tag != "thread" and etree.QName(child).namespace not in FLEETING for child in message)
