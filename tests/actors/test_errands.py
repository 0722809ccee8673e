from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from actors.errands import MOST, MOST_EACH
from actors.hooks import Aside, Feature, Hooks, asks
from actors.host import Host
from actors.storage import StorageError
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.stanza import Stanza
from tests.world import Client, World, failure, settle

SLOW = "<slow xmlns='urn:x-test'/>"
PING = "<ping xmlns='urn:xmpp:ping'/>"


class Slow(Feature):
    """Answers when the gate opens, or with what it is told to raise."""

    name = "slow"
    gate: Event
    error: Exception | None = None

    @asks("get", "{urn:x-test}slow", of=(Host, User))
    def answer(self, actor: Host | User, iq: Stanza) -> Aside:
        return Aside(lambda: self.work(iq))

    def work(self, iq: Stanza) -> Stanza:
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return iq.result()


@pytest.fixture
def slow() -> tuple[Slow, World]:
    world = World("romeo", "juliet")
    feature = Slow(world.domain, None)
    feature.gate = Event()
    world.domain.hooks = Hooks([*world.domain.hooks.features, feature])
    return feature, world


def asks_for(client: Client, content: str, id: str, to: str = "localhost") -> None:
    client.wire.hear(f"<iq type='get' id='{id}' to='{to}'>{content}</iq>".encode())


def until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0)


@pytest.mark.parametrize("to", ["localhost", "romeo@localhost"])
def test_an_answer_that_takes_a_while_holds_up_no_other(slow: tuple[Slow, World], to: str) -> None:
    feature, world = slow
    romeo = world.connect("romeo")
    asks_for(romeo, SLOW, "slow", to)
    asks_for(romeo, PING, "ping", to)
    until(lambda: b'id="ping"' in romeo.wire.said)
    assert b'id="slow"' not in romeo.wire.said
    feature.gate.set()
    settle()
    assert [(node.get("id"), node.get("type"), node.get("from")) for node in romeo.hears()] == [
        ("ping", "result", to),
        ("slow", "result", to),
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StanzaError("conflict"), ("cancel", "conflict")),
        (StorageError("made to fail"), ("cancel", "internal-server-error")),
        (RuntimeError("made to fail"), ("cancel", "internal-server-error")),
    ],
)
def test_whoever_waits_is_answered_whatever_happens(
    slow: tuple[Slow, World], error: Exception, told: tuple[str, str]
) -> None:
    feature, world = slow
    feature.error = error
    feature.gate.set()
    before = world.domain.host
    assert failure(world.connect("romeo").asks("get", SLOW, "localhost")) == told
    assert world.domain.errands.under_way == []
    assert world.domain.host is before


def test_each_asker_and_all_together_have_an_end(slow: tuple[Slow, World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.errands.MOST", MOST_EACH + 1)
    assert MOST > MOST_EACH
    feature, world = slow
    romeo, juliet = world.connect("romeo"), world.connect("juliet")
    for number in range(MOST_EACH + 1):
        asks_for(romeo, SLOW, str(number))
    until(lambda: b"resource-constraint" in romeo.wire.said)
    for number in range(2):
        asks_for(juliet, SLOW, str(number))
    until(lambda: b"resource-constraint" in juliet.wire.said)
    assert len(world.domain.errands.under_way) == MOST_EACH + 1
    feature.gate.set()
    settle()
    for client, refused in ((romeo, str(MOST_EACH)), (juliet, "1")):
        assert [node.get("id") for node in client.hears() if node.get("type") == "error"] == [refused]
    assert world.domain.errands.under_way == []
