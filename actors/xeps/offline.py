"""XEP-0160: Best Practices for Handling Offline Messages.

Stamped as XEP-0203: Delayed Delivery says, and kept or not as XEP-0334: Message Processing Hints asks for.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from lxml import etree

from actors.hooks import XEP, Feature, awakes, bound, outbound, overtaking, receptive, unbound, undeliverable
from actors.host import Domain
from actors.receipts import Mark
from actors.resource import Resource
from actors.storage import Archive, Entry, StorageError, moment, together
from actors.user import User
from actors.xeps.stanza_ids import assigned, stanza_id
from net.xmpp.errors import StanzaError
from net.xmpp.hints import HINTS, hinted
from net.xmpp.jid import JID
from net.xmpp.stamps import DELAY, delay
from net.xmpp.stanza import Stanza
from net.xmpp.xml import parse

log = logging.getLogger(__name__)

# Chat states (XEP-0085), and what says nothing by itself: hints, ids (XEP-0359, XEP-0421), and when it was said.
FLEETING = frozenset(
    ("http://jabber.org/protocol/chatstates", HINTS, "urn:xmpp:sid:0", "urn:xmpp:occupant-id:0", "urn:xmpp:delay")
)


# A delay and an id, which a message is given when it is handed over: bytes that nothing but long addresses exceeds.
NOTES = 250


class Waiting(NamedTuple):
    """How much waits: messages, and bytes."""

    messages: int
    bytes: int

    def and_one_of(self, size: int) -> Waiting:
        return Waiting(self.messages + 1, self.bytes + size + NOTES)

    def exceeds(self, most: Waiting) -> bool:
        return self.messages > most.messages or self.bytes > most.bytes


NOTHING = Waiting(0, 0)

# Among so many of the latest it is looked whether a message has come before.
REPEATED = 500


class Offline(Feature):
    """Keeps messages until a resource can take them: in the archive those that belong there, all others here.

    Which types get here is the table of RFC 6121 §8.5 (`actors/delivery.py`), which agrees with XEP-0160 §3. The state
    in a User is how much waits, once it has been found out.
    """

    implements = (
        XEP(160, "1.0.1", "Best Practices for Handling Offline Messages"),
        XEP(203, "2.0", "Delayed Delivery"),
        XEP(334, "1.0.0", "Message Processing Hints"),
    )
    advertises = ("msgoffline",)

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._kept = domain.storage.store("offline", Archive)
        self._archive = domain.storage.store("archive", Archive)
        limits = domain.config.limits
        # All that waits is handed over at once, so it has to fit into the outbox of a connection: nobody can fill it so
        # far that its user is cut off at each login.
        self._most = Waiting(limits.offline, limits.outbox * 3 // 4)

    @outbound("message")
    def refuse_forgery(self, user: User, message: Stanza) -> Stanza:
        """XEP-0203 §5: only this server says that this server has kept a message."""
        if message.mentions(b"urn:xmpp:delay"):
            for note in message.element.iterfind(DELAY):
                if self.domain.router.domain(note.get("from", "").lower()) is not None:
                    raise StanzaError("not-acceptable", "the server has not delayed this")
        return message

    @undeliverable
    def keep(self, user: User, message: Stanza) -> Stanza | None:
        """§2, steps 3 and 4.

        Returns when the message is stored: its sender is never told that it is, only that it is not, so there is no
        other moment at which to find out. Meanwhile what comes for this user waits, and stays in order.
        """
        lasting = _is_lasting(message)
        if hinted(message, "no-store") or not (lasting or hinted(message, "store")):
            return None if lasting else message  # §3: nobody needs to know that nobody saw them typing
        try:
            if user.repeats and self._waits(user, message):
                return message
            waiting = self._with(user, message)
            if waiting is None and not user.repeats:
                return None
            message = user.accept(message, waiting=True)
            if assigned(message, user.jid) is None:
                self._keep_here(user, message)
        except StorageError as error:
            log.error("%r: a message could not be stored: %s", user, error)
            raise StanzaError("internal-server-error", "the message could not be stored") from error
        if waiting is not None:
            user.state[self.name] = waiting
        return message

    def _keep_here(self, user: User, message: Stanza) -> None:
        now = self.domain.clock.now()
        message = self._noted(message, now)
        assert message.from_ is not None
        entry = Entry(now, message.from_.bare, message.wire.decode(), waiting=True, receipt=str(user.mark or ""))
        self._kept.append(user.jid, entry)

    def _noted(self, message: Stanza, since: float) -> Stanza:
        """The message with a note since when it waits; one that has waited before says so already."""
        mentioned = message.mentions(b"urn:xmpp:delay")
        if mentioned and any(note.get("from") == self.domain.name for note in message.element.iterfind(DELAY)):
            return message
        return message.with_content(delay(self.domain.name, since))

    def _waits(self, user: User, message: Stanza) -> bool:
        """Whether it is here already: its client sends it again, as the server has died before it could say so."""
        assert message.from_ is not None
        mark, begins = user.mark, message.wire.decode().removesuffix("</message>")
        for _, entry in self._kept.page(user.jid, peer=message.from_.bare, backwards=True, limit=REPEATED):
            kept = Mark.read(entry.receipt)
            same = mark is not None and kept is not None and mark.repeats(kept, named=bool(message.id))
            if same and entry.doc.startswith(begins):
                return True
        return False

    def _with(self, user: User, message: Stanza) -> Waiting | None:
        """How much waits with this message; None where there is no room for it."""
        waiting = self._waiting(user).and_one_of(len(message.wire))
        if waiting.exceeds(self._most) and user.resources:  # one of them may have read it in the archive
            del user.state[self.name]
            waiting = self._waiting(user).and_one_of(len(message.wire))
        return None if waiting.exceeds(self._most) else waiting

    def _waiting(self, user: User) -> Waiting:
        if self.name not in user.state:
            docs = [entry.doc for _, entry, _ in self._stored(user)]
            user.state[self.name] = Waiting(len(docs), sum(len(doc.encode()) + NOTES for doc in docs))
        waiting: Waiting = user.state[self.name]
        return waiting

    def _stored(self, user: User) -> list[tuple[str, Entry, Archive]]:
        """What waits and where, oldest first; of the ids, those of the archive and ours, all are different."""
        stores = self._archive, self._kept
        pages = together(*(partial(store.page, user.jid, waiting=True, limit=sys.maxsize) for store in stores))
        found = [(id, entry, store) for store, page in zip(stores, pages, strict=True) for id, entry in page]
        return sorted(found, key=itemgetter(0))

    @awakes(lambda feature: (feature._kept, feature._archive))
    def look(self, user: User, *waits: bool) -> None:
        """For most users nothing waits: then there is nothing to read when their client comes."""
        if not any(waits):
            user.state[self.name] = NOTHING

    @receptive
    def hand_over(self, user: User, resource: Resource) -> None:
        """§2, step 5."""
        if user.state.get(self.name) != NOTHING and self._hand_over(user, resource, None):
            user.state[self.name] = NOTHING

    @overtaking
    def hand_over_first(self, user: User, resource: Resource) -> None:
        """RFC 6120 §10.1: messages to a full JID arrive in order, also if its client comes among them.

        Since then none waits that is to this resource: once is enough.
        """
        if user.state.get(self.name) == NOTHING or self.name in resource.state:
            return
        user.finish()  # what is given to it now does not depend on what becomes of that message
        if self._hand_over(user, resource, user.full_jid(resource)):
            resource.state[self.name] = True
            user.state.pop(self.name, None)

    def _hand_over(self, user: User, resource: Resource, to: JID | None) -> bool:
        """Delivers what waits, with `to` only what is to that full JID. Whether it could be read.

        Forgotten once it is in the Session's mailbox: what it cannot write comes back to the User.
        """
        try:
            given: dict[Archive, list[str]] = {self._archive: [], self._kept: []}
            for id, entry, store in self._stored(user):
                message = Stanza.read(parse(entry.doc.encode()))
                if to is not None and message.to != to:
                    continue
                given[store].append(id)
                if store is self._archive:
                    message = self._noted(message, moment(id)).with_content(stanza_id(user.jid, id))
                if message.from_ is None or not user.shuns(message.from_):
                    user.deliver(resource, message)
            self._archive.wait(user.jid, given[self._archive], False)
            self._kept.delete(user.jid, given[self._kept])
        except StorageError as error:
            # They are delivered at the next occasion, if need be once more: better twice than never.
            user.state.pop(self.name, None)
            log.error("%r: offline messages: %s", user, error)
            return False
        return True

    @bound
    def leave_to_archive(self, user: User, resource: Resource) -> None:
        """XEP-0386 §3.2: a client that binds so finds in the archive what waits there. All else it is given as ever."""
        if user.state.get(self.name) == NOTHING or "archive" not in self.domain.hooks:
            return
        try:
            archived = self._archive.page(user.jid, waiting=True, limit=sys.maxsize)
            self._archive.wait(user.jid, [id for id, _ in archived], False)
        except StorageError as error:
            log.error("%r: offline messages are delivered that are in the archive, too: %s", user, error)
        user.state.pop(self.name, None)

    @unbound
    def count_again(self, user: User, resource: Resource) -> None:
        """Who is gone may have read in the archive what waits."""
        if user.state.get(self.name) != NOTHING:
            user.state.pop(self.name, None)


def _is_lasting(message: Stanza) -> bool:
    """Whether there is anything in it but chat states (XEP-0085 §2: and the thread that these belong to)."""
    return any(child.tag != "thread" and etree.QName(child).namespace not in FLEETING for child in message)
