"""A roster: what one user knows about contacts (RFC 6121 §2 and §3).

Both are values. A change makes a new item and a new roster that shares all the rest, so that a roster can be told to
Sessions while the User goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from actors import subscription
from actors.storage import Map
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.xml import Element, element

ROSTER = "jabber:iq:roster"

MOST_GROUPS = 100
MOST_BYTES = 1023  # of a name or of a group's name

# So many changes are remembered for clients that bring an old version (§2.6).
REMEMBERED = 100


class RosterItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One contact. `state` is one of `subscription.STATES`; `request` the content of a subscription request that waits.

    An item that is not `listed` has never been in the user's roster: somebody's request, or a pre-approval kept apart.
    `version` numbers the change that made it so.
    """

    state: str = subscription.NONE
    name: str = ""
    groups: tuple[str, ...] = ()
    listed: bool = False
    approved: bool = False
    request: str = ""
    version: int = 0

    @property
    def subscription(self) -> str:
        """As the roster shows it: "none", "to", "from" or "both"."""
        return self.state.partition(" ")[0]

    @property
    def sees_user(self) -> bool:
        """Whether the contact is subscribed to the user's presence."""
        return self.state in subscription.GRANTED

    @property
    def seen_by_user(self) -> bool:
        """Whether the user is subscribed to the contact's presence."""
        return self.state in (subscription.TO, subscription.TO_IN, subscription.BOTH)

    @property
    def asked(self) -> bool:
        """Whether the user's own request waits for an answer."""
        return self.state in (subscription.NONE_OUT, subscription.NONE_OUT_IN, subscription.FROM_OUT)

    @property
    def asks(self) -> bool:
        """Whether the contact's request waits for an answer."""
        return self.state in (subscription.NONE_IN, subscription.NONE_OUT_IN, subscription.TO_IN)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to remember about this contact."""
        return not self.listed and not self.approved and self.state == subscription.NONE

    def xml(self, jid: JID) -> Element:
        """The <item/> of a roster result or push (§2.1.2)."""
        item = element(f"{{{ROSTER}}}item", jid=jid, subscription=self.subscription)
        if self.name:
            item.set("name", self.name)
        if self.asked:
            item.set("ask", "subscribe")
        if self.approved:
            item.set("approved", "true")
        for group in self.groups:
            item.append(element(f"{{{ROSTER}}}group", group))
        return item


NOBODY = RosterItem()


class Roster:
    """A user's contacts by bare JID, at one moment.

    `version` is the number of the last change; `removed` the contacts taken out of late with the version of that, so
    that a client with an old roster can be told (§2.6.3). `epoch` tells this counting from one that began anew.
    """

    __slots__ = ("_items", "epoch", "removed", "version")

    def __init__(
        self, items: Mapping[JID, RosterItem], *, version: int = 0, epoch: str = "", removed: Mapping[JID, int]
    ) -> None:
        self._items = items
        self.version = version
        self.epoch = epoch
        self.removed = removed

    def __getitem__(self, jid: JID) -> RosterItem:
        """What is known of this bare JID; `NOBODY` when nothing is."""
        return self._items.get(jid, NOBODY)

    def __iter__(self) -> Iterator[tuple[JID, RosterItem]]:
        """Every contact about whom anything is known."""
        return iter(self._items.items())

    def __len__(self) -> int:
        return len(self._items)

    @property
    def listed(self) -> Mapping[JID, RosterItem]:
        """The contacts that the user sees."""
        return MappingProxyType({jid: item for jid, item in self._items.items() if item.listed})

    @property
    def ver(self) -> str:
        """The version as clients keep it (§2.6.1)."""
        return f"{self.epoch}.{self.version}"

    def since(self, ver: str) -> list[tuple[JID, RosterItem | None]] | None:
        """The changes since a client's version, oldest first, None for a removed contact.

        None as a whole when it is not known what has changed since.
        """
        epoch, _, number = ver.rpartition(".")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return None
        seen = int(number)
        forgotten = min(self.removed.values(), default=0) if len(self.removed) >= REMEMBERED else 0
        if not forgotten <= seen <= self.version:
            return None
        changed = [(item.version, jid, item) for jid, item in self._items.items() if item.listed]
        gone = [(version, jid, None) for jid, version in self.removed.items()]
        later = [entry for entry in (*changed, *gone) if entry[0] > seen]
        return [(jid, item) for _, jid, item in sorted(later, key=lambda entry: entry[0])]


class RosterStore:
    """Rosters as they sleep: an item for each contact, and one under "" for the counting."""

    def __init__(self, items: Map[RosterItem], counters: Map[Counter]) -> None:
        self._items = items
        self._counters = counters

    def load(self, owner: JID) -> Roster:
        """The roster of a user; an empty one if there is none."""
        counter = self._counters.get(owner, "")
        if counter is None:
            return Roster({}, epoch=secrets.token_hex(4), removed={})
        items = {JID.parse(key): item for key, item in self._items.items(owner).items()}
        removed = {JID.parse(key): version for key, version in counter.removed.items()}
        return Roster(items, version=counter.version, epoch=counter.epoch, removed=removed)

    def change(self, owner: JID, roster: Roster, jid: JID, item: RosterItem) -> Roster:
        """The roster with what is known of `jid` replaced by `item`; returns when that is stored."""
        before = roster[jid]
        item = msgspec.structs.replace(item, version=roster.version + 1)
        items = dict(roster)
        if item.is_nothing:
            items.pop(jid, None)
        else:
            items[jid] = item
        removed = {known: version for known, version in roster.removed.items() if known != jid}
        if before.listed and not item.listed:
            removed[jid] = item.version
            for oldest in sorted(removed, key=removed.__getitem__)[:-REMEMBERED]:
                del removed[oldest]
        after = Roster(items, version=item.version, epoch=roster.epoch, removed=removed)
        # The counter goes first: a version that was counted but never used does no harm, one used twice would.
        self._counters.put(owner, "", Counter(after.version, after.epoch, {str(k): v for k, v in removed.items()}))
        self._items.put(owner, jid, None if item.is_nothing else item)
        return after


class Counter(msgspec.Struct, frozen=True):
    """How far the versions of one roster have been counted, and which contacts are gone since when."""

    version: int
    epoch: str
    removed: dict[str, int]


def asked_change(query: Element | None, owner: JID) -> tuple[JID, RosterItem | None]:
    """What a roster set asks for (§2.1.5, §2.3.3): a contact with name and groups, or None to remove it.

    Raises StanzaError: bad-request, not-acceptable, not-allowed, jid-malformed.
    """
    items = [] if query is None else query.findall(f"{{{ROSTER}}}item")
    if len(items) != 1:
        raise StanzaError("bad-request", "exactly one item, RFC 6121 §2.3.3")
    item = items[0]
    try:
        jid = JID.parse(item.get("jid", ""))
    except JIDMalformed as malformed:
        raise StanzaError("jid-malformed" if item.get("jid") else "bad-request", str(malformed)) from None
    if jid.bare == owner:
        raise StanzaError("not-allowed", "nobody is in their own roster")
    if item.get("subscription") == "remove":
        return jid.bare, None
    groups = tuple(group.text or "" for group in item.findall(f"{{{ROSTER}}}group"))
    if len(set(groups)) != len(groups):
        raise StanzaError("bad-request", "the same group twice")
    name = item.get("name", "")
    if "" in groups:
        raise StanzaError("not-acceptable", "a group without a name")
    if len(groups) > MOST_GROUPS or any(len(text.encode()) > MOST_BYTES for text in (name, *groups)):
        raise StanzaError("not-acceptable", "a name is too long, or there are too many groups")
    return jid.bare, RosterItem(name=name, groups=groups, listed=True)
