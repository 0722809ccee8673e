"""A User: the actor of one bare JID. It groups the resources, and their stanzas pass through it both ways."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from actors.actor import Inbox, told
from actors.batching import Stanzas
from actors.contacts import QUERY, Contacts
from actors.delivery import Fate, recipients
from actors.mailbox import (
    Close,
    Deliver,
    Due,
    Inbound,
    Kick,
    ListClients,
    ListSessions,
    Message,
    Outbound,
    Returned,
    Waited,
)
from actors.presence import Presence
from actors.receipts import Mark, Receipt
from actors.resource import Key, Resource
from actors.storage import StorageError
from actors.subscription import TYPES
from actors.succession import Succession
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import SESSION
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.host import Domain


class User(Succession):
    """One bare JID, with an account or without: it also answers for those that do not exist.

    `resources` by resourcepart, in the order in which they were bound. `state` belongs to the features, by name.
    """

    def __init__(self, domain: Domain, jid: JID) -> None:
        super().__init__()
        self.domain = domain
        self.jid = jid
        self.resources: dict[str, Resource] = {}
        self.state: dict[str, Any] = {}
        self._settling = None
        self._receipt = None
        self._message = None
        self._suspect: Message | None = None
        self._sleepy = False

    # The organs have no state of their own: they are made where they are used, and nothing has to hold them.

    @property
    def contacts(self) -> Contacts:
        return Contacts(self)

    @property
    def presence(self) -> Presence:
        return Presence(self)

    def on_start(self) -> None:
        accounts, rosters, awakes = self.domain.accounts, self.domain.rosters, self.domain.hooks.awakes
        stores = [store for _, needed in awakes for store in needed]
        found = iter(self.domain.storage.glance(self.jid, [accounts.records, rosters.kept, *stores]))
        account, self.roster = next(found), rosters.made_of(next(found))
        for handler, needed in awakes:
            handler(self, *islice(found, len(needed)))
        self.exists = account is not None or self.jid in accounts.guests
        self.disabled = account is not None and account.disabled is not None

    def full_jid(self, resource: Resource) -> JID:
        return self.jid.with_resource(resource.name)

    def route(self, stanza: Stanza) -> None:
        """Sends a stanza on its way; whoever it is addressed to. The user's presence stays hidden from some.

        The first one that comes of what is being handled takes its receipt along; but presence that does not last is no
        reason to hold back an acknowledgement.
        """
        assert stanza.to is not None
        if stanza.kind != "presence" or not self.shuns(stanza.to):
            receipt = None
            if self._receipt is not None and (stanza.kind != "presence" or stanza.type in TYPES):
                receipt = self._take_receipt()
            if self.unfinished:
                self.once_kept(self.domain.router.route, stanza, receipt)
            else:
                self.domain.router.route(stanza, receipt)

    @property
    def mark(self) -> Mark | None:
        """By this what is being handled is known if it should come again (XEP-0198); None for what never does."""
        return self._receipt.mark if self._receipt is not None else None

    @property
    def repeats(self) -> bool:
        """Whether what is being handled may have come before, and the server died before it could say so (XEP-0198)."""
        return self._receipt is not None and self._receipt.again

    def shuns(self, jid: JID) -> bool:
        """Whether the server is not to act for the user towards this JID, unless the user says so."""
        for needs, handler in self.domain.hooks.shuns:
            if (needs is None or needs in self.state) and handler(self, jid):
                return True
        return False

    def deliver(self, resource: Resource, stanza: Stanza, shared: tuple[Key, ...] = ()) -> None:
        """Gives a stanza to one of the user's own clients; `shared` as in `Deliver`."""
        receipt = None
        if self._receipt is not None and resource.previd:
            receipt = self._receipt
            self.once_kept(receipt.split)
        if self.unfinished:
            self.once_kept(resource.session.tell, Deliver(stanza, shared, receipt))
        else:
            resource.session.tell(Deliver(stanza, shared, receipt))

    # -- stanzas

    @told(Outbound)
    def on_outbound(self, message: Outbound) -> None:
        """A stanza from one of the user's clients, on its way to anybody."""
        assert message.stanza.from_ is not None
        resource = self.resources.get(message.stanza.from_.resource)
        if resource is None or resource.session is not message.session:
            if message.receipt is not None:
                message.receipt.handled()
            return  # replaced, and about to close
        self._message, self._receipt = message, message.receipt
        if self.unfinished:
            self._join(message)
        try:
            self._send(resource, message.stanza)
        except (StanzaError, StorageError) as error:
            self._send_back(resource, message.stanza, error)
        self._message = None
        if self._receipt is not None:
            self._done(self._receipt)

    def _send(self, resource: Resource, stanza: Stanza) -> None:
        """Raises StanzaError, StorageError."""
        for needs, handler in self.domain.hooks.outbound[stanza.kind]:
            if needs is None or needs in self.state:
                passed = handler(self, stanza)
                if passed is None:
                    return
                stanza = passed
        if stanza.kind == "presence":
            self.presence.send(resource, stanza)
        else:
            self.route(stanza)

    def _send_back(self, resource: Resource, stanza: Stanza, error: StanzaError | StorageError) -> None:
        """Straight back: on the way in it would seem to come from the one whom it was meant for."""
        refusal = self.domain.router.refusal(stanza, error)
        if refusal is not None:
            self.deliver(resource, refusal)

    @told(Inbound)
    def on_inbound(self, message: Inbound) -> None:
        """A stanza from anybody. It waits for Sessions that are to settle: what they hand back was there first."""
        if self._settling is None:
            self.on_waited(message)
        elif len(self._settling.queue) < self.domain.router.mailbox:
            self._settling.queue.append(Waited(message.stanza, message.receipt))
        else:
            error = StanzaError("resource-constraint", "too much is waiting for the recipient")
            self.domain.router.bounce(message.stanza, error, message.receipt)

    @told(Waited)
    def on_waited(self, message: Inbound) -> None:
        """A stanza from anybody to the user (RFC 6121 §8.5)."""
        self._message, self._receipt = message, message.receipt
        if self.unfinished:
            self._join(message)
        try:
            self._take(message.stanza)
        except (StanzaError, StorageError) as error:
            self._bounce(message.stanza, error)
        self._message = None
        if self._receipt is not None:
            self._done(self._receipt)

    def _bounce(self, stanza: Stanza, error: StanzaError | StorageError) -> None:
        self.once_kept(self.domain.router.bounce, stanza, error, self._take_receipt())

    def _take(self, stanza: Stanza) -> None:
        """Raises StanzaError, StorageError."""
        if not self.exists:
            self._nobody(stanza)
            return
        for needs, handler in self.domain.hooks.inbound[stanza.kind]:
            if needs is None or needs in self.state:
                passed = handler(self, stanza)
                if passed is None:
                    return
                stanza = passed
        if stanza.kind == "message":
            self._take_message(stanza)
        elif stanza.kind == "presence":
            self.presence.receive(stanza)
        else:
            self._take_iq(stanza)

    def _nobody(self, stanza: Stanza) -> None:
        """§8.5.1: there is no such account. A presence gets the answer that a stranger gets from any account."""
        if stanza.kind != "presence":
            raise StanzaError("service-unavailable")
        if stanza.type == "probe" and stanza.from_ is not None:
            self.route(Stanza("presence", type="unsubscribed", from_=self.jid, to=stanza.from_.bare))

    def accept(self, message: Stanza, *, waiting: bool = False) -> Stanza:
        """What a message becomes that some of the clients are going to be given; `waiting`: the next one that comes."""
        for needs, handler in self.domain.hooks.accepted:
            if needs is None or needs in self.state:
                message = handler(self, message, waiting)
        return message

    def _take_message(self, stanza: Stanza, *, returned: bool = False) -> None:
        hooks = self.domain.hooks
        takers = recipients(stanza, self.resources)
        if isinstance(takers, list):
            if not takers[0].receptive:
                for make_way in hooks.overtaking:
                    make_way(self, takers[0])
            stanza = self.accept(stanza)
        elif takers is Fate.REFUSE:
            raise StanzaError("service-unavailable")
        else:
            stanza = self._leave(stanza) if takers is Fate.KEEP else stanza
            takers = []
        holders = takers
        if not returned:
            for needs, handler in hooks.delivered:
                if needs is None or needs in self.state:
                    holders = holders + handler(self, stanza, takers)
        shared = tuple(resource.key for resource in holders) if len(holders) > 1 else ()
        for resource in takers:
            self.deliver(resource, stanza, shared)

    def _leave(self, message: Stanza) -> Stanza:
        """What a message has become that waits for a resource. Raises StanzaError where it cannot."""
        for handler in self.domain.hooks.undeliverable:
            kept = handler(self, message)
            if kept is not None:
                return kept
        raise StanzaError("service-unavailable")

    def _take_iq(self, stanza: Stanza) -> None:
        """To a full JID: the client's (§8.5.3.1). To the bare JID: the server answers for the account (§8.5.2.1.3)."""
        assert stanza.to is not None
        if stanza.to.resource:
            resource = self.resources.get(stanza.to.resource)
            if resource is not None and (not stanza.is_request or self.presence.is_shared(resource, stanza.from_)):
                self.deliver(resource, stanza)
            elif stanza.is_request:
                raise StanzaError("service-unavailable")  # to strangers the same whether or not the resource is there
        elif stanza.is_request:
            answer = self._answer_iq(stanza)
            if answer is not None:
                self.route(answer)

    def _answer_iq(self, iq: Stanza) -> Stanza | None:
        """What the account answers; None if that has been delivered already. Raises StanzaError."""
        payload = iq.payload
        answer = ANSWERS.get((iq.type, payload.tag)) if payload is not None else None
        if answer is None:
            return self.domain.answer(self, self.jid, iq)
        asker = self.resources.get(iq.from_.resource) if iq.from_ and iq.from_.bare == self.jid else None
        if asker is None:
            raise StanzaError("forbidden")  # §2.3.3
        return answer(self, asker, iq)

    @told(Returned)
    def on_returned(self, message: Returned) -> None:
        """Nothing was written to the client: a message finds another way, a request its answer."""
        stanza = message.stanza
        if stanza.from_ == self.jid:
            if message.receipt is not None:
                message.receipt.handled()
            return  # what the account itself tells one client is of no use to another
        self._message, self._receipt = message, message.receipt
        if self.unfinished:
            self._join(message)
        try:
            if stanza.kind == "message":
                # While one of those is there who got it too, it has not been lost.
                others = (resource for resource in self.resources.values() if resource.receptive)
                if not any(resource.key in message.shared or self._has_got(resource, stanza) for resource in others):
                    self._take_message(stanza, returned=True)
            elif stanza.is_request:
                raise StanzaError("service-unavailable")
        except (StanzaError, StorageError) as error:
            # By now it says what is for the user alone: under which id it is kept.
            self._bounce(stanza.emptied(), error)
        self._message = None
        if self._receipt is not None:
            self._done(self._receipt)

    def _has_got(self, resource: Resource, message: Stanza) -> bool:
        return any(handler(self, resource, message) for handler in self.domain.hooks.known)

    def _refuse(self, message: Stanzas, receipt: Receipt | None, error: StorageError) -> None:
        """It could not be kept, and nothing has come of it yet."""
        self._receipt = receipt
        stanza = message.stanza
        if isinstance(message, Outbound):
            assert stanza.from_ is not None
            resource = self._resource(message.session, stanza.from_.resource)
            if resource is not None:
                self._send_back(resource, stanza, error)
        else:
            self._bounce(stanza.emptied() if isinstance(message, Returned) else stanza, error)
        if self._receipt is not None:
            self._done(self._receipt)

    @told(Due)
    def on_due(self, message: Due) -> None:
        handler = self.domain.hooks.due.get(message.feature)
        if handler is not None:
            handler(self, message.what)

    # -- asked at the edges

    @told(ListSessions)
    def on_list_sessions(self, message: ListSessions) -> dict[str, Inbox]:
        return {name: resource.session for name, resource in self.resources.items()}

    @told(ListClients)
    def on_list_clients(self, message: ListClients) -> set[str]:
        return {resource.client for resource in self.resources.values() if resource.client}

    @told(Kick)
    def on_kick(self, message: Kick) -> bool:
        resource = self.resources.get(message.resource)
        if resource is not None:
            resource.session.tell(Close(message.error))
        return resource is not None

    @property
    def address(self) -> str:
        return self.jid

    def __repr__(self) -> str:
        return f"<User {self.jid}>"


# What RFC 6121 itself lets an account be asked by its own resources; the rest belongs to features. Establishing a
# session (RFC 3921) does nothing.
ANSWERS: dict[tuple[str, str], Callable[[User, Resource, Stanza], Stanza | None]] = {
    ("get", QUERY): lambda user, resource, iq: user.contacts.get(resource, iq),
    ("set", QUERY): lambda user, resource, iq: user.contacts.set(iq),
    ("set", f"{{{SESSION}}}session"): lambda user, resource, iq: iq.result(),
}
