"""A roster: what one user knows about contacts (RFC 6121 §2 and §3).

Both are values. A change makes a new item and a new roster that shares all the rest, so that a roster can be told to
Sessions while the User goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from actors import subscription
from actors.storage import Map, Storage
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.xml import Element, escape

ROSTER = "jabber:iq:roster"

MOST_GROUPS = 100
MOST_BYTES = 1023  # of a name or of a group's name

# So many changes are remembered for clients that bring an old version (§2.6).
REMEMBERED = 100


class RosterItem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One contact. `state` is one of `subscription.STATES`. `request` is what came of the contact's while it waits.

    An item that is not `listed` is not in the user's roster: all there is of it is somebody's request (§3.1.3).
    `approved`: a request is granted before it comes (§3.4). `version` numbers the change that made the item so.
    """

    state: subscription.State = subscription.NONE
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
        return self.state in subscription.HELD

    @property
    def asked(self) -> bool:
        """Whether the user's own request waits for an answer."""
        return self.state in subscription.ASKED

    @property
    def asks(self) -> bool:
        """Whether the contact's request waits for an answer."""
        return self.state in subscription.ASKS

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to remember about this contact."""
        return not self.listed and self.state == subscription.NONE

    @property
    def shown(self) -> tuple[object, ...] | None:
        """What clients see of it; None when it is not in the roster."""
        return (self.name, self.groups, self.subscription, self.asked, self.approved) if self.listed else None

    def xml(self, jid: JID) -> str:
        """The <item/> for `query` (§2.1.2); for one that is not listed, that it has been removed."""
        if not self.listed:
            return f'<item jid="{jid.xml}" subscription="remove"/>'
        name = f' name="{escape(self.name)}"' if self.name else ""
        ask = ' ask="subscribe"' if self.asked else ""
        approved = ' approved="true"' if self.approved else ""
        groups = "".join([f"<group>{escape(group)}</group>" for group in self.groups])
        return f'<item jid="{jid.xml}" subscription="{self.subscription}"{name}{ask}{approved}>{groups}</item>'


def query(items: Iterable[str], ver: str | None = None) -> bytes:
    """The <query/> of a roster result or push (§2.1.1). Rosters are long: this takes a fifth of what elements would."""
    version = f' ver="{escape(ver)}"' if ver is not None else ""
    return f'<query xmlns="{ROSTER}"{version}>{"".join(items)}</query>'.encode()


NOBODY = RosterItem()


class Counter(msgspec.Struct, frozen=True):
    """How the versions of one roster are counted (§2.6).

    `version` is the number of the last change. `removed`: the contacts taken out of late, each with the number of that
    change, so that a client with an old roster can be told; those removed up to `forgotten` are not known any more.
    `epoch` tells this counting from one that began anew.
    """

    version: int
    epoch: str
    removed: dict[str, int]
    forgotten: int = 0


class Roster:
    """A user's contacts by bare JID, at one moment."""

    __slots__ = ("_items", "counter")

    def __init__(self, items: Mapping[JID, RosterItem], counter: Counter) -> None:
        self._items = items
        self.counter = counter

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
        return {jid: item for jid, item in self._items.items() if item.listed}

    @property
    def ver(self) -> str:
        """The version as clients keep it (§2.6.1)."""
        return self.ver_at(self.counter.version)

    def ver_at(self, version: int) -> str:
        """The version that a client has once it knows of all changes up to this number."""
        return f"{self.counter.epoch}.{version}"

    def since(self, ver: str) -> list[tuple[JID, RosterItem]] | None:
        """The contacts as they are that have changed since a client's version, oldest change first (§2.6.3).

        One that was removed is not `listed`. None as a whole when it is not known what has changed since.
        """
        counter = self.counter
        epoch, _, number = ver.rpartition(".")
        if epoch != counter.epoch or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return None
        seen = int(number)
        if not counter.forgotten <= seen <= counter.version:
            return None
        later = [(jid, item) for jid, item in self._items.items() if item.listed and item.version > seen]
        for jid, version in counter.removed.items():
            if version > seen:
                later.append((JID.parse(jid), RosterItem(version=version)))
        return sorted(later, key=lambda entry: entry[1].version)

    def changed(self, jid: JID, item: RosterItem) -> Roster:
        """The same with what is known of `jid` replaced by `item`, as one more version."""
        counter = self.counter
        version = counter.version + 1
        items = {**self._items, jid: replace(item, version=version)}
        if item.is_nothing:
            del items[jid]
        removed = dict(counter.removed)
        forgotten = counter.forgotten
        if item.listed:
            removed.pop(jid, None)
        elif self[jid].listed:
            removed[jid] = version
            if len(removed) > REMEMBERED:
                forgotten = removed.pop(min(removed, key=removed.__getitem__))
        return Roster(items, Counter(version, counter.epoch, removed, forgotten))


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored under one key: an item under its JID, the counter under ""."""

    item: RosterItem = NOBODY
    counter: Counter | None = None


class RosterStore:
    """Rosters as they sleep. What belongs to one change is stored together or not at all."""

    def __init__(self, storage: Storage) -> None:
        self.kept = storage.store("roster", Map, of=Kept)

    def load(self, owner: JID) -> Roster:
        """The roster of a user; an empty one if there is none."""
        return self.made_of(self.kept.items(owner))

    @staticmethod
    def made_of(kept: dict[str, Kept]) -> Roster:
        """The roster that this is all of what is `kept` of."""
        counter = kept.pop("", Kept()).counter or Counter(0, secrets.token_hex(4), {})
        return Roster({JID.parse(key): row.item for key, row in kept.items()}, counter)

    def change(self, owner: JID, roster: Roster, jid: JID, item: RosterItem) -> Roster:
        """The roster with what is known of `jid` replaced by `item`; returns when that is stored."""
        after = roster.changed(jid, item)
        row = None if item.is_nothing else Kept(item=after[jid])
        self.kept.change(owner, {"": Kept(counter=after.counter), jid: row})
        return after


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
