"""How a client logs in: SCRAM-SHA-256, a resource, the roster, presence. And how many of them do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from tests.bench import users
from tests.bench.load import Client, Load, Script

HEADER = (
    b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
SASL = b"urn:ietf:params:xml:ns:xmpp-sasl"
BIND = b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind></iq>"
ROSTER = b"<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"
# Whoever has the answer to the ping knows that the server has seen the presence before it.
ARRIVE = b"<presence/><iq type='get' id='arrived' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
_CHALLENGE = re.compile(rb"<challenge[^>]*>([^<]+)</challenge>")

AT_ONCE = 50
"""Logins under way at the same time."""


def script(client: Client, number: int) -> Script:
    """Logs the user of that number in, as an available and interested resource."""
    client.send(HEADER)
    yield b"</stream:features>"
    first, bare = users.client_first(number)
    client.send(b"<auth xmlns='%b' mechanism='SCRAM-SHA-256'>%b</auth>" % (SASL, first))
    found = _CHALLENGE.search((yield b"</challenge>"))
    assert found is not None
    client.send(b"<response xmlns='%b'>%b</response>" % (SASL, users.client_final(bare, found[1])))
    yield b"</success>"
    client.send(HEADER)
    yield b"</stream:features>"
    client.send(BIND)
    yield b"</iq>"
    client.send(ROSTER)
    yield b"</query></iq>"
    client.send(ARRIVE)
    yield b"arrived"


def log_in(load: Load, numbers: Iterable[int], at_once: int = AT_ONCE) -> list[Client]:
    """Logs all of these users in; returns their clients in that order when every one has arrived. Raises Stuck."""
    waiting = iter(numbers)
    clients: list[Client] = []
    arrived = 0

    def enter() -> None:
        number = next(waiting, None)
        if number is not None:
            clients.append(load.connect(partial(script, number=number), arrive))

    def arrive(_client: Client) -> None:
        nonlocal arrived
        arrived += 1
        enter()

    for _ in range(at_once):
        enter()
    load.run(lambda: arrived == len(clients))
    return clients
