"""What users who have logged in may send: every feature that answers anything is asked odd things.

The input is mended into elements (`tests.fuzz.repair`) and sent by romeo, who administers the server, or by juliet if
it says so. What is no stanza is asked of the server and of the account, as a get and as a set. In it, "%s" stands for
the session of an ad-hoc command and "%v" for the version of a roster, as an answer has told it last.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.stanza import KINDS
from net.xmpp.xml import CLIENT, Element
from tests.couple import JULIET, ROMEO, relate
from tests.fuzz import worlds
from tests.fuzz.examples import examples
from tests.fuzz.repair import elements
from tests.world import Client, World, settle

SEEDS = tuple(examples())

TOLD = {b"%s": "sessionid", b"%v": "ver"}

# So many elements of an input are sent.
MOST = 8


def attempt(data: bytes) -> None:
    with worlds.without_complaints():
        world = worlds.world("romeo", "juliet")
        relate(world, ROMEO, JULIET, "both")
        conversation = Conversation(world)
        for node in elements(data)[:MOST]:
            for stanza in _stanzas(node):
                conversation.hold(stanza)
        worlds.forgets(world, *conversation.clients)
        for user in ("romeo", "juliet"):
            _comes_back(world, user)


def _stanzas(node: Element) -> Iterator[Element]:
    if node.tag in {f"{{{CLIENT}}}{kind}" for kind in KINDS}:
        yield node
        return
    for type in ("get", "set"):
        for to in ("", "localhost"):
            iq = etree.Element(f"{{{CLIENT}}}iq", {"type": type, "id": "ask"}, nsmap={None: CLIENT})
            if to:
                iq.set("to", to)
            iq.append(etree.fromstring(etree.tostring(node)))
            yield iq


class Conversation:
    """Romeo and juliet, contacts of each other, and what is said and heard."""

    def __init__(self, world: World) -> None:
        self.romeo, self.juliet = world.available("romeo", "orchard"), world.available("juliet", "balcony")
        self.clients = (self.romeo, self.juliet)
        self._told = dict.fromkeys(TOLD, b"")

    def hold(self, stanza: Element) -> None:
        """Sends the stanza, and looks at all that comes of it."""
        speaker = self.juliet if stanza.get("from", "").startswith("juliet") else self.romeo
        if speaker.wire.closed:
            return
        text = etree.tostring(stanza)
        for mark, value in self._told.items():
            text = text.replace(mark, value)
        speaker.says(text)
        heard = {client: worlds.is_readable(client) for client in self.clients}[speaker]
        for answer in (node for node in heard if node.get("type") == "result" and len(node)):
            for mark, name in TOLD.items():
                self._told[mark] = answer[0].get(name, "").encode() or self._told[mark]
        if not speaker.wire.closed:
            _is_answered(stanza, heard)


def _is_answered(stanza: Element, heard: list[Element]) -> None:
    """RFC 6120 §8.2.3: a request gets one answer. What clients are asked, the server leaves to them."""
    if etree.QName(stanza).localname != "iq" or stanza.get("type") not in ("get", "set") or stanza.get("id") is None:
        return
    try:
        to = JID.parse(stanza.get("to", "localhost"))
    except JIDMalformed:
        to = JID.parse("localhost")
    if to.resource:
        return
    answers = [
        node
        for node in heard
        if node.tag == stanza.tag and node.get("id") == stanza.get("id") and node.get("type") in ("result", "error")
    ]
    assert len(answers) == 1, answers
    if answers[0].get("type") == "error":
        assert not any(etree.QName(node).localname in worlds.OURS for node in answers[0][-1])


def _comes_back(world: World, user: str) -> None:
    """What was stored meanwhile can be read."""
    client: Client = world.wire().opens().logs_in(user)
    settle()
    if client.session.username is not None:
        client.binds("again").says("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        client.says("<iq type='get' id='v'><vCard xmlns='vcard-temp'/></iq>")
        client.says("<iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>")
        assert not client.wire.closed
    worlds.is_readable(client)
    worlds.forgets(world, client)
