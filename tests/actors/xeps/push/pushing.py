"""An app server on a wire, and users who name it."""

from __future__ import annotations

from lxml import etree

from tests.world import Client, World, settle

PUSH = "urn:xmpp:push:0"
PUBSUB = "{http://jabber.org/protocol/pubsub}"
DATA = "{jabber:x:data}"
SERVICE = "nurse@localhost/push"
JULIET = "juliet@localhost"

# Longer than a device rests after a push.
LONG = 6.0

FORM = (
    "<x xmlns='jabber:x:data' type='submit'>"
    "<field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
    "<field var='secret'><value>eruio234vzxc2kla-91</value></field></x>"
)


def enabling(node: str | None = "yxs32", jid: str = SERVICE, inside: str = "") -> str:
    at = "" if node is None else f" node='{node}'"
    return f"<enable xmlns='{PUSH}' jid='{jid}'{at}>{inside}</enable>"


def disabling(node: str | None = None, jid: str = SERVICE) -> str:
    at = "" if node is None else f" node='{node}'"
    return f"<disable xmlns='{PUSH}' jid='{jid}'{at}/>"


def enables(client: Client, node: str | None = "yxs32", jid: str = SERVICE, inside: str = "") -> Client:
    assert client.asks("set", enabling(node, jid, inside)).get("type") == "result"
    return client


class Push:
    """One that an app server has been given. `form` is what the summary says, None without one."""

    def __init__(self, iq: etree._Element) -> None:
        self.id = iq.get("id", "")
        self.sender, self.to = iq.get("from"), iq.get("to")
        pubsub = iq[0]
        publish = pubsub[0]
        notification = publish[0][0]
        assert [node.tag for node in (pubsub, publish, publish[0], notification)] == [
            *(f"{PUBSUB}{name}" for name in ("pubsub", "publish", "item")),
            f"{{{PUSH}}}notification",
        ]
        self.node = publish.get("node")
        self.form = _values(notification[0]) if len(notification) else None
        self.options = _values(pubsub[1][0]) if len(pubsub) > 1 else None
        assert self.options is None or pubsub[1].tag == f"{PUBSUB}publish-options"

    @property
    def count(self) -> str | None:
        return (self.form or {}).get("message-count")


def _values(form: etree._Element) -> dict[str | None, str | None]:
    return {field.get("var"): field.findtext(f"{DATA}value") for field in form.iterfind(f"{DATA}field")}


class AppServer:
    """Another account of the same server, whose client answers as an app server does."""

    def __init__(self, world: World, *users: str) -> None:
        self.client = world.available("nurse", "push")
        for user in users or ("juliet",):
            self.client.says(f"<presence to='{user}@localhost'/>")
        self.client.hears()

    def pushes(self, answer: str | None = "") -> list[Push]:
        """What it has been given since the last look; all are answered, with a result or this error."""
        found = [Push(node) for node in self.client.hears() if node.tag.endswith("}iq") and node.get("type") == "set"]
        for push in found if answer is not None else ():
            self.answers(push, answer or "")
        return found

    def answers(self, push: Push, error: str = "") -> None:
        self.client.says(f"<iq type='{'error' if error else 'result'}' id='{push.id}' to='{push.sender}'>{error}</iq>")
        settle()

    @property
    def counts(self) -> list[str | None]:
        """The numbers of messages that it has been told of since the last look; all are answered with a result."""
        return [push.count for push in self.pushes()]


def error(condition: str, type: str = "cancel") -> str:
    return f"<error type='{type}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


def leaves(client: Client) -> None:
    client.says("</stream:stream>")


def a_world(*sets: str) -> tuple[World, AppServer, Client]:
    """Juliet has enabled push and gone; Romeo is there."""
    world = World("juliet", "romeo", "nurse", sets=sets)
    app_server = AppServer(world)
    leaves(enables(world.available("juliet", "phone")))
    return world, app_server, world.available("romeo", "orchard")


def chat(text: str = "Art thou not Romeo?", *, to: str = JULIET, more: str = "", type: str = "chat") -> str:
    return f"<message to='{to}' type='{type}'><body>{text}</body>{more}</message>"
