"""XEP-0191: Blocking Command. With the reports of XEP-0377: Blocking Command Reports."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any

import msgspec

from actors.hooks import XEP, Feature, asks, awakes, inbound, outbound, shuns
from actors.host import Domain
from actors.reports import REPORT, REPORTING, Report, Reports
from actors.resource import Resource
from actors.storage import Map
from actors.user import User
from net.limits import Rate, Throttle
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element

log = logging.getLogger(__name__)

NAMESPACE = "urn:xmpp:blocking"
BLOCKLIST = f"{{{NAMESPACE}}}blocklist"
BLOCK = f"{{{NAMESPACE}}}block"
UNBLOCK = f"{{{NAMESPACE}}}unblock"
ITEM = f"{{{NAMESPACE}}}item"
BLOCKED = "{urn:xmpp:blocking:errors}blocked"

# Of one account's reports, so many are kept in an hour: nobody can fill the list alone.
REPORTS_PER_HOUR = 20


# Most users block nobody, and even an empty set of their own is 200 bytes.
NOBODY: frozenset[JID] = frozenset()


class BlockingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`items`: how many JIDs a user may block. `reports`: how many reports are kept for those who run the server."""

    items: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    reports: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1000


class Blocking(Feature):
    """Keeps those away whom a user has blocked. To them the user seems to be offline.

    The state in a User who has blocked anybody is whom, a frozenset of JIDs; in a Resource, that it has asked for the
    list and wants to hear of changes.
    """

    implements = (XEP(191, "1.3", "Blocking Command"), XEP(377, "0.4.1", "Blocking Command Reports"))
    advertises = (NAMESPACE, REPORTING)
    for_some = True
    Options = BlockingOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._lists = domain.storage.store("blocking", Map)
        self._reports = Reports(domain.storage, domain.jid)
        self._reporting = Throttle(Rate(REPORTS_PER_HOUR / 3600, burst=3600))

    # -- what passes

    @outbound()
    def keep_in(self, user: User, stanza: Stanza) -> Stanza:
        """§3.3: nothing goes to the JID; the user is told why."""
        if stanza.to is not None and self.shuns(user, stanza.to):
            raise StanzaError("not-acceptable", "this address is blocked", type="cancel", detail=element(BLOCKED))
        return stanza

    @inbound()
    def keep_out(self, user: User, stanza: Stanza) -> Stanza | None:
        """§3.3: nothing comes from the JID. A presence gets no answer; what can have an error gets one."""
        if stanza.from_ is None or not self.shuns(user, stanza.from_):
            return stanza
        if stanza.kind == "presence":
            return None
        raise StanzaError("service-unavailable")

    @awakes(lambda feature: (feature._lists,))
    def remember(self, user: User, items: Mapping[str, Any]) -> None:
        """Whatever the user does first, it is asked who is blocked."""
        self.keep_in_mind(user, frozenset(map(JID.parse, items)))

    @shuns
    def shuns(self, user: User, jid: JID) -> bool:
        """§5: whether this JID, its bare JID or its domain is blocked.

        Never the account itself (§4, note), nor the server: who blocks the domain blocks all others there.
        """
        blocked = self._blocked(user)
        if jid.bare in (user.jid, self.domain.jid):
            return False
        return _is_among(jid, blocked)

    def _blocked(self, user: User) -> frozenset[JID]:
        blocked: frozenset[JID] = user.state.get(self.name, NOBODY)
        return blocked

    # -- the list

    @asks("get", BLOCKLIST, of=User, own=True)
    def show(self, user: User, iq: Stanza) -> Stanza:
        """§3.2. Who asks hears of changes from now on."""
        assert iq.from_ is not None
        asker = user.resources.get(iq.from_.resource)
        if asker is not None:
            asker.state[self.name] = True
        return iq.result(element(BLOCKLIST, None, *map(_item, sorted(self._blocked(user)))))

    @asks("set", BLOCK, of=User, own=True)
    def block(self, user: User, iq: Stanza) -> Stanza:
        """§3.3."""
        items = _items(iq)
        if not items:
            raise StanzaError("bad-request", "nobody is named whom to block")
        before = self._blocked(user)
        new = items.keys() - before
        if len(before) + len(new) > self.options.items:
            raise StanzaError("resource-constraint", "the list is full")
        for jid, item in items.items():
            self._keep_report(user, jid, item.find(REPORT))
        self._lists.change(user.jid, dict.fromkeys(new, True))
        for resource in _available(user):
            gone = Stanza("presence", type="unavailable", from_=user.full_jid(resource))
            for entity in _audience(user, resource, new):
                user.route(gone.addressed(entity))
                resource.directed.pop(entity, None)
        self.keep_in_mind(user, before | new)
        self._push(user, BLOCK, items)
        return iq.result()

    @asks("set", UNBLOCK, of=User, own=True)
    def unblock(self, user: User, iq: Stanza) -> Stanza:
        """§3.4, §3.5. They see the user's presence again, and the user theirs."""
        items = _items(iq)
        before = self._blocked(user)
        freed = before & items.keys() if items else before
        self._lists.change(user.jid, dict.fromkeys(freed))
        self.keep_in_mind(user, before - freed)
        for resource in _available(user):
            assert resource.presence is not None
            for entity in _audience(user, resource, freed):
                user.route(resource.presence.addressed(entity))
            for contact, item in user.roster:
                if item.seen_by_user and _is_among(contact, freed):
                    user.route(Stanza("presence", type="probe", from_=user.full_jid(resource), to=contact))
        self._push(user, UNBLOCK, items)
        return iq.result()

    def _push(self, user: User, tag: str, items: Iterable[JID]) -> None:
        """To all resources that have requested the list (§3.3, §3.4)."""
        id = f"push-{secrets.token_hex(6)}"
        push = Stanza("iq", type="set", id=id, content=element("iq", None, element(tag, None, *map(_item, items))))
        for resource in user.resources.values():
            if self.name in resource.state:
                user.deliver(resource, push.addressed(user.full_jid(resource)))

    def _keep_report(self, user: User, reported: JID, report: Element | None) -> None:
        """XEP-0377 §6. What becomes of a report changes nothing about the block."""
        now = self.domain.clock.now()
        if report is None or not report.get("reason"):
            return
        if not self._reporting.take(user.jid, now):
            log.info("a report about %s is dropped, after too many others", reported)
        elif not self._reports.keep(reported, Report.read(report, user.jid), now, most=self.options.reports):
            log.warning("a report about %s is dropped: there are too many", reported)


def _is_among(jid: JID, jids: Collection[str]) -> bool:
    """§5. A domain stands for all at that domain, a bare JID for all of its resources."""
    return jid in jids or jid.bare in jids or jid.domain in jids


def _available(user: User) -> list[Resource]:
    return [resource for resource in user.resources.values() if resource.presence is not None]


def _audience(user: User, resource: Resource, jids: Collection[JID]) -> set[JID]:
    """Those whom these JIDs stand for and who have been shown the resource's presence, or may be."""
    subscribers = {contact for contact, item in user.roster if item.sees_user and _is_among(contact, jids)}
    resources = {jid for jid in jids if jid.local and jid.resource and user.roster[jid.bare].sees_user}
    return subscribers | resources | {entity for entity in resource.directed if _is_among(entity, jids)}


def _items(iq: Stanza) -> dict[JID, Element]:
    """The <item/>s by their JIDs. Raises StanzaError bad-request, jid-malformed."""
    assert iq.payload is not None
    found = {}
    for item in iq.payload.iterfind(ITEM):
        jid = item.get("jid")
        if not jid:
            raise StanzaError("bad-request", "an item needs a jid")
        try:
            found[JID.parse(jid)] = item
        except JIDMalformed as malformed:
            raise StanzaError("jid-malformed", str(malformed)) from None
    return found


def _item(jid: JID) -> Element:
    return element(ITEM, jid=jid)
