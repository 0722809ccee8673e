"""Worlds that are made in no time, and watched."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from lxml import etree

from actors.accounts import Account
from actors.storage import Record
from net.xmpp.sasl import Hash, ScramKeys, derive
from tests.world import PASSWORD, STREAM, Client, World, elements_of, settle

SETS = ('hosts.localhost={admins=["romeo@localhost"], registration=true, search=true, anonymous=true}',)


@cache
def _keys() -> dict[Hash, ScramKeys]:
    """Those of everybody's password, after one round."""
    hashes: tuple[Hash, ...] = ("SHA-1", "SHA-256")
    return {hash: derive(hash, PASSWORD, b"0123456789abcdef", 1) for hash in hashes}


def world(*users: str) -> World:
    """A server where everything is allowed that an operator can allow; of `users`, romeo administers it."""
    made = World(sets=SETS)
    domain = made.domain
    domain.accounts.iterations = 1
    accounts = domain.storage.store("accounts", Record, of=Account)
    for user in users:
        accounts.put(domain.accounts.jid(user), Account(_keys(), made.clock.now()))
    return made


# Seconds: more than anything takes that is put off.
LATER = 600.0


class Complaints(logging.Handler):
    """What is logged as an error: the server's own fault, by definition."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


@contextmanager
def without_complaints() -> Iterator[None]:
    """Fails if something inside is logged as an error; a crash's traceback is shown."""
    complaints = Complaints()
    root = logging.getLogger()
    root.addHandler(complaints)
    try:
        yield
    finally:
        root.removeHandler(complaints)
    for record in complaints.heard:
        crash = record.exc_info[1] if record.exc_info else None
        raise AssertionError(record.getMessage()) from crash


# Nobody who has a conversation with the server may be told that something is wrong with the server.
OURS = frozenset(("internal-server-error", "undefined-condition"))


def is_readable(client: Client) -> list[etree._Element]:
    """What a client has heard, all of which it can read; if its stream has ended, then not through our fault."""
    text = client.raw
    if client.wire.closed and text:
        assert text.endswith("</stream:stream>"), text
    heard = list(elements_of(text))
    for node in heard:
        if node.tag == f"{{{STREAM}}}error":
            assert etree.QName(node[0]).localname not in OURS, text
    return heard


def forgets(world: World, *clients: Client) -> None:
    """The connections of these clients break; and after a while the server has nothing in memory of anybody."""
    for client in clients:
        if not client.wire.closed:
            client.wire.cut()
    settle()
    for _ in range(4):
        world.clock.advance(LATER)
    assert not world.router.sessions
    assert not world.router.awake
    assert not world.clock.timers
