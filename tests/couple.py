"""Romeo and Juliet: two users of one server, and what they hear of each other."""

from lxml import etree

from actors.roster import ROSTER, RosterItem
from net.xmpp.jid import JID
from tests.world import Client, World

ROMEO = JID.parse("romeo@localhost")
JULIET = JID.parse("juliet@localhost")


def relate(world: World, one: JID, other: JID, state: str, *, approved: bool = False) -> None:
    """Gives one user this subscription state to the other, who gets the one that belongs to it.

    Both have each other in the roster. `approved`: one has approved the other's request in advance.
    """
    swapped = {"to": "from", "from": "to", "out": "in", "in": "out"}
    subscribed, _, pending = state.partition(" + pending ")
    mirrored = swapped.get(subscribed, subscribed)
    if pending:
        mirrored += " + pending " + swapped.get(pending, pending)
    mine = RosterItem(state, listed=True, approved=approved, request=_request(other, one) if "in" in pending else "")
    theirs = RosterItem(mirrored, listed=True, request=_request(one, other) if "out" in pending else "")
    rosters = world.domain.rosters
    for owner, contact, item in ((one, other, mine), (other, one, theirs)):
        rosters.change(owner, rosters.load(owner), contact, item)


def _request(from_: JID, to: JID) -> str:
    return f"<presence type='subscribe' from='{from_}' to='{to}'/>"


def lovers(state: str, *, approved: bool = False) -> tuple[World, Client, Client]:
    """Romeo with this state to Juliet, and she; both available and interested, and all that this caused heard."""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, state, approved=approved)
    romeo, juliet = world.available("romeo", "orchard"), world.available("juliet", "balcony")
    romeo.hears()
    return world, romeo, juliet


def states(world: World) -> tuple[str, str]:
    """Romeo's subscription state to Juliet and hers to him, as they are stored."""
    rosters = world.domain.rosters
    return rosters.load(ROMEO)[JULIET].state, rosters.load(JULIET)[ROMEO].state


def told(client: Client) -> list[str]:
    """What a client has heard: "push", what is in it; or kind, type and sender of a stanza."""
    found = []
    for node in client.hears():
        name = etree.QName(node).localname
        if name == "iq" and node.get("type") == "set":
            item = node[0][0]
            marks = [mark for mark in ("ask", "approved") if item.get(mark)]
            found.append(" ".join(("push", item.get("jid", ""), item.get("subscription", ""), *marks)))
        else:
            found.append(" ".join(filter(None, (name, node.get("type"), node.get("from")))))
    return found


def query(inside: str = "", ver: str | None = None) -> str:
    version = "" if ver is None else f" ver='{ver}'"
    return f"<query xmlns='{ROSTER}'{version}>{inside}</query>"


def item(attributes: str = "", inside: str = "", jid: str = "juliet@localhost") -> str:
    return query(f"<item jid='{jid}' {attributes}>{inside}</item>")


def subscribes(client: Client, type: str, to: str) -> Client:
    return client.says(f"<presence type='{type}' to='{to}@localhost'/>")


def roster(client: Client) -> dict[str | None, etree._Element]:
    return {node.get("jid"): node for node in client.asks("get", query())[0]}
