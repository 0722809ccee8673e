"""Whoever comes, does what users do, and goes leaves nothing to the garbage collector.

A full collection looks at all that every user has in memory, and everybody waits for it. So the server goes without
(see `actors/daemon.py`), which it can only as long as this holds.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable

import pytest

from tests.sasl2 import authenticate, bind, fast, opened, request, runs, token_of
from tests.scram import Scram
from tests.world import PASSWORD, World, settle


def come_and_go(world: World) -> None:
    romeo, juliet = world.available("romeo"), world.available("juliet")
    romeo.says("<message to='juliet@localhost' type='chat'><body>soft</body></message>")
    juliet.says("<message to='romeo@localhost/nobody' type='chat'><body>ay me</body></message>")
    juliet.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
    juliet.asks("get", "<nothing xmlns='urn:test'/>", to="localhost")
    romeo.says("</stream:stream>")
    juliet.wire.cut()
    resume(world)
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


def resume(world: World) -> None:
    for goes_on in (True, False):
        juliet = world.connect("juliet").says("<enable xmlns='urn:xmpp:sm:3' resume='1'/><presence/>")
        found = re.search('id="(.*?)"', juliet.raw)
        assert found is not None
        juliet.wire.cut()
        settle()
        if goes_on:
            juliet = world.wire().opens().logs_in("juliet")
            juliet.says(f"<resume xmlns='urn:xmpp:sm:3' previd='{found[1]}' h='0'/><r xmlns='urn:xmpp:sm:3'/>")
            assert "<resumed " in juliet.raw
            juliet.says("</stream:stream>")
        else:
            world.clock.advance(300)


@pytest.mark.parametrize("act", [come_and_go, log_in_and_go, resume])
def test_coming_and_going_leaves_nothing_for_the_collector(act: Callable[[World], None]) -> None:
    world = World("romeo", "juliet", "nurse")
    world.befriend("romeo", "juliet")
    act(world)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            act(world)
        for _ in range(2):
            world.clock.advance(60)
        assert world.router.awake == 0
        assert gc.collect() < 20
    finally:
        gc.enable()
