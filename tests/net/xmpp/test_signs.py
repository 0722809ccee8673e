import pytest

from net.xmpp.forwarding import forwarded, message_within
from net.xmpp.signs import Sign, signs
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element, parse

CASES = {
    "<body>x</body>": Sign.BODY,
    "<thread>t</thread><no-store xmlns='urn:xmpp:hints'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/>": Sign.NOTHING,
    "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>": Sign.CHAT_STATE,
    "<body>x</body><request xmlns='urn:xmpp:receipts'/>": Sign.BODY | Sign.RECEIPT,
    "<received xmlns='urn:xmpp:receipts' id='1'/>": Sign.RECEIPT,
    "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>": Sign.MARKER,
    "<encrypted xmlns='eu.siacs.conversations.axolotl'/><store xmlns='urn:xmpp:hints'/>": Sign.ENCRYPTED,
    "<encrypted xmlns='urn:xmpp:omemo:2'/>": Sign.ENCRYPTED,
    "<openpgp xmlns='urn:xmpp:openpgp:0'/>": Sign.ENCRYPTED,
    "<x xmlns='jabber:x:encrypted'/>": Sign.ENCRYPTED,
    "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>": Sign.CALL,
    "<x xmlns='jabber:x:conference' jid='a@b'/>": Sign.INVITATION,
    "<x xmlns='http://jabber.org/protocol/muc#user'/><body/>": Sign.ROOM | Sign.BODY,
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b'/></x>": Sign.ROOM | Sign.INVITATION,
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite xmlns='urn:x'/></x>": Sign.ROOM,
    "<event xmlns='http://jabber.org/protocol/pubsub#event'/>": Sign.EVENT,
    "<subject>s</subject>": Sign.OTHER,
    "<body xmlns='urn:x'/>": Sign.OTHER,
    "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>": Sign.OTHER,
    "": Sign.NOTHING,
}


@pytest.mark.parametrize("content", CASES)
def test_the_signs_of_a_message(content: str) -> None:
    assert signs(Stanza("message", body=content.encode())) == CASES[content]


@pytest.mark.parametrize("content", CASES)
def test_a_message_that_is_forwarded_has_the_same_signs(content: str) -> None:
    wrapper = element("{urn:x}x")
    wrapper.append(parse(forwarded(Stanza("message", body=content.encode()))))
    message = message_within(wrapper)
    assert message is not None
    assert signs(message) == CASES[content]


def test_what_forwards_nothing_has_no_message_within() -> None:
    assert message_within(element("{urn:x}x")) is None
    presence = element("{urn:x}x", None, parse(forwarded(Stanza("presence"))))
    assert message_within(presence) is None
