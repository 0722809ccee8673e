"""A User: the actor of one bare JID. It groups the resources, and their stanzas pass through it both ways."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from actors.actor import Actor, Inbox, told
from actors.contacts import QUERY, Contacts
from actors.delivery import Fate, recipients
from actors.mailbox import (
    Attach,
    Bind,
    BindRefused,
    Bound,
    Close,
    Deliver,
    Inbound,
    Kick,
    ListSessions,
    Outbound,
    Released,
    Remove,
    Returned,
    Sleep,
    Unbind,
)
from actors.presence import Presence
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JID
from net.xmpp.offers import SESSION
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.roster import Roster


class Resource:
    """What a User knows of one of its Sessions. `presence` None: connected, not available."""

    __slots__ = ("directed", "interested", "name", "presence", "priority", "session")

    def __init__(self, name: str, session: Inbox) -> None:
        self.name = name
        self.session = session
        self.presence: Stanza | None = None
        self.priority = 0
        self.interested = False
        self.directed: frozenset[JID] = frozenset()

    @property
    def receptive(self) -> bool:
        """Available, with a priority that is not negative: it takes messages to the bare JID (RFC 6121 §8.5.2.1)."""
        return self.presence is not None and self.priority >= 0


class User(Actor):
    """One bare JID, with an account or without: it also answers for those that do not exist.

    `resources` by resourcepart, in the order in which they were bound. `state` belongs to the features, by name.
    """

    def __init__(self, domain: Domain, jid: JID) -> None:
        super().__init__()
        self.domain = domain
        self.jid = jid
        self.resources: dict[str, Resource] = {}
        self.contacts = Contacts(self)
        self.presence = Presence(self, self.contacts)
        self.state: dict[str, Any] = {}
        self.suspect: Any = None
        self._sleepy = False
        self._expected: set[Inbox] = set()
        self._deferred: list[Any] = []

    exists: bool
    roster: Roster

    def on_start(self) -> None:
        self.exists = self.domain.accounts.exists(self.jid)
        self.roster = self.domain.rosters.load(self.jid)

    def full_jid(self, resource: Resource) -> JID:
        return self.jid.with_resource(resource.name)

    def route(self, stanza: Stanza) -> None:
        """Sends a stanza on its way; whoever it is addressed to."""
        self.domain.router.route(stanza)

    def deliver(self, resource: Resource, stanza: Stanza) -> None:
        """Gives a stanza to one of the user's own clients."""
        resource.session.tell(Deliver(stanza))

    def receive(self, message: Any) -> Any:
        if self._expected and message.__class__ not in (Attach, Unbind):
            self._deferred.append(message)
            return None
        return super().receive(message)

    # -- Sessions come and go

    @told(Bind)
    def on_bind(self, message: Bind) -> None:
        """Resource binding (RFC 6120 §7): the resource asked for, or one that nobody can guess."""
        try:
            name = self._free(message.resource)
        except StanzaError as error:
            message.session.tell(BindRefused(error))
            return
        self.resources[name] = Resource(name, message.session)
        message.session.tell(Bound(name, self.roster))

    def _free(self, wanted: str) -> str:
        """A resourcepart that is free now; a conflict is resolved as the host's options say (RFC 6120 §7.7.2.2)."""
        if not self.exists:
            raise StanzaError("not-allowed", "the account is gone")
        holder = self.resources.get(wanted)
        conflict = self.domain.options.conflict
        if holder is not None and conflict == "refuse":
            raise StanzaError("conflict")
        if holder is not None and conflict == "replace":
            holder.session.tell(Close(StreamError("conflict", "another client has taken this resource")))
            self._lose(holder)
            return wanted
        if len(self.resources) >= self.domain.config.limits.resources:
            raise StanzaError("resource-constraint", "too many resources")
        if holder is not None:
            stem = wanted[:200]
            return next(
                name for n in range(2, len(self.resources) + 3) if (name := f"{stem}-{n}") not in self.resources
            )
        return wanted or secrets.token_urlsafe(9)

    @told(Unbind)
    def on_unbind(self, message: Unbind) -> None:
        holder = self.resources.get(message.resource)
        if holder is not None and holder.session is message.session:
            self._lose(holder)
        message.session.tell(Released())
        self._arrived(message.session)

    def _lose(self, resource: Resource) -> None:
        del self.resources[resource.name]
        self.presence.gone(resource)

    def expect(self, sessions: Iterable[Inbox]) -> None:
        """After a crash: these are about to attach; everything else waits until they have."""
        self._expected = set(sessions)

    @told(Attach)
    def on_attach(self, message: Attach) -> None:
        if message.resource:
            resource = self.resources[message.resource] = Resource(message.resource, message.session)
            resource.presence, resource.priority = message.presence, message.priority
            resource.interested = message.interested
        self._arrived(message.session)

    def _arrived(self, session: Inbox) -> None:
        if self._expected:
            self._expected.discard(session)
            if not self._expected:
                deferred, self._deferred = self._deferred, []
                for late in deferred:
                    self.actor_inbox.tell(late)

    @property
    def attached(self) -> list[Inbox]:
        """The Sessions of this user."""
        return [*{*self._expected, *(resource.session for resource in self.resources.values())}]

    # -- stanzas

    @told(Outbound)
    def on_outbound(self, message: Outbound) -> None:
        """A stanza from one of the user's clients, on its way to anybody."""
        stanza: Stanza | None = message.stanza
        assert stanza is not None and stanza.from_ is not None
        resource = self.resources.get(stanza.from_.resource)
        if resource is None or resource.session is not message.session:
            return  # replaced, and about to close
        try:
            for handler in self.domain.hooks.outbound:
                stanza = handler(self, stanza)
                if stanza is None:
                    return
            if stanza.kind == "presence":
                self.presence.send(resource, stanza)
            else:
                self.route(stanza)
        except StanzaError as error:
            self.domain.router.bounce(message.stanza, error)

    @told(Inbound)
    def on_inbound(self, message: Inbound) -> None:
        """A stanza from anybody to the user (RFC 6121 §8.5)."""
        stanza: Stanza | None = message.stanza
        assert stanza is not None
        try:
            if not self.exists:
                self._nobody(stanza)
                return
            for handler in self.domain.hooks.inbound:
                stanza = handler(self, stanza)
                if stanza is None:
                    return
            if stanza.kind == "message":
                self._take_message(stanza)
            elif stanza.kind == "presence":
                self.presence.receive(stanza)
            else:
                self._take_iq(stanza)
        except StanzaError as error:
            self.domain.router.bounce(message.stanza, error)

    def _nobody(self, stanza: Stanza) -> None:
        """§8.5.1: there is no such account. A presence gets the answer that a stranger gets from any account."""
        if stanza.kind != "presence":
            raise StanzaError("service-unavailable")
        if stanza.type == "probe" and stanza.from_ is not None:
            self.route(Stanza("presence", type="unsubscribed", from_=self.jid, to=stanza.from_.bare))

    def _take_message(self, stanza: Stanza) -> None:
        takers = recipients(stanza, self.resources)
        if isinstance(takers, list):
            for resource in takers:
                self.deliver(resource, stanza)
        elif takers is Fate.KEEP:
            if not any(handler(self, stanza) for handler in self.domain.hooks.undeliverable):
                raise StanzaError("service-unavailable")
        elif takers is Fate.REFUSE:
            raise StanzaError("service-unavailable")

    def _take_iq(self, stanza: Stanza) -> None:
        """To a full JID: the client's. To the bare JID: the server answers for the account (§8.5.2.1.3)."""
        assert stanza.to is not None
        if stanza.to.resource:
            resource = self.resources.get(stanza.to.resource)
            if resource is not None:
                self.deliver(resource, stanza)
            elif stanza.is_request:
                raise StanzaError("service-unavailable")
        elif stanza.is_request:
            payload = stanza.payload
            own = ANSWERS.get((stanza.type, payload.tag)) if payload is not None else None
            answer = own(self, stanza) if own else self.domain.hooks.answer(self, self.jid, stanza)
            if answer is not None:
                self.route(answer)

    @told(Returned)
    def on_returned(self, message: Returned) -> None:
        """Nothing was written to the client: a message finds another way, a request its answer."""
        stanza = message.stanza
        if stanza.kind == "message":
            self.actor_inbox.tell(Inbound(stanza.addressed(self.jid)))
        elif stanza.is_request:
            self.domain.router.bounce(stanza, StanzaError("service-unavailable"))

    # -- the end

    @told(Remove)
    def on_remove(self, message: Remove) -> None:
        """The account is gone. Its contacts are told, as if the user had taken them all from the roster."""
        for resource in list(self.resources.values()):
            resource.session.tell(Close(StreamError("not-authorized", "the account has been removed")))
            self._lose(resource)
        self.contacts.take_leave_of_all()
        self.domain.storage.forget(self.jid)
        self.on_start()

    @told(Sleep)
    def on_sleep(self, message: Sleep) -> None:
        self._sleepy = True

    def on_idle(self) -> None:
        """A User with no Session and nothing to do leaves memory; its state sleeps in storage."""
        if not self.resources and not self._expected and not self.actor_inbox.closed:
            if self._sleepy:
                self.domain.router.asleep(self)
                self._stop()
            else:
                self.domain.router.drowsy(self.actor_inbox)

    def succeed(self, message: Any, left: list[Any]) -> None:
        self.domain.router.restart(self, message, self._deferred + left)

    @told(ListSessions)
    def on_list_sessions(self, message: ListSessions) -> dict[str, Inbox]:
        return {name: resource.session for name, resource in self.resources.items()}

    @told(Kick)
    def on_kick(self, message: Kick) -> bool:
        resource = self.resources.get(message.resource)
        if resource is not None:
            resource.session.tell(Close(message.error))
        return resource is not None

    def __repr__(self) -> str:
        return f"<User {self.jid}>"


# What RFC 6121 itself lets an account be asked; the rest belongs to features. Establishing a session does nothing.
ANSWERS: dict[tuple[str, str], Callable[[User, Stanza], Stanza | None]] = {
    ("get", QUERY): lambda user, iq: user.contacts.get(iq),
    ("set", QUERY): lambda user, iq: user.contacts.set(iq),
    ("set", f"{{{SESSION}}}session"): lambda user, iq: iq.result(),
}
