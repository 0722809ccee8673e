"""What a client asks of an archive, and what it is shown."""

from __future__ import annotations

from lxml import etree

from net.xmpp.stanza import Stanza
from net.xmpp.xml import parse
from tests.world import Client, failure

MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
SID = "{urn:xmpp:sid:0}stanza-id"
BODY = "{jabber:client}body"
MESSAGE = "{jabber:client}message"


def form(**fields: str | list[str]) -> str:
    """A submitted form with these fields; `_` stands for `-`, and a final one is left out (`with_`)."""
    written = ""
    for name, values in fields.items():
        inside = "".join(f"<value>{value}</value>" for value in ([values] if isinstance(values, str) else values))
        written += f"<field var='{name.rstrip('_').replace('_', '-')}'>{inside}</field>"
    hidden = f"<field var='FORM_TYPE' type='hidden'><value>{MAM}</value></field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{hidden}{written}</x>"


def page(inside: str) -> str:
    return f"<set xmlns='{RSM}'>{inside}</set>"


def says(client: Client, text: str, to: str = "juliet@localhost", type: str = "chat", more: str = "") -> Client:
    """The client sends a message."""
    return client.says(f"<message to='{to}' type='{type}'><body>{text}</body>{more}</message>")


class Shown:
    """What came of a query: the results, and the answer behind them."""

    def __init__(self, heard: list[etree._Element]) -> None:
        *self.messages, self.answer = heard
        assert self.answer.get("type") == "result", etree.tostring(self.answer)
        self.results = [message[0] for message in self.messages]
        assert all(result.tag == f"{{{MAM}}}result" for result in self.results)
        self.fin = self.answer[0]

    @property
    def ids(self) -> list[str]:
        return [result.get("id") or "" for result in self.results]

    @property
    def forwarded(self) -> list[etree._Element]:
        """The messages themselves."""
        found = [result.find(f"{{urn:xmpp:forward:0}}forwarded/{MESSAGE}") for result in self.results]
        assert None not in found
        return [message for message in found if message is not None]

    @property
    def texts(self) -> list[str | None]:
        return [message.findtext(BODY) for message in self.forwarded]

    @property
    def complete(self) -> bool:
        return self.fin.get("complete") == "true"

    def told(self, name: str) -> str | None:
        """What the page says of itself: first, last, count."""
        return self.fin.findtext(f"{{{RSM}}}set/{{{RSM}}}{name}")


def heard_of(client: Client, inside: str, attributes: str, to: str) -> list[etree._Element]:
    address = f" to='{to}'" if to else ""
    client.hears()
    client.says(f"<iq type='set' id='q'{address}><query xmlns='{MAM}'{attributes}>{inside}</query></iq>")
    return client.hears()


def query(client: Client, inside: str = "", attributes: str = "", to: str = "") -> Shown:
    """What the client's own archive (or the one at `to`) shows it."""
    return Shown(heard_of(client, inside, attributes, to))


def refused(client: Client, inside: str = "", attributes: str = "", to: str = "") -> str:
    """The condition of the error that a query gets."""
    (answer,) = heard_of(client, inside, attributes, to)
    return failure(answer)[1]


def message(content: str, type: str = "chat") -> Stanza:
    return Stanza.read(parse(f"<message type='{type}'>{content}</message>".encode()))
