"""Whatever three users do to each other, all sides agree in the end, and everybody sees whom they may see: no more, no
less. Checked against what the clients themselves have heard."""

from __future__ import annotations

from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from actors.roster import ROSTER, RosterItem
from actors.subscription import STATES, TYPES
from actors.user import User
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.couple import relate
from tests.world import Client, World, settle

USERS = ("romeo", "juliet", "nurse")
JIDS = {user: JID.parse(f"{user}@localhost") for user in USERS}
CRASH = Stanza("message", type="error", body=b"<crash/>")


class Watcher:
    """A client that notes who is available, what is in the roster and who has asked."""

    def __init__(self, world: World, user: str) -> None:
        self.user = user
        self.client: Client = world.connect(user)
        self.available = False
        self.seen: set[str] = set()
        self.asking: set[str] = set()
        self.roster: dict[str, tuple[object, ...]] = {}
        self.says(f"<iq type='get' id='get'><query xmlns='{ROSTER}'/></iq>")
        self.shows_up()

    def shows_up(self) -> None:
        self.available = True
        self.says("<presence/>")

    def retires(self) -> None:
        self.says("<presence type='unavailable'/>")
        self.available = False
        self.seen.clear()
        self.asking.clear()

    def says(self, text: str) -> None:
        self.client.says(text)
        self.listen()

    def listen(self) -> None:
        for node in self.client.hears():
            sender, type = node.get("from", ""), node.get("type", "")
            if etree.QName(node).localname == "presence":
                if type == "":
                    self.seen.add(sender)
                elif type == "unavailable":
                    self.seen.discard(sender)
                elif type == "subscribe":
                    self.asking.add(sender)
            elif node.find(f"{{{ROSTER}}}query") is not None:
                self.note(node[0])

    def note(self, query: etree._Element) -> None:
        for item in query:
            jid = item.get("jid")
            assert jid is not None
            self.roster[jid] = (item.get("subscription"), item.get("ask"), item.get("approved"))
            if item.get("subscription") == "remove":
                del self.roster[jid]


class Play:
    """A world of watchers, what can happen in it, and what has to be true all the time."""

    def __init__(self, states: tuple[str, ...]) -> None:
        self.world = World(*USERS)
        for (user, contact), state in zip(combinations(USERS, 2), states, strict=True):
            relate(self.world, JIDS[user], JIDS[contact], state)
        self.watchers: list[Watcher] = []
        inbound = self.world.domain.hooks.inbound
        for kind in inbound:
            inbound[kind] += ((None, crash),)

    def do(self, user: str, action: str, contact: str) -> None:
        mine = [watcher for watcher in self.watchers if watcher.user == user]
        if action == "log in" and len(mine) < 2:
            self.watchers.append(Watcher(self.world, user))
        elif action == "sleep":
            for _ in range(3):
                self.world.clock.advance(30)
        elif action == "crash":
            self.world.router.route(CRASH.addressed(JIDS[user]))
            settle()
        elif mine:
            self.act(mine[0], action, contact)
        for watcher in self.watchers:
            watcher.listen()

    def act(self, watcher: Watcher, action: str, contact: str) -> None:
        if action in TYPES and contact != watcher.user:
            watcher.says(f"<presence type='{action}' to='{contact}@localhost'/>")
        elif action in ("set", "remove") and contact != watcher.user:
            change = "subscription='remove'" if action == "remove" else "name='x'"
            item = f"<item jid='{contact}@localhost' {change}/>"
            watcher.says(f"<iq type='set' id='set'><query xmlns='{ROSTER}'>{item}</query></iq>")
        elif action == "show up":
            watcher.shows_up()
        elif action == "retire":
            watcher.retires()
        elif action in ("log out", "cut"):
            self.watchers.remove(watcher)
            if action == "cut":
                watcher.client.wire.cut()
                settle()
            else:
                watcher.client.says("</stream:stream>")

    # -- what has to be true

    def item(self, user: str, contact: str) -> RosterItem:
        return self.world.domain.rosters.load(JIDS[user])[JIDS[contact]]

    def agree(self) -> None:
        for user, contact in permutations(USERS, 2):
            mine, theirs = self.item(user, contact), self.item(contact, user)
            assert mine.sees_user == theirs.seen_by_user
            assert mine.asks == theirs.asked
            assert not (mine.asks and mine.approved)
            assert mine.asks == bool(mine.request)
            assert mine.listed or mine.asks or mine.is_nothing
        for user in USERS:
            actor = self.world.router.user(JIDS[user]).actor
            assert isinstance(actor, User)
            settle()
            if actor.started:
                assert dict(actor.roster) == dict(self.world.domain.rosters.load(JIDS[user]))
        for watcher in self.watchers:
            self.agrees(watcher)

    def agrees(self, watcher: Watcher) -> None:
        others = [user for user in USERS if user != watcher.user]
        items = {user: self.item(watcher.user, user) for user in others}
        assert watcher.roster == {
            f"{user}@localhost": (
                item.subscription,
                "subscribe" if item.asked else None,
                "true" if item.approved else None,
            )
            for user, item in items.items()
            if item.listed
        }
        if watcher.available:
            visible = {watcher.user, *(user for user, item in items.items() if item.seen_by_user)}
            there = {other.client.jid for other in self.watchers if other.available and other.user in visible}
            assert watcher.seen == there
            assert {f"{user}@localhost" for user, item in items.items() if item.asks} <= watcher.asking
        else:
            assert watcher.seen <= {watcher.client.jid}


def crash(_: User, stanza: Stanza) -> Stanza:
    if stanza.body == CRASH.body:
        raise RuntimeError("made to fail")
    return stanza


ACTIONS = (*TYPES, *TYPES, "set", "remove", "log in", "log in", "log out", "cut", "show up", "retire", "sleep", "crash")
STEPS = st.tuples(st.sampled_from(USERS), st.sampled_from(ACTIONS), st.sampled_from(USERS))


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.sampled_from(STATES)] * 3), st.lists(STEPS, min_size=5, max_size=40))
def test_all_sides_agree(states: tuple[str, ...], steps: list[tuple[str, str, str]]) -> None:
    play = Play(states)
    for user in USERS:
        play.do(user, "log in", "")
    for step in steps:
        play.do(*step)
        play.agree()
