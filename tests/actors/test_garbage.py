"""Whoever comes, does what users do, and goes leaves nothing to the garbage collector.

A full collection looks at all that every user has in memory, and everybody waits for it. So the server goes without
(see `actors/daemon.py`), which it can only as long as this holds.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from tests.sasl2 import authenticate, bind, fast, opened, request, runs, token_of
from tests.scram import Scram
from tests.world import PASSWORD, World


def come_and_go(world: World) -> None:
    romeo, juliet = world.available("romeo"), world.available("juliet")
    romeo.says("<message to='juliet@localhost' type='chat'><body>soft</body></message>")
    juliet.says("<message to='romeo@localhost/nobody' type='chat'><body>ay me</body></message>")
    juliet.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
    juliet.asks("get", "<nothing xmlns='urn:test'/>", to="localhost")
    romeo.says("</stream:stream>")
    juliet.wire.cut()
    nurse = world.connect("nurse").says("<message><body></message>")
    assert nurse.hears_the_end() == "not-well-formed"
    for _ in range(2):
        world.clock.advance(60)


def log_in_and_go(world: World) -> None:
    """By SASL2: with a password, with a token, in vain, and not to the end."""
    scram = Scram("romeo", PASSWORD, "SCRAM-SHA-1")
    client = opened(world)
    token = token_of(runs(scram, client, request(), bind()))
    client.asks("get", "<list xmlns='urn:xmpp:cam:0'/>")
    opened(world).says(fast(token, bind())).wire.cut()
    opened(world).says(fast("forged", bind())).wire.cut()
    opened(world).says(authenticate(scram.mechanism, scram.first())).wire.cut()
    client.wire.cut()
    for _ in range(2):
        world.clock.advance(60)


@pytest.mark.parametrize("act", [come_and_go, log_in_and_go])
def test_coming_and_going_leaves_nothing_for_the_collector(act: Callable[[World], None]) -> None:
    world = World("romeo", "juliet", "nurse")
    world.befriend("romeo", "juliet")
    act(world)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            act(world)
        assert world.router.awake == 0
        assert gc.collect() < 20
    finally:
        gc.enable()
