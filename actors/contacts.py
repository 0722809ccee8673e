"""A user's roster in use: requests to see and change it, subscriptions asked for and granted (RFC 6121 §2 and §3)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec.structs import replace

from actors import subscription
from actors.mailbox import RosterChanged
from actors.roster import NOBODY, ROSTER, RosterItem, asked_change, query
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import parse

if TYPE_CHECKING:
    from actors.resource import Resource
    from actors.user import User

QUERY = f"{{{ROSTER}}}query"

# A request that waits is kept whole (§3.1.3) if it has no more bytes, otherwise without its content.
LARGEST_REQUEST = 8192


class Contacts:
    """The contacts of one user. An organ of the User: runs in its mailbox, and waits where something is stored."""

    __slots__ = ("_user",)

    def __init__(self, user: User) -> None:
        self._user = user

    # -- the roster as clients see it

    def get(self, resource: Resource, iq: Stanza) -> Stanza | None:
        """A roster get (§2.2), which makes the resource an interested one.

        Answers with the whole roster; where the client has an earlier version, with nothing, and then with pushes of
        what has changed since (§2.6.3): those have to come behind the answer, so it is delivered here.
        """
        user = self._user
        resource.interested = True
        asked = iq.payload
        assert asked is not None
        ver = asked.get("ver")
        changes = user.roster.since(ver) if ver else None
        if changes is None:
            return iq.result(query([item.xml(jid) for jid, item in user.roster.listed.items()], user.roster.ver))
        user.deliver(resource, iq.result())
        for jid, item in changes:
            user.deliver(resource, self._pushed(jid, item).addressed(user.full_jid(resource)))
        return None

    def set(self, iq: Stanza) -> Stanza:
        """A roster set (§2.3, §2.4, §2.5): adds, changes or removes one contact. Raises StanzaError."""
        user = self._user
        jid, wanted = asked_change(iq.payload, user.jid)
        item = user.roster[jid]
        if wanted is not None:
            self._keep(jid, replace(item, name=wanted.name, groups=wanted.groups, listed=True))
            self._push(jid)
        elif item.listed:
            self._keep(jid, NOBODY)
            self._push(jid)
            self._take_leave(jid, item)
        else:
            raise StanzaError("item-not-found")
        return iq.result()

    def _take_leave(self, jid: JID, item: RosterItem) -> None:
        """§2.5.2: with a contact end the subscriptions in both directions, and the requests for them."""
        user = self._user
        if item.seen_by_user or item.asked:
            user.route(Stanza("presence", type="unsubscribe", from_=user.jid, to=jid))
        if item.sees_user:
            self._show(jid, available=False)
        if item.sees_user or item.asks:
            user.route(Stanza("presence", type="unsubscribed", from_=user.jid, to=jid))

    def take_leave_of_all(self) -> None:
        """The account goes: nobody is left with a subscription to nobody."""
        for jid, item in self._user.roster:
            self._take_leave(jid, item)

    # -- subscriptions

    def send(self, stanza: Stanza) -> None:
        """The user asks, grants, or takes back (§3, §A.2). Raises StanzaError."""
        user = self._user
        if stanza.to is None:
            raise StanzaError("bad-request", "a subscription is to somebody")
        jid = stanza.to.bare
        if jid == user.jid:
            raise StanzaError("not-allowed", "everybody sees their own presence")
        type = stanza.type
        item = user.roster[jid]
        move = subscription.send(item.state, type)
        after = replace(item, state=move.state)
        if type == "subscribe":
            after = replace(after, listed=True)
        elif type == "subscribed" and (move.passes or item.state in subscription.PREAPPROVABLE):
            # An answer to a request, or given in advance to one that is yet to come (§3.4.2).
            after = replace(after, listed=True, approved=item.approved or not move.passes)
        elif type == "unsubscribed":
            after = replace(after, approved=False)
        self._keep(jid, after)
        if item.sees_user and not after.sees_user:
            self._show(jid, available=False)  # §3.2.2: while the contact is still subscribed
        if move.passes:
            user.route(stanza.stamped(user.jid).addressed(jid))
        if after.shown != item.shown:
            self._push(jid)
        if after.sees_user and not item.sees_user:
            self._show(jid, available=True)

    def receive(self, stanza: Stanza) -> None:
        """A contact asks, grants, or takes back (§3, §A.3). Raises StanzaError."""
        user = self._user
        assert stanza.from_ is not None
        jid = stanza.from_.bare
        item = user.roster[jid]
        if jid == user.jid:
            return
        if stanza.type == "subscribe" and (item.sees_user or item.approved):
            self._grant(jid, item)
            return
        move = subscription.receive(item.state, stanza.type)
        if not move.passes:
            return
        delivered = stanza.addressed(user.jid).stamped(jid)
        after = replace(item, state=move.state)
        if stanza.type == "subscribe":
            after = replace(after, request=self._kept(delivered))
        self._keep(jid, after)
        # Before the push (§3.1.6, §3.2.3, §3.3.3), so that a client can tell why there is one.
        for resource in user.resources.values():
            if resource.presence is not None if stanza.type == "subscribe" else resource.interested:
                user.deliver(resource, delivered)
        if after.shown != item.shown:
            self._push(jid)
        if item.sees_user and not after.sees_user:
            self._show(jid, available=False)

    def _grant(self, jid: JID, item: RosterItem) -> None:
        """A request that needs no answer of the user's: there is the subscription already, or an approval (§3.1.3)."""
        user = self._user
        if not item.sees_user:
            asking = subscription.receive(item.state, "subscribe").state
            self._keep(jid, replace(item, state=subscription.send(asking, "subscribed").state))
            self._push(jid)
        user.route(Stanza("presence", type="subscribed", from_=user.jid, to=jid))
        self._show(jid, available=True)

    def repeat_requests(self, resource: Resource) -> None:
        """A resource has become available: others' requests wait for it (§3.1.3), its user's may be lost (§3.1.2)."""
        user = self._user
        for jid, item in user.roster:
            if item.asks and not user.shuns(jid):
                user.deliver(resource, Stanza.read(parse(item.request.encode())))
            if item.asked:
                user.route(Stanza("presence", type="subscribe", from_=user.jid, to=jid))

    def _show(self, jid: JID, *, available: bool) -> None:
        """Tells a contact of the user's available resources (§3.1.5), or that there are none any more (§3.2.2)."""
        user = self._user
        for resource in user.resources.values():
            if resource.presence is not None:
                gone = Stanza("presence", type="unavailable", from_=user.full_jid(resource), to=jid)
                user.route(resource.presence.addressed(jid) if available else gone)

    # -- changes

    def _keep(self, jid: JID, item: RosterItem) -> None:
        """Stores what is known of a contact, and lets every Session know.

        Raises StanzaError resource-constraint where there is no room for one more contact, or one more request.
        """
        user = self._user
        before = user.roster[jid]
        if not item.asks:
            item = replace(item, request="")
        if item == before:
            return
        if not item.is_nothing and (before.is_nothing or item.listed != before.listed):
            self._check_room(listed=item.listed)
        user.roster = user.domain.rosters.change(user.jid, user.roster, jid, item)
        for resource in user.resources.values():
            resource.session.tell(RosterChanged(user.roster))

    def _kept(self, request: Stanza) -> str:
        """A request as it waits, without its content where there is no room for that.

        All that wait come at once at a login: together with the offline messages, which have three quarters of it, they
        fit into the outbox of a connection, so that nobody can have the user cut off. Raises StanzaError.
        """
        user = self._user
        room = user.domain.config.limits.outbox // 4
        waiting = sum(len(item.request.encode()) for _, item in user.roster)
        if len(request.wire) > min(LARGEST_REQUEST, room // 2 - waiting):
            request = Stanza("presence", type="subscribe", from_=request.from_, to=request.to)
        if len(request.wire) > room - waiting:
            raise StanzaError("resource-constraint", "too many requests wait for the user")
        return request.wire.decode()

    def _check_room(self, *, listed: bool) -> None:
        """Contacts and strangers' requests are counted apart: nobody can fill up somebody else's roster."""
        count = sum(item.listed == listed for _, item in self._user.roster)
        if count >= self._user.domain.config.limits.roster:
            raise StanzaError("resource-constraint", "the roster is full")

    def _push(self, jid: JID) -> None:
        """Every interested resource is told of a contact as it is now (§2.1.6)."""
        user = self._user
        item = user.roster[jid]
        push = self._pushed(jid, item if item.listed else RosterItem(version=user.roster.counter.version))
        for resource in user.resources.values():
            if resource.interested:
                user.deliver(resource, push.addressed(user.full_jid(resource)))

    def _pushed(self, jid: JID, item: RosterItem) -> Stanza:
        """A roster push. It brings the client up to the version of this very change (§2.6.3)."""
        body = query([item.xml(jid)], self._user.roster.ver_at(item.version))
        return Stanza("iq", type="set", id=f"push-{secrets.token_hex(6)}", body=body)
