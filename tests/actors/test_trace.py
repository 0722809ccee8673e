from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.queue import Queue

from actors import trace as module
from actors.session import Session
from actors.trace import WAITING, trace
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.world import World, settle


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


class Onlooker:
    """Takes what comes as it comes."""

    def __init__(self, world: World, jid: str) -> None:
        self._rows: Queue[Any] = Queue()
        self._greenlet = gevent.spawn(self._look, trace(JID.parse(jid), world.clock))
        gevent.sleep(0)

    def _look(self, rows: Iterator[Any]) -> None:
        for row in rows:
            self._rows.put(row)

    def sees(self) -> list[tuple[str, str, str]]:
        settle()
        gevent.sleep(0)
        rows = [self._rows.get_nowait() for _ in range(self._rows.qsize())]
        return [(row["full_jid"], row["way"], row["stanza"]) for row in rows]

    def goes(self) -> None:
        self._greenlet.kill()


def test_what_a_user_sends_and_is_sent_is_seen(world: World) -> None:
    onlooker = Onlooker(world, "romeo@localhost")
    romeo, juliet = world.available("romeo", "a"), world.available("juliet", "b")
    onlooker.sees()
    juliet.says("<message to='romeo@localhost/a'><body>hi</body></message>")
    romeo.says("<message to='juliet@localhost/b' id='1'/>").says("<iq type='get' id='2'/>")
    (first, second, third, fourth) = onlooker.sees()
    assert first[:2] == ("romeo@localhost/a", "out")
    assert "<body>hi</body>" in first[2]
    assert 'from="juliet@localhost/b"' in first[2]
    assert second == (
        "romeo@localhost/a",
        "in",
        '<message xmlns="jabber:client" to="juliet@localhost/b" id="1"></message>',
    )
    assert third[1] == "in"
    assert fourth[1] == "out"
    assert "<bad-request" in fourth[2]
    onlooker.goes()


def test_of_a_full_address_only_its_session_is_seen(world: World) -> None:
    one, other = world.connect("romeo", "a"), world.connect("romeo", "b")
    onlooker = Onlooker(world, "romeo@localhost/a")
    one.says("<presence/>")
    other.says("<presence/>")
    assert {row[0] for row in onlooker.sees()} == {"romeo@localhost/a"}
    onlooker.goes()


def test_when_nobody_looks_on_any_more_sessions_are_as_before(world: World) -> None:
    before = Session.handlers[Stanza], Session.write
    onlookers = [Onlooker(world, "romeo@localhost"), Onlooker(world, "juliet@localhost")]
    assert Session.handlers[Stanza] is not before[0]
    assert Session.write is not before[1]
    for onlooker in onlookers:
        onlooker.goes()
    assert (Session.handlers[Stanza], Session.write) == before


def test_what_there_is_no_room_for_is_counted(world: World) -> None:
    rows = trace(JID.parse("romeo@localhost"), world.clock)
    romeo = world.connect("romeo")
    romeo.says("<presence/>")
    looking = gevent.spawn(next, rows)
    gevent.sleep(0)
    for _ in range(3 + WAITING // 100):
        romeo.says("<message to='nobody@localhost' type='headline'/>" * 100)
    looking.get()
    for _ in range(WAITING):
        assert next(rows)["left_out"] == 0
    romeo.says("<presence/>")
    assert next(rows)["left_out"] > 0
    rows.close()


def test_silence_is_broken_now_and_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIGN_OF_LIFE", 0.01)
    rows = trace(JID.parse("romeo@localhost"), world.clock)
    assert next(rows) is None
    rows.close()
