"""A user's roster in use: requests to see and change it, subscriptions asked for and granted (RFC 6121 §2 and §3)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec.structs import replace

from actors import subscription
from actors.mailbox import RosterChanged
from actors.roster import NOBODY, ROSTER, RosterItem, asked_change
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element

if TYPE_CHECKING:
    from actors.user import Resource, User

QUERY = f"{{{ROSTER}}}query"


class Contacts:
    """The contacts of one user. An organ of the User: runs in its mailbox, and waits where something is stored."""

    def __init__(self, user: User) -> None:
        self._user = user

    # -- the roster as clients see it

    def get(self, iq: Stanza) -> Stanza | None:
        """A roster get (§2.2), which makes the resource an interested one.

        Answers with the whole roster; where the client has an earlier version, with nothing, and then with pushes of
        what has changed since (§2.6.3): those have to come behind the answer, so it is delivered here.
        """
        user = self._user
        resource = self._asker(iq)
        resource.interested = True
        query = iq.payload
        assert query is not None
        ver = query.get("ver")
        changes = user.roster.since(ver) if ver else None
        if changes is None:
            items = [item.xml(jid) for jid, item in user.roster.listed.items()]
            return iq.result(element(QUERY, None, *items, ver=user.roster.ver))
        user.deliver(resource, iq.result())
        for jid, item in changes:
            user.deliver(resource, self._push(jid, item).addressed(user.full_jid(resource)))
        return None

    def set(self, iq: Stanza) -> Stanza:
        """A roster set (§2.3, §2.4, §2.5): adds, changes or removes one contact."""
        user = self._user
        self._asker(iq)
        jid, wanted = asked_change(iq.payload, user.jid)
        before = user.roster[jid]
        if wanted is None:
            if not before.listed:
                raise StanzaError("item-not-found")
            self._remove(jid, before)
        else:
            self._change(jid, replace(before, name=wanted.name, groups=wanted.groups, listed=True))
        return iq.result()

    def _asker(self, iq: Stanza) -> Resource:
        """Only the account's own resources may ask (§2.1.5, §2.3.3)."""
        user = self._user
        resource = user.resources.get(iq.from_.resource) if iq.from_ and iq.from_.bare == user.jid else None
        if resource is None:
            raise StanzaError("forbidden")
        return resource

    def _remove(self, jid: JID, item: RosterItem) -> None:
        """§2.5.2: removing a contact ends the subscriptions in both directions."""
        self._change(jid, NOBODY)
        self._take_leave(jid, item)

    def _take_leave(self, jid: JID, item: RosterItem) -> None:
        if item.seen_by_user or item.asked:
            self._user.route(Stanza("presence", type="unsubscribe", from_=self._user.jid, to=jid))
        if item.sees_user or item.asks:
            self._user.route(Stanza("presence", type="unsubscribed", from_=self._user.jid, to=jid))
        if item.sees_user:
            self._show(jid, available=False)

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
        self._change(jid, after)
        if move.passes:
            user.route(stanza.stamped(user.jid).addressed(jid))
        if after.sees_user != item.sees_user:
            self._show(jid, available=after.sees_user)

    def receive(self, stanza: Stanza) -> None:
        """A contact asks, grants, or takes back (§3, §A.3). Raises StanzaError."""
        user = self._user
        assert stanza.from_ is not None
        jid = stanza.from_.bare
        if jid == user.jid:
            return
        item = user.roster[jid]
        if stanza.type == "subscribe" and item.sees_user:
            user.route(Stanza("presence", type="subscribed", from_=user.jid, to=jid))
            return
        move = subscription.receive(item.state, stanza.type)
        if not move.passes:
            return
        after = replace(item, state=move.state)
        if stanza.type == "subscribe":
            if item.approved:
                self._grant_in_advance(jid, after)
                return
            after = replace(after, request=stanza.body.decode())
        self._change(jid, after)
        delivered = stanza.addressed(user.jid).stamped(jid)
        for resource in user.resources.values():
            # §3.1.3: a request goes to available resources, what answers one to interested resources (§3.1.6).
            if resource.presence is not None if stanza.type == "subscribe" else resource.interested:
                user.deliver(resource, delivered)
        if item.sees_user and not after.sees_user:
            self._show(jid, available=False)

    def _grant_in_advance(self, jid: JID, asked: RosterItem) -> None:
        """§3.4.2: the request that was approved before it came is answered, and nobody is bothered with it."""
        user = self._user
        self._change(jid, replace(asked, state=subscription.send(asked.state, "subscribed").state))
        user.route(Stanza("presence", type="subscribed", from_=user.jid, to=jid))
        self._show(jid, available=True)

    def _show(self, jid: JID, *, available: bool) -> None:
        """Tells a contact of the user's available resources (§3.1.5), or that there are none any more (§3.2.1)."""
        user = self._user
        for resource in user.resources.values():
            if resource.presence is not None:
                gone = Stanza("presence", type="unavailable", from_=user.full_jid(resource), to=jid)
                user.route(resource.presence.addressed(jid) if available else gone)

    # -- changes

    def _change(self, jid: JID, item: RosterItem) -> None:
        """Stores what is known of a contact, then lets every Session know, and every interested client.

        Raises StanzaError resource-constraint where there is no room for one more contact.
        """
        user = self._user
        before = user.roster[jid]
        if not item.asks:
            item = replace(item, request="")
        if item == before:
            return
        if before is NOBODY and len(user.roster) >= user.domain.config.limits.roster:
            raise StanzaError("resource-constraint", "the roster is full")
        user.roster = user.domain.rosters.change(user.jid, user.roster, jid, item)
        for resource in user.resources.values():
            resource.session.tell(RosterChanged(user.roster))
        if not item.listed and not before.listed:
            return
        push = self._push(jid, user.roster[jid] if item.listed else None)
        for resource in user.resources.values():
            if resource.interested:
                user.deliver(resource, push.addressed(user.full_jid(resource)))

    def _push(self, jid: JID, item: RosterItem | None) -> Stanza:
        """A roster push (§2.1.6); None for a contact that was removed."""
        if item is None:
            shown: Element = element(f"{{{ROSTER}}}item", jid=jid, subscription="remove")
        else:
            shown = item.xml(jid)
        content = element("iq", None, element(QUERY, None, shown, ver=self._user.roster.ver))
        return Stanza("iq", type="set", id=f"push-{secrets.token_hex(6)}", content=content)
