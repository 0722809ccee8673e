"""The SASL profile of RFC 6120 §6: what `<auth/>`, `<response/>` and `<abort/>` get for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.xmpp import sasl
from net.xmpp.offers import SASL
from net.xmpp.xml import Element, escape

if TYPE_CHECKING:
    from actors.login import Login, Reply

AUTH = f"{{{SASL}}}auth"
RESPONSE = f"{{{SASL}}}response"
ABORT = f"{{{SASL}}}abort"

TAGS = frozenset((AUTH, RESPONSE, ABORT))


def answer(login: Login, node: Element) -> bytes:
    """What to send back. Waits, as the moves of a Login do."""
    try:
        reply = _move(login, node)
    except sasl.SASLError as error:
        return f'<failure xmlns="{SASL}"><{error.condition}/>{text_of(error)}</failure>'.encode()
    name = "challenge" if isinstance(reply, sasl.Challenge) else "success"
    return f'<{name} xmlns="{SASL}">{sasl.encode(reply.data)}</{name}>'.encode()


def _move(login: Login, node: Element) -> Reply:
    if node.tag == ABORT:
        return login.abort()
    if node.tag == RESPONSE:
        return login.respond(lambda: sasl.decode(node.text))
    return login.begin(lambda offer, data: offer.begin(node.get("mechanism"), data), lambda: sasl.decode(node.text))


def text_of(error: sasl.SASLError) -> str:
    """The `<text/>` of a `<failure/>`, if it has any."""
    return f'<text xml:lang="en">{escape(error.text)}</text>' if error.text else ""
