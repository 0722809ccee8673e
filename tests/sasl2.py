"""The client's side of SASL2 (XEP-0388), and of what goes along with it."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from typing import Any

from lxml import etree

from tests.scram import Scram
from tests.world import PASSWORD, STREAM, Client

SASL2 = "urn:xmpp:sasl:2"
BIND2 = "urn:xmpp:bind:0"

PHONE = "d4565fa7-4d72-4749-b3d3-740edbf87770"
LAPTOP = "0b8a7f1c-9d0e-4c3b-8f2a-6c1d5e7f9a3b"

ABORT = f"<abort xmlns='{SASL2}'/>"


def authenticate(mechanism: str | None, data: bytes | None = None, *children: str, agent: str | None = None) -> str:
    """An <authenticate/>. `agent`: the id of the user agent."""
    named = "" if mechanism is None else f" mechanism='{mechanism}'"
    initial = "" if data is None else f"<initial-response>{b64encode(data).decode()}</initial-response>"
    device = "<software>AwesomeXMPP</software><device>Kiva&apos;s Phone</device>"
    who = f"<user-agent id='{agent}'>{device}</user-agent>" if agent is not None else ""
    return f"<authenticate xmlns='{SASL2}'{named}>{initial}{who}{''.join(children)}</authenticate>"


def plain(user: str = "romeo", *children: str, password: str = PASSWORD, authzid: str = "", agent: str = PHONE) -> str:
    return authenticate("PLAIN", f"{authzid}\0{user}\0{password}".encode(), *children, agent=agent)


def response(data: bytes) -> str:
    return f"<response xmlns='{SASL2}'>{b64encode(data).decode()}</response>"


def bind(*children: str, tag: str = "AwesomeXMPP") -> str:
    named = f"<tag>{tag}</tag>" if tag else ""
    return f"<bind xmlns='{BIND2}'>{named}{''.join(children)}</bind>"


def header(**attributes: str) -> str:
    written = "".join(
        f" {name}='{value}'" for name, value in {"to": "localhost", "version": "1.0", **attributes}.items()
    )
    return f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}'{written}>"


def data_of(node: etree._Element, name: str) -> bytes:
    """The data of a challenge, or the additional data of a success."""
    assert node.tag == f"{{{SASL2}}}{name}", etree.tostring(node)
    text = node.text if name == "challenge" else node.findtext(f"{{{SASL2}}}additional-data")
    return b64decode(text or "")


def refusal(node: etree._Element) -> str:
    """The condition in a <failure/>."""
    assert node.tag == f"{{{SASL2}}}failure", etree.tostring(node)
    assert etree.QName(node[0]).namespace == "urn:ietf:params:xml:ns:xmpp-sasl"
    return str(etree.QName(node[0]).localname)


def identity(success: etree._Element) -> str | None:
    """Who the client is now, by a <success/>."""
    assert success.tag == f"{{{SASL2}}}success", etree.tostring(success)
    found: str | None = success.findtext(f"{{{SASL2}}}authorization-identifier")
    return found


def runs(scram: Scram, client: Client, *children: str, agent: str = PHONE) -> etree._Element:
    """The whole exchange; returns the last answer before the features. A success has been checked."""
    client.says(authenticate(scram.mechanism, scram.first(), *children, agent=agent))
    client.says(response(scram.final(data_of(client.hears_one(), "challenge"))))
    answer, *features = client.hears()
    if answer.tag == f"{{{SASL2}}}success":
        assert scram.accepts(data_of(answer, "success"))
        assert [node.tag for node in features] == [f"{{{STREAM}}}features"]
    return answer


def opened(world: Any, **wire: Any) -> Client:
    """A client on an open stream, that has heard what is offered."""
    client: Client = world.wire(**wire).opens()
    client.hears()
    return client


# -- FAST (XEP-0484)

FAST = "urn:xmpp:fast:0"
NONE, END_POINT = "HT-SHA-256-NONE", "HT-SHA-256-ENDP"


def request(mechanism: str = NONE) -> str:
    return f"<request-token xmlns='{FAST}' mechanism='{mechanism}'/>"


def hashed(user: str, token: str, who: bytes = b"Initiator", binding: bytes = b"") -> bytes:
    """HMAC of a token, with the name in front if it is the client's."""
    mac = hmac.digest(token.encode(), who + binding, "sha256")
    return user.encode() + b"\0" + mac if who == b"Initiator" else mac


def fast(
    token: str,
    *children: str,
    user: str = "romeo",
    mechanism: str = NONE,
    binding: bytes = b"",
    agent: str | None = PHONE,
    attributes: str = "",
) -> str:
    """A login by a token. `attributes`: those of <fast/>."""
    asked = f"<fast xmlns='{FAST}' {attributes}/>"
    return authenticate(mechanism, hashed(user, token, binding=binding), asked, *children, agent=agent)


def token_of(success: etree._Element) -> str:
    """The token in a <success/>, "" for none."""
    assert success.tag == f"{{{SASL2}}}success", etree.tostring(success)
    found = success.find(f"{{{FAST}}}token")
    return "" if found is None else str(found.get("token"))
