"""Messages of one turn are stored together, and nobody hears of them before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gevent
import pytest
from gevent.event import Event

from actors import batching
from actors.receipts import Receipt
from actors.storage import Prepared, StorageError
from actors.storage.memory import MemoryArchive
from actors.user import User
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.actors.xeps.archive.asking import query
from tests.world import Client, World, failure, settle

put = MemoryArchive.put


def slowly(
    archive: MemoryArchive, owner: str, prepared: Sequence[Prepared], then: Callable[[Exception | None], None]
) -> None:
    """`put_soon` that takes a while, as a database does."""

    def work() -> None:
        gevent.sleep(0.001)
        put(archive, owner, prepared)
        then(None)

    gevent.spawn(work)


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


@pytest.fixture
def romeo(world: World) -> Client:
    return world.available("romeo", "orchard")


@pytest.fixture
def juliet(world: World) -> Client:
    return world.available("juliet", "balcony")


def message(id: str, inside: str = "<body>x</body>") -> str:
    return f"<message to='juliet@localhost' type='chat' id='{id}'>{inside}</message>"


def ids(client: Client) -> list[str | None]:
    return [node.get("id") for node in client.hears()]


def failing_with(poison: str, monkeypatch: pytest.MonkeyPatch, of: str = "romeo@localhost") -> None:
    """Nothing can be stored in this archive together with a message in which this word is."""

    def fail(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        if owner == of and any(poison in each.row.doc for each in prepared):
            raise StorageError("made to fail")
        put(archive, owner, prepared)

    monkeypatch.setattr(MemoryArchive, "put", fail)


def test_what_comes_at_once_is_stored_at_once(romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[tuple[str, int]] = []

    def count(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        stored.append((owner, len(prepared)))
        put(archive, owner, prepared)

    monkeypatch.setattr(MemoryArchive, "put", count)
    romeo.says("".join(message(str(number)) for number in range(5)))
    assert stored == [("romeo@localhost", 5), ("juliet@localhost", 5)]
    assert ids(juliet) == ["0", "1", "2", "3", "4"]
    assert len(query(juliet).ids) == len(query(romeo).ids) == 5


def test_a_batch_has_its_bounds(romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[int] = []

    def count(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        stored.append(len(prepared))
        put(archive, owner, prepared)

    monkeypatch.setattr(MemoryArchive, "put", count)
    monkeypatch.setattr(batching, "MOST_CHARACTERS", 1000)
    romeo.says("".join(message(str(number), f"<body>{'x' * 400}</body>") for number in range(6)))
    assert stored[:3] == [2, 2, 2]
    assert ids(juliet) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("waits", ["romeo@localhost", "juliet@localhost"])
def test_nobody_hears_of_what_is_not_stored(
    world: World, romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch, waits: str
) -> None:
    other = world.available("romeo", "garden")
    for client in (romeo, other, juliet):
        client.says("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>").hears()
    storing, done = Event(), Event()

    def wait(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        if owner == waits:
            storing.set()
            done.wait()
        put(archive, owner, prepared)

    monkeypatch.setattr(MemoryArchive, "put", wait)
    romeo.wire.hear(message("1").encode() + message("2").encode())
    with gevent.Timeout(10):
        storing.wait()
    heard_early = juliet.wire.said, other.wire.said if waits == "romeo@localhost" else b""
    done.set()
    settle()
    assert heard_early == (b"", b"")
    assert ids(juliet) == ["1", "2"]
    assert len(other.hears()) == 2


def test_an_acknowledgement_waits_until_all_of_it_is_stored(
    romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, done = Event(), Event()

    def wait(archive: MemoryArchive, owner: str, prepared: Sequence[Prepared]) -> None:
        if owner == "juliet@localhost":
            storing.set()
            done.wait()
        put(archive, owner, prepared)

    romeo.says("<enable xmlns='urn:xmpp:sm:3'/>").hears()
    monkeypatch.setattr(MemoryArchive, "put", wait)
    romeo.wire.hear(message("1").encode() + message("2").encode() + b"<r xmlns='urn:xmpp:sm:3'/>")
    with gevent.Timeout(10):
        storing.wait()
    early = romeo.wire.said
    done.set()
    settle()
    romeo.says("<r xmlns='urn:xmpp:sm:3'/>")
    assert b"h='1'" not in early.replace(b'"', b"'")
    assert b"h='2'" not in early.replace(b'"', b"'")
    assert romeo.hears()[-1].get("h") == "2"
    assert ids(juliet) == ["1", "2"]


@pytest.mark.parametrize("of", ["romeo@localhost", "juliet@localhost"])
def test_what_cannot_be_stored_is_refused_and_the_others_go_on(
    romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    failing_with("poison", monkeypatch, of)
    romeo.says(message("1") + message("2", "<body>poison</body>") + message("3"))
    assert ids(juliet) == ["1", "3"]
    refused = romeo.hears_one()
    assert refused.get("id") == "2"
    assert failure(refused) == ("cancel", "internal-server-error")
    assert len(query(juliet).ids) == 2


def test_all_are_acknowledged_though_one_is_refused(
    romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_with("poison", monkeypatch)
    romeo.says("<enable xmlns='urn:xmpp:sm:3'/>").hears()
    romeo.says(message("1") + message("2", "<body>poison</body>") + message("3"))
    romeo.says("<r xmlns='urn:xmpp:sm:3'/>")
    assert romeo.hears()[-1].get("h") == "3"
    assert ids(juliet) == ["1", "3"]


def test_what_has_waited_for_sessions_that_settle_keeps_its_place_too(
    world: World, romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryArchive, "put_soon", slowly)
    user = world.router.user(JID.parse("juliet@localhost"))
    user.actor.settle()  # type: ignore[attr-defined]
    world.available("juliet", "garden")
    for number in range(4):
        romeo.wire.hear(message(str(number)).encode())
        user.actor.settle()  # type: ignore[attr-defined]
    settle()
    assert ids(juliet)[-4:] == ["0", "1", "2", "3"]
    assert len(query(juliet).ids) == 4


def test_what_is_no_message_keeps_its_place_among_them(romeo: Client, juliet: Client) -> None:
    directed = "<presence to='juliet@localhost/balcony' id='p'/>"
    result = "<iq to='juliet@localhost/balcony' type='result' id='i'/>"
    fleeting = message("f", "<active xmlns='http://jabber.org/protocol/chatstates'/>")
    romeo.says(message("1") + directed + message("2") + fleeting + result + message("3") + "</stream:stream>")
    assert ids(juliet)[:6] == ["1", "p", "2", "f", "i", "3"]


def test_a_crash_costs_nothing_of_what_came_with_it_and_nothing_is_kept_twice(
    world: World, romeo: Client, juliet: Client
) -> None:
    crashed: list[Stanza] = []

    def crash(_: User, stanza: Stanza) -> Stanza:
        if b"poison" in stanza.body and not crashed:
            crashed.append(stanza)
            raise RuntimeError("made to fail")
        return stanza

    world.domain.hooks.outbound["message"] += ((None, crash),)
    romeo.says(message("1") + message("2", "<body>poison</body>") + message("3"))
    assert crashed
    assert ids(juliet) == ["1", "2", "3"]
    assert len(query(romeo).ids) == len(query(juliet).ids) == 3


def test_a_retraction_finds_what_came_just_before_it(romeo: Client, juliet: Client) -> None:
    romeo.says(message("1") + message("2", "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>"))
    first, second = query(juliet).forwarded
    assert first.find("{urn:xmpp:message-retract:1}retracted") is not None
    assert second.find("{urn:xmpp:message-retract:1}retract") is not None


def test_whatever_goes_wrong_with_storage_the_senders_are_told(
    romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    romeo.says("<enable xmlns='urn:xmpp:sm:3'/>").hears()
    with monkeypatch.context() as patched:
        patched.setattr(MemoryArchive, "put", lambda *_: 1 / 0)
        romeo.says(message("1") + message("2"))
    assert [(node.get("id"), failure(node)) for node in romeo.hears() if node.get("type") == "error"] == [
        ("1", ("cancel", "internal-server-error")),
        ("2", ("cancel", "internal-server-error")),
    ]
    romeo.says(message("3") + "<r xmlns='urn:xmpp:sm:3'/>")
    assert romeo.hears()[-1].get("h") == "3"
    assert ids(juliet) == ["3"]


def test_what_cannot_be_routed_in_the_end_is_refused_and_the_others_go_on(
    world: World, romeo: Client, juliet: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    romeo.says("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").hears()
    route = world.router.route

    def fail(stanza: Stanza, receipt: Receipt | None = None) -> None:
        if stanza.id == "1" and stanza.type != "error":
            raise RuntimeError("made to fail")
        route(stanza, receipt)

    with monkeypatch.context() as patched:
        patched.setattr(world.router, "route", fail)
        romeo.says(message("1") + message("2"))
    assert failure(romeo.hears()[0]) == ("cancel", "internal-server-error")
    assert ids(juliet) == ["2"]
    world.clock.advance(1.1)
    romeo.says("<r xmlns='urn:xmpp:sm:3'/>")
    assert romeo.hears()[-1].get("h") == "2"
