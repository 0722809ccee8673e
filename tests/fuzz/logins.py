"""Whole conversations with the server, by a client that nobody knows yet.

The first byte says whether the connection is encrypted. The rest is said, paragraph by paragraph: the server has time
to answer each.
"""

from __future__ import annotations

from base64 import b64encode

from tests.fuzz import worlds
from tests.world import STREAM

HEADER = f"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='{STREAM}'>"


def _auth(mechanism: str, data: bytes) -> str:
    return f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{b64encode(data).decode()}</auth>"


_PLAIN = HEADER + _auth("PLAIN", b"\0romeo\0secret") + HEADER
_HEADER_WITH_MORE = HEADER.replace("to='localhost'", "from='romeo@localhost' to='LOCALHOST.' xml:lang='it'")
_BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>orchard</resource></bind></iq>"
_TLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
_SCRAM = _auth("SCRAM-SHA-1", b"n,,n=romeo,r=abc")
_RESPONSE = "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>Yz1iaXdzLHI9YWJjLHA9</response>"
_REGISTER = "<query xmlns='jabber:iq:register'><username>tybalt</username><password>prince-of-cats</password></query>"
SEEDS = tuple(
    said.encode()
    for said in (
        f"s{_PLAIN}{_BIND}<presence/><iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq></stream:stream>",
        f"s{_PLAIN}{_BIND}<message to='romeo@localhost'><body>a</body></message>{_BIND}<presence type='unavailable'/>",
        f"s{_PLAIN}{_BIND.replace('>orchard<', '>&#0;<')}{_BIND.replace('>orchard<', '><')}",
        f"s{HEADER}{_auth('ANONYMOUS', b'')}{HEADER}{_BIND}<presence/>",
        f"s{HEADER}{_SCRAM}{_RESPONSE}{_SCRAM}<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>{_PLAIN}",
        f"t{HEADER}{_TLS}\n\n{_PLAIN}{_BIND}",
        f"t{HEADER}{_TLS}{HEADER}",
        f"s{HEADER}{_TLS}",
        f"t{HEADER}{_auth('PLAIN', b'')}<presence/>",
        f"s{HEADER}<iq type='set' id='1' to='localhost'>{_REGISTER}</iq>{_PLAIN.removeprefix(HEADER)}",
        f"s{HEADER}<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
        f"s<?xml version='1.0'?>{_HEADER_WITH_MORE}",
        f"s{_PLAIN}{_HEADER_WITH_MORE}<enable xmlns='urn:xmpp:sm:3'/>",
        f"s{_PLAIN}<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
    )
)


def attempt(data: bytes) -> None:
    with worlds.without_complaints():
        world = worlds.world("romeo")
        client = world.wire(secured=data[:1] != b"t", end_point=b"digest")
        for paragraph in data[1:].split(b"\n\n"):
            client.says(paragraph)
        worlds.is_readable(client)
        worlds.forgets(world, client)
