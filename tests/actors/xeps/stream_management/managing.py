"""What clients say and hear of stream management."""

from __future__ import annotations

from lxml import etree

from tests.world import Client, World, settle

SM = "xmlns='urn:xmpp:sm:3'"
NAMESPACE = "{urn:xmpp:sm:3}"
ENABLE = f"<enable {SM}/>"
ENABLE_RESUMPTION = f"<enable {SM} resume='true'/>"
R = f"<r {SM}/>"


def a(h: int) -> str:
    return f"<a {SM} h='{h}'/>"


def chat(to: str, id: str, kind: str = "chat") -> str:
    return f"<message to='{to}' id='{id}' type='{kind}'><body>{id}</body></message>"


def managed(world: World, user: str, resource: str = "", presence: str = "<presence/>") -> Client:
    """An available client whose stream can be resumed, and that has acknowledged all it has heard."""
    client = world.connect(user, resource).says(ENABLE_RESUMPTION)
    if presence:
        client.says(presence)
    return acknowledges(client)


def previd(client: Client) -> str:
    """The id of the client's stream, as the server knows it."""
    return client.session.managed.previd  # type: ignore[union-attr]


def acknowledges(client: Client) -> Client:
    """Of all that it was sent."""
    client.says(a(client.session.managed._out.sent))  # type: ignore[union-attr]
    client.hears()
    return client


def cut(client: Client) -> None:
    client.wire.cut()
    settle()


def ended(client: Client) -> bool:
    """Whether the client's Session is no more."""
    settle()
    return all(inbox.actor is not client.session for inbox in client.world.router.sessions)


def returns(world: World, user: str) -> Client:
    """A client that has logged in again, and bound nothing."""
    client = world.wire().opens().logs_in(user)
    client.hears()
    return client


def resumes(world: World, user: str, id: str, h: int) -> Client:
    return returns(world, user).says(f"<resume {SM} previd='{id}' h='{h}'/>")


def name(node: etree._Element) -> str:
    return etree.QName(node).localname


def names(client: Client) -> list[str]:
    """What was heard, by name; of stanzas that have one, the id."""
    return [node.get("id") or name(node) for node in client.hears()]


def stanzas(client: Client) -> list[str]:
    """The ids of the messages and requests that were heard, in order."""
    return [node.get("id", "") for node in client.hears() if name(node) in ("message", "iq")]


def condition(node: etree._Element) -> str:
    """Of a <failed/>."""
    assert node.tag == f"{NAMESPACE}failed"
    return name(node[0])
