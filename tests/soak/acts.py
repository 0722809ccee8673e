"""What people do while they are there."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.soak.badinput import HARMLESS
from tests.soak.client import Silent

if TYPE_CHECKING:
    from tests.soak.visit import Visit

Act = Callable[["Visit"], Awaitable[None]]

# Everything that may stand in a body and often goes wrong.
WORDS = (
    *("hello", "<b>&amp;</b>", "]]>", "\"'", "line\nline", "tab\t", "  ", "a\u00a0b", "\ufffd", "\U0010fffd"),
    *("ÄÖÜß", "日本語", "שלום", "नमस्ते", "e\u0301", "\u202eback", "\U0001f469\u200d\U0001f466"),
)

KEYS = 20

_acts: dict[Act, tuple[int, bool]] = {}


def act(weight: int, *, alone: bool = False) -> Callable[[Act], Act]:
    """Something that is done `weight` times as often as what has a weight of 1; `alone`: only by one resource."""

    def declare(do: Act) -> Act:
        _acts[do] = weight, alone
        return do

    return declare


def choose(visit: Visit) -> Act:
    """What this one does next."""
    acts = {do: weight for do, (weight, alone) in _acts.items() if visit.keeps_books or not alone}
    return visit.chance.choices(list(acts), list(acts.values()))[0]


def body(chance: random.Random) -> str:
    text = " ".join(chance.choices(WORDS, k=chance.randrange(1, 12))) + "."
    return text * chance.randrange(100, 1000) if chance.random() < 0.01 else text


def somebody(visit: Visit) -> str:
    """Whom this one has to do with, most often."""
    one = visit.chance.choice(visit.person.circle if visit.chance.random() < 0.8 else visit.scene.people)
    return one if one != visit.person.name else visit.person.circle[0]


# -- messages


@act(30)
async def say(visit: Visit) -> None:
    """To whoever it is, wherever they are."""
    to = somebody(visit)
    address = f"{to}@localhost"
    recipient: str | None = to
    kind = visit.chance.choice(("chat", "chat", "normal"))
    unusual = visit.chance.random()
    if unusual < 0.15:
        address += visit.chance.choice(("/home", "/phone", "/nowhere"))
    elif unusual < 0.2:
        recipient, address = None, f"nobody{visit.chance.randrange(50)}@localhost"
    elif unusual < 0.23:
        recipient, address = None, f"somebody@example{visit.chance.randrange(50)}.invalid"
    bodies = [body(visit.chance) for _ in range(visit.chance.randrange(1, 6))]
    await visit.says(address, recipient, bodies, kind)


@act(3)
async def be_slow(visit: Visit) -> None:
    await visit.client.dawdles(visit.chance.uniform(0.5, 2))


@act(2)
async def compose(visit: Visit) -> None:
    """A chat state, which is not kept (XEP-0085)."""
    await visit.client.tells(
        f"<message to='{somebody(visit)}@localhost' type='headline'>"
        "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )


# -- presence


@act(12)
async def change_presence(visit: Visit) -> None:
    show = visit.chance.choice(("", "<show>away</show>", "<show>dnd</show>", "<show>xa</show><status>zzz</status>"))
    priority = visit.chance.choice((0, 0, 0, 5, 127, -1))
    visit.client.receptive = False
    await visit.client.tells(f"<presence>{show}<priority>{priority}</priority></presence>")
    await visit.client.confirms()
    visit.client.receptive = priority >= 0


@act(3)
async def be_away(visit: Visit) -> None:
    """Connected, and not available for a while."""
    visit.client.receptive = False
    await visit.client.tells("<presence type='unavailable'/>")
    await visit.scene.pause(visit.chance.expovariate(1 / 2))
    await visit.client.tells("<presence/>")
    await visit.client.confirms()
    visit.client.receptive = True


@act(5)
async def direct_presence(visit: Visit) -> None:
    to = visit.chance.choice(("localhost", f"{somebody(visit)}@localhost", f"{somebody(visit)}@localhost/home"))
    kind = visit.chance.choice(("", "", " type='unavailable'"))
    await visit.client.tells(f"<presence to='{to}'{kind}/>")


@act(6)
async def subscribe(visit: Visit) -> None:
    kind = visit.chance.choice(("subscribe", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"))
    await visit.client.tells(f"<presence to='{visit.chance.choice(visit.person.circle)}@localhost' type='{kind}'/>")


# -- what is kept


@act(8, alone=True)
async def change_roster(visit: Visit) -> None:
    ledger = visit.person.roster
    jid = f"friend{visit.chance.randrange(KEYS)}@localhost"
    if jid in ledger.kept and visit.chance.random() < 0.4:
        name, what = None, "subscription='remove'"
    else:
        name = f"name {visit.chance.randrange(1000)}"
        what = f"name='{name}'"
    item = f"<query xmlns='jabber:iq:roster'><item jid='{jid}' {what}/></query>"
    await ledger.change(jid, name, visit.asks("set", item))


@act(3, alone=True)
async def look_at_roster(visit: Visit) -> None:
    await visit.looks_at_roster()


@act(8, alone=True)
async def keep_private(visit: Visit) -> None:
    """All values stand in one element, so a change writes all."""
    ledger = visit.person.private
    key = f"key{visit.chance.randrange(KEYS)}"
    value = None if key in ledger.kept and visit.chance.random() < 0.3 else body(visit.chance)[:200].strip()
    after = {name: text for name, text in {**ledger.kept, key: value}.items() if text is not None}
    values = "".join(f"<value key='{name}'>{escape(text)}</value>" for name, text in after.items())
    payload = f"<query xmlns='jabber:iq:private'><kept xmlns='urn:soak'>{values}</kept></query>"
    await ledger.change(key, value, visit.asks("set", payload))


@act(3, alone=True)
async def look_at_private(visit: Visit) -> None:
    await visit.looks_at_private()


@act(3)
async def change_vcard(visit: Visit) -> None:
    photo = "<PHOTO><BINVAL>" + "QUJD" * visit.chance.randrange(5000) + "</BINVAL></PHOTO>"
    await visit.asks("set", f"<vCard xmlns='vcard-temp'><FN>{escape(body(visit.chance)[:100])}</FN>{photo}</vCard>")


@act(3)
async def look_at_vcard(visit: Visit) -> None:
    await visit.asks("get", "<vCard xmlns='vcard-temp'/>", f"{somebody(visit)}@localhost", visit.MAY_GET)


# -- blocking


@act(2, alone=True)
async def block(visit: Visit) -> None:
    whom = visit.chance.choice(visit.person.circle)
    visit.scene.books.block(visit.person.name, whom, time.monotonic())
    await visit.asks("set", f"<block xmlns='urn:xmpp:blocking'><item jid='{whom}@localhost'/></block>")
    await visit.asks("get", "<blocklist xmlns='urn:xmpp:blocking'/>")
    if visit.chance.random() < 0.8:
        await visit.scene.pause(visit.chance.expovariate(1))
        await unblock(visit)


@act(2, alone=True)
async def unblock(visit: Visit) -> None:
    await visit.asks("set", "<unblock xmlns='urn:xmpp:blocking'/>")
    visit.scene.books.unblock(visit.person.name, time.monotonic())


# -- questions

QUESTIONS = (
    ("<query xmlns='http://jabber.org/protocol/disco#info'/>", "localhost"),
    ("<query xmlns='http://jabber.org/protocol/disco#items'/>", "localhost"),
    ("<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>", "localhost"),
    ("<query xmlns='http://jabber.org/protocol/disco#info'/>", ""),
    ("<query xmlns='jabber:iq:version'/>", "localhost"),
    ("<query xmlns='jabber:iq:last'/>", "localhost"),
    ("<query xmlns='jabber:iq:search'/>", "localhost"),
    ("<time xmlns='urn:xmpp:time'/>", "localhost"),
)


@act(8)
async def ask_the_server(visit: Visit) -> None:
    payload, to = visit.chance.choice(QUESTIONS)
    await visit.asks("get", payload, to)


@act(2)
async def search(visit: Visit) -> None:
    query = f"<query xmlns='jabber:iq:search'><nick>{visit.chance.choice('abc')}</nick></query>"
    await visit.asks("set", query, "localhost", ("resource-constraint",))


@act(5)
async def ask_somebody(visit: Visit) -> None:
    """One of their clients answers, or the server does; but nobody does for a client that is just leaving."""
    whom = f"{somebody(visit)}@localhost" + visit.chance.choice(("", "/home", "/phone"))
    payload = visit.chance.choice(("<query xmlns='jabber:iq:last'/>", "<ping xmlns='urn:xmpp:ping'/>"))
    asked = visit.scene.visits.get(whom)
    try:
        await visit.asks("get", payload, whom, (*visit.MAY_GET, "forbidden"))
    except Silent:
        if asked is None or not asked.client.gone.is_set():
            raise
        visit.scene.tally.acts["ask somebody who leaves"] += 1


@act(3)
async def want_a_command(visit: Visit) -> None:
    """An ad-hoc command (XEP-0050). Only who may administer the server gets one done."""
    node = visit.chance.choice(("get-online-users-num", "get-registered-users-list", "user-stats", "nonsense"))
    command = f"<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#{node}'"
    answer = await visit.asks("set", f"{command}/>", "localhost", ("forbidden", "item-not-found"), "command")
    form = answer.find(".//{http://jabber.org/protocol/commands}command")
    if form is not None and form.get("status") == "executing":
        await visit.asks("set", f"{command} sessionid='{form.get('sessionid')}' action='cancel'/>", "localhost")


@act(6)
async def ask_nonsense(visit: Visit) -> None:
    """What gets an error, and ends nothing."""
    what, stanza, expected = visit.chance.choice(HARMLESS)
    visit.scene.tally.acts[f"nonsense of a user: {what}"] += 1
    error = await visit.is_refused(stanza)
    if expected not in (error, "*"):
        visit.scene.tally.fault(f"{what}: {error!r}, not {expected}")
