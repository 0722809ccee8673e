"""XEP-0313: Message Archive Management. What a user has written and been written is kept, and can be asked for.

`worth.py` says what is kept, `preferences.py` of whom, `retention.py` for how long; `query.py` what of it somebody
wants to see (`search.py` by its words), and `retraction.py` what nobody shall see any more. `latest.py` looks for one
among the latest.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import Annotated, Any

import msgspec

from actors.hooks import XEP, Aside, Feature, accepted, asks, awakes, bound, copied, known, outbound, serving
from actors.host import Domain
from actors.resource import Key, Resource
from actors.storage import Archive as Store
from actors.storage import Entry, Extent, Record, StorageError, moment
from actors.sweep import Sweep
from actors.user import User
from actors.xeps.archive.latest import Repeats
from actors.xeps.archive.preferences import PREFS, Preferences
from actors.xeps.archive.query import FORM, NAMESPACE, Found, Query
from actors.xeps.archive.retention import ROUND, Retention
from actors.xeps.archive.retraction import NAMESPACE as RETRACTION
from actors.xeps.archive.retraction import bury, retracted_by
from actors.xeps.archive.search import NAMESPACE as SEARCH
from actors.xeps.archive.search import catch_up
from actors.xeps.archive.worth import worth_keeping
from actors.xeps.stanza_ids import assigned, stanza_id, stripped
from net.limits import Rate, Throttle
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.paging import RSM, page
from net.xmpp.stamps import stamp
from net.xmpp.stanza import Stanza
from net.xmpp.xml import CLIENT, Element, element, escape

log = logging.getLogger(__name__)

QUERY = f"{{{NAMESPACE}}}query"
METADATA = f"{{{NAMESPACE}}}metadata"

# Of what clients have read while a stream hibernates, so much is remembered: the latest.
MOST_SHOWN = 2_000

# What somebody takes back has to be looked for: for each in so many cases an hour, so that nobody has it done for fun.
RETRACTIONS_PER_HOUR = 300


class ArchiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`page`: how many messages one query gets at most. `addresses`: how many there may be in a user's preferences."""

    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    addresses: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1000


class State:
    """What is remembered in a User. `preferences`: the user's own; None: as the domain has it. `sent`: the id of what
    the user has sent last to somebody else, None if that is not kept. `repeats`: what may come again, while it may.
    `shown`: by id, which resources have read what here, while it may be in the queue of one that hibernates.
    """

    __slots__ = ("preferences", "repeats", "sent", "shown")

    def __init__(self, preferences: Preferences | None) -> None:
        self.preferences = preferences
        self.sent: str | None = None
        self.repeats: Repeats | None = None
        self.shown: dict[str, tuple[Key, ...]] = {}


class Archive(Feature):
    """Keeps the messages of each user, and shows them to the user's clients.

    A message is stored before it goes anywhere, by its sender's User and by its recipient's: whoever has been given it
    can be sure that it is there. What the recipient's clients get bears the id under which it is kept.

    The state in a User is a `State`.
    """

    implements = (
        XEP(313, "1.1.3", "Message Archive Management"),
        XEP(424, "0.4.2", "Message Retraction"),
        XEP(431, "0.2.0", "Full Text Search in MAM"),
        XEP(441, "0.2.0", "Message Archive Management Preferences"),
        XEP(59, "1.0", "Result Set Management"),
        XEP(297, "1.0", "Stanza Forwarding"),
    )
    advertises = (RETRACTION,)
    advertises_for_accounts = (
        NAMESPACE,
        f"{NAMESPACE}#extended",
        f"{NAMESPACE}#groupchat-field",
        RETRACTION,
        f"{RETRACTION}#tombstone",
        SEARCH,
        RSM,
    )
    after = ("blocking", "offline", "stanza_ids")
    requires = ("stanza_ids",)
    Options = ArchiveOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._kept = domain.storage.lasts.store("archive", Store)
        self._preferences: Record[Preferences] = domain.storage.store("archive-preferences", Record, of=Preferences)
        self._retracting = Throttle(Rate(RETRACTIONS_PER_HOUR / 3600, burst=3600))
        self._now = 0.0
        self._default = Preferences(domain.options.archive)
        # Several pages fit into an outbox: nobody is cut off for having asked for two.
        self._room = domain.config.limits.outbox // 8

    @awakes(lambda feature: (feature._preferences,))
    def remember(self, user: User, preferences: Preferences | None) -> None:
        """What the user wants kept, for those who have said so."""
        if preferences is not None:
            user.state[self.name] = State(preferences)

    @serving
    def expire(self) -> None:
        """§3.2: from now on archives keep to their limits."""
        retention = Retention(self.domain)
        Sweep(self, retention.owners, retention.step, ROUND).begin()

    # -- what passes

    @outbound("message")
    def keep_own(self, user: User, message: Stanza) -> Stanza:
        """What the user says to others. What they say to themselves is kept once, as it comes in (§6.1.1)."""
        if message.to is not None and message.to.bare != user.jid:
            state = self._state(user)
            state.sent = self._keep(user, state, message, message.to)
        return message

    @copied
    def name_own(self, user: User, message: Stanza) -> Stanza:
        """§3.5: the user's other clients are told by what id they find it in the archive. Whom it is for is not."""
        id = self._state(user).sent
        return message if id is None else message.with_content(stanza_id(user.jid, id))

    @accepted
    def keep(self, user: User, message: Stanza, waiting: bool) -> Stanza:
        """What the user is told: from now on it bears its id (§3.5).

        What a Session that had ended has handed back bears it already. If such a message is to wait, but has been
        removed from the archive since (§3.2), it is kept as if it came now.
        """
        given = assigned(message, user.jid)
        if given is not None:
            if not waiting or self._wait(user, given):
                return message
            message = stripped(message, user.jid)
        assert message.from_ is not None
        id = self._keep(user, self._state(user), message, message.from_, waiting=waiting)
        return message if id is None else message.with_content(stanza_id(user.jid, id))

    def _wait(self, user: User, id: str) -> bool:
        """Has a message wait that is there already, unless a client knows that it is, or has read it. Whether it is
        there still. What goes after that has waited.
        """
        told = any(id <= resource.state.get(self.name, "") for resource in user.resources.values())
        if not told and id not in self._state(user).shown:
            self._kept.wait(user.jid, [id], True)
        return self._is_there(user, id)

    def _is_there(self, user: User, id: str) -> bool:
        return bool(self._kept.page(user.jid, ids=[id], limit=1))

    def _keep(self, user: User, state: State, message: Stanza, peer: JID, *, waiting: bool = False) -> str | None:
        """Stores a message; its id, None where it is not to be kept. An anonymous user could ask for it nevermore."""
        if not worth_keeping(message) or user.jid in self.domain.accounts.guests:
            return None
        if not (state.preferences or self._default).keep(user, peer):
            return None
        # What follows a message has a later id than it, whatever becomes of the clock.
        self._now = max(self._now, self.domain.clock.now())
        mark = user.mark
        receipt = "" if mark is None else str(mark)
        entry = Entry(self._now, peer.bare, message.wire.decode(), peer.resource, waiting, receipt)
        retracts = retracted_by(message) is not None
        if not (waiting or retracts or (mark is not None and user.repeats)):
            if mark is not None and state.repeats is not None:
                state.repeats.forget(mark)
            return user.keep(self._kept, entry)
        # Somebody is to find it there at once, and with it all that came before. One that is sent again, since the
        # server died before it could say that it is stored, may have been handed over since, and then waits no more.
        user.finish()
        id = None
        if user.repeats and mark is not None:
            state.repeats = state.repeats or Repeats()
            id = state.repeats.find(self._kept, user.jid, peer, message, mark)
        if id is None:
            id = self._kept.append(user.jid, entry)
        if retracts:
            self._bury(user, peer, message)
        return id

    def _bury(self, user: User, peer: JID, retraction: Stanza) -> None:
        """XEP-0424 §4. The retraction is kept whatever becomes of this."""
        assert retraction.from_ is not None
        if not self._retracting.take((user.jid, retraction.from_.bare), self._now):
            log.info("%s has taken back too much: no tombstone for %r", retraction.from_.bare, user)
            return
        try:
            bury(self._kept, user.jid, peer, retraction, self._now)
        except StorageError as error:
            log.error("%r: there is no tombstone for what was taken back: %s", user, error)

    # -- preferences (XEP-0441)

    @asks("get", PREFS, of=User, own=True)
    def preferences(self, user: User, iq: Stanza) -> Stanza:
        """§2.1, examples 1 and 2."""
        return iq.result((self._state(user).preferences or self._default).xml())

    @asks("set", PREFS, of=User, own=True)
    def prefer(self, user: User, iq: Stanza) -> Stanza:
        """§2.1, examples 4 and 5. They hold for messages from now on."""
        assert iq.payload is not None
        preferences = Preferences.read(iq.payload, self.options.addresses)
        self._preferences.put(user.jid, preferences)
        self._state(user).preferences = preferences
        return iq.result(preferences.xml())

    def _state(self, user: User) -> State:
        state: State | None = user.state.get(self.name)
        if state is None:
            state = user.state[self.name] = State(None)
        return state

    # -- queries

    @asks("get", QUERY, of=User, own=True)
    def form(self, user: User, iq: Stanza) -> Stanza:
        """§4.1.5: what can be asked for."""
        return iq.result(element(QUERY, None, FORM.xml()))

    @asks("set", QUERY, of=User, own=True)
    def query(self, user: User, iq: Stanza) -> Stanza | Aside:
        """§4: the messages of a page, and then that it ends there.

        Those that have waited for a resource to come wait no more: this one has them (§6.1.1).
        """
        assert iq.payload is not None and iq.from_ is not None
        asker = user.resources.get(iq.from_.resource)
        if asker is None:
            raise StanzaError("forbidden", "only a connected resource can be given messages")
        query = Query.read(iq.payload, self.options.page)
        if query.words is None:
            return self._answer(user, asker, iq, query)
        return Aside(lambda: self._search(user, asker, iq, query))

    def _search(self, user: User, asker: Resource, iq: Stanza, query: Query) -> Stanza:
        """XEP-0431."""
        catch_up(self._kept, user.jid)
        return self._answer(user, asker, iq, query)

    def _answer(self, user: User, asker: Resource, iq: Stanza, query: Query) -> Stanza:
        assert iq.payload is not None
        found, complete = query.find(self._kept, user.jid, self._room)
        self._show(user, asker, found[::-1] if query.flipped else found, iq.payload.get("queryid"))
        self._kept.wait(user.jid, [id for id, entry in found if entry.waiting], False)
        self._note_shown(user, asker, found)
        return iq.result(self._fin(user, query, found, complete))

    def _note_shown(self, user: User, asker: Resource, found: Found) -> None:
        """What waits no more by this, and need not be given to the asker, once a stream that hibernates has ended and
        had it in its queue.
        """
        shown = self._state(user).shown
        if all(resource.hibernating is None for resource in user.resources.values()):
            shown.clear()
            return
        key = asker.key
        for id, _ in found:
            keys = shown.pop(id, ())
            shown[id] = keys if key in keys else (*keys, key)
        for id in list(islice(shown, max(0, len(shown) - MOST_SHOWN))):
            del shown[id]

    @known
    def has_read(self, user: User, resource: Resource, message: Stanza) -> bool:
        """What it has been told is in the archive it finds there, too, as long as that is there."""
        id = assigned(message, user.jid)
        if id is None or resource.hibernating is not None:
            return False
        if resource.key in self._state(user).shown.get(id, ()):
            return True
        return id <= resource.state.get(self.name, "") and self._is_there(user, id)

    def _show(self, user: User, asker: Resource, found: Found, queryid: str | None) -> None:
        """§4.2: each message in one of its own, with the time by which it is found. All of it is text already."""
        named = f' queryid="{escape(queryid)}"' if queryid is not None else ""
        to = user.full_jid(asker)
        for id, entry in found:
            whole = f'<message xmlns="{CLIENT}"{entry.doc.removeprefix("<message")}'
            body = (
                f'<result xmlns="{NAMESPACE}"{named} id="{id}"><forwarded xmlns="urn:xmpp:forward:0">'
                f'<delay xmlns="urn:xmpp:delay" stamp="{stamp(moment(id))}"/>{whole}</forwarded></result>'
            )
            user.deliver(asker, Stanza("message", to=to, from_=user.jid, body=body.encode()))

    def _fin(self, user: User, query: Query, found: Found, complete: bool) -> Element:
        """§4.3.2. How many there are is told where all of them are asked for: it costs nothing to know."""
        count = None
        if not query.narrowed:
            extent = self._kept.extent(user.jid)
            count = extent.entries if extent is not None else 0
        first, last = (found[0][0], found[-1][0]) if found else (None, None)
        fin = element(f"{{{NAMESPACE}}}fin", None, page(first, last, count))
        if complete:
            fin.set("complete", "true")
        return fin

    @asks("get", METADATA, of=User, own=True)
    def metadata(self, user: User, iq: Stanza) -> Stanza:
        """§5: where the archive begins and ends."""
        return iq.result(_told(self._kept.extent(user.jid)))

    @bound
    def tell_extent(self, user: User, resource: Resource) -> Element | None:
        """XEP-0386 §3.2: what the archive has at the moment from which on the client is told all by itself.

        The state in a `Resource` is the id of the last that it finds there.
        """
        try:
            extent = self._kept.extent(user.jid)
            if extent is not None:
                resource.state[self.name] = extent.last
            return _told(extent)
        except StorageError as error:
            log.error("%r: a client is not told what there is in the archive: %s", user, error)
            return None


def _told(extent: Extent | None) -> Element:
    """The <metadata/> of an archive; None: it is empty."""
    told = element(METADATA)
    if extent is not None:
        for tag, id in (("start", extent.first), ("end", extent.last)):
            told.append(element(f"{{{NAMESPACE}}}{tag}", None, id=id, timestamp=stamp(moment(id))))
    return told
