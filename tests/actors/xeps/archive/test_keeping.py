"""What gets into an archive, and under which id it is delivered."""

from collections.abc import Sequence

import pytest

from actors.storage import Archive as Store
from actors.storage import Entry, Prepared, StorageError
from actors.xeps.archive import Archive
from net.xmpp.stamps import DELAY, stamp
from tests.actors.xeps.archive.asking import BODY, MESSAGE, SID, page, query, says
from tests.world import Client, World, failure, settle


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


@pytest.fixture
def romeo(world: World) -> Client:
    return world.available("romeo", "orchard")


@pytest.fixture
def juliet(world: World) -> Client:
    return world.available("juliet", "balcony")


def given(client: Client) -> list[tuple[str | None, list[str | None]]]:
    """The messages heard since the last look: what they say, and the ids that the client's account has given them."""
    assert client.jid is not None
    own = str(client.jid.bare)
    return [
        (node.findtext(BODY), [id.get("id") for id in node.iterfind(SID) if id.get("by") == own])
        for node in client.hears()
        if node.tag == MESSAGE
    ]


def test_a_message_is_kept_by_both_sides_and_delivered_with_the_id_of_the_recipients(
    romeo: Client, juliet: Client
) -> None:
    """§3.5, example 1."""
    says(romeo, "Call me but love", more="<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>")
    ((text, ids),) = given(juliet)
    assert text == "Call me but love"
    assert romeo.hears() == []
    hers, his = query(juliet), query(romeo)
    assert ids == hers.ids
    assert hers.texts == his.texts == ["Call me but love"]
    (sent,) = his.forwarded
    assert (sent.get("from"), sent.get("to"), sent.get("type")) == (
        "romeo@localhost/orchard",
        "juliet@localhost",
        "chat",
    )
    origin = sent.find("{urn:xmpp:sid:0}origin-id")
    assert origin is not None
    assert origin.get("id") == "o1"
    assert sent.find(SID) is None


def test_every_resource_gets_the_same_id_and_the_message_is_kept_once(world: World, romeo: Client) -> None:
    """§6.1.1."""
    clients = [world.available("juliet", name) for name in ("balcony", "chamber")]
    clients[0].hears()
    says(romeo, "x")
    assert given(clients[0]) == given(clients[1]) == [("x", query(clients[0]).ids)]


def test_a_message_to_oneself_is_kept_once(romeo: Client) -> None:
    says(romeo, "a", to="romeo@localhost")
    says(romeo, "b", to="romeo@localhost/orchard")
    ids = [id for _, (id,) in given(romeo)]
    shown = query(romeo)
    assert (shown.texts, shown.ids) == (["a", "b"], ids)


@pytest.mark.parametrize("forger", ["juliet@localhost", "JULIET@localhost"])
def test_a_forged_id_gives_way_to_the_true_one(romeo: Client, juliet: Client, forger: str) -> None:
    """XEP-0359 §3, rules 2 and 4."""
    says(romeo, "x", more=f"<stanza-id xmlns='urn:xmpp:sid:0' by='{forger}' id='forged'/>")
    ((_, ids),) = given(juliet)
    shown = query(juliet)
    assert ids == shown.ids
    assert shown.forwarded[0].find(SID) is None


def test_what_is_not_worth_keeping_gets_no_id(romeo: Client, juliet: Client) -> None:
    for more, type in (("<no-store xmlns='urn:xmpp:hints'/>", "chat"), ("", "headline")):
        says(romeo, "x", type=type, more=more)
    assert given(juliet) == [("x", []), ("x", [])]
    assert query(juliet).ids == query(romeo).ids == []


def test_what_is_refused_is_not_kept_by_who_refused_it(romeo: Client, juliet: Client) -> None:
    """§6.1."""
    juliet.asks("set", "<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block>")
    says(romeo, "x")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")
    assert query(juliet).texts == []
    assert query(romeo).texts == ["x"]


def test_what_somebody_may_not_even_send_is_not_kept(romeo: Client) -> None:
    romeo.asks("set", "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>")
    says(romeo, "x")
    assert failure(romeo.hears_one())[1] == "not-acceptable"
    assert query(romeo).texts == []


def test_a_message_to_nobody_is_kept_by_its_sender(romeo: Client) -> None:
    says(romeo, "x", to="nobody@localhost")
    assert failure(romeo.hears_one())[1] == "service-unavailable"
    assert query(romeo).texts == ["x"]


def test_the_order_is_that_of_arrival_even_when_the_clock_runs_backwards(
    world: World, romeo: Client, juliet: Client
) -> None:
    """§3.1."""
    for number in range(6):
        world.clock.time -= number
        says(romeo, str(number))
    assert query(juliet).texts == query(romeo).texts == list("012345")


class Full(Store):
    """A disk without room."""

    def prepare(self, owner: str, entry: Entry) -> Prepared:
        return Prepared("1", entry)

    def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
        raise StorageError("no space left on device")


def archive(world: World) -> Archive:
    return next(feature for feature in world.domain.hooks.features if isinstance(feature, Archive))


def test_what_cannot_be_kept_goes_nowhere_and_its_sender_is_told(world: World, romeo: Client, juliet: Client) -> None:
    archive(world)._kept = Full()
    says(romeo, "x")
    assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")
    assert juliet.hears() == []


def test_what_the_recipient_cannot_keep_is_not_delivered(world: World, romeo: Client, juliet: Client) -> None:
    class FullFor(Full):
        def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
            if owner == "juliet@localhost":
                super().put(owner, prepared)

    archive(world)._kept = FullFor()
    says(romeo, "x")
    assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")
    assert juliet.hears() == []


def test_anonymous_users_leave_nothing_behind() -> None:
    world = World("romeo", sets=("hosts.localhost.anonymous=true",))
    guest = world.wire().opens()
    guest.says("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>").opens().binds("x")
    romeo = world.available("romeo")
    says(guest, "x", to="romeo@localhost")
    assert len(given(romeo)) == 1
    assert query(guest).ids == []


# -- what waits (XEP-0160)


def arrives(world: World) -> Client:
    return world.connect("juliet", "balcony").says("<presence/>")


def test_what_waits_comes_once_with_the_id_it_has_in_the_archive_and_a_note(world: World, romeo: Client) -> None:
    then = world.clock.now()
    says(romeo, "x")
    world.clock.advance(60)
    juliet = arrives(world)
    (heard,) = [node for node in juliet.hears() if node.tag == MESSAGE]
    assert [id.get("id") for id in heard.iterfind(SID)] == query(juliet).ids
    assert [(note.get("from"), note.get("stamp")) for note in heard.iterfind(DELAY)] == [("localhost", stamp(then))]
    juliet.says("<presence type='unavailable'/>").says("<presence/>")
    assert given(juliet) == []


def test_what_waits_is_stored_once(world: World, romeo: Client) -> None:
    says(romeo, "x")
    storage = world.domain.storage
    assert len(storage.store("archive", Store).page("juliet@localhost", waiting=True, limit=9)) == 1
    assert storage.store("offline", Store).page("juliet@localhost", limit=9) == []


def test_what_is_not_for_the_archive_waits_in_its_place_among_the_others(world: World, romeo: Client) -> None:
    for number in range(6):
        says(romeo, str(number), more="<no-permanent-store xmlns='urn:xmpp:hints'/>" if number % 2 else "")
        world.clock.advance(1)
    juliet = arrives(world)
    assert [(text, len(ids)) for text, ids in given(juliet)] == [(str(n), 1 - n % 2) for n in range(6)]
    assert query(juliet).texts == ["0", "2", "4"]


def test_what_a_client_has_read_in_the_archive_does_not_come_again(world: World, romeo: Client) -> None:
    """§6.1.1."""
    for text in "abc":
        says(romeo, text)
    juliet = world.connect("juliet", "balcony")
    assert query(juliet, page("<max>2</max>")).texts == ["a", "b"]
    juliet.says("<presence/>")
    assert [text for text, _ in given(juliet)] == ["c"]
    assert query(juliet).texts == ["a", "b", "c"]


def test_room_that_a_client_has_made_by_reading_is_used() -> None:
    world = World("romeo", "juliet", sets=("limits.offline=2",))
    romeo = world.available("romeo")
    juliet = world.connect("juliet", "balcony")
    for text in "abc":
        says(romeo, text)
    assert failure(romeo.hears_one())[1] == "service-unavailable"
    assert query(juliet).texts == ["a", "b"]
    says(romeo, "d")
    assert romeo.hears() == []
    assert [text for text, _ in given(juliet.says("<presence/>"))] == ["d"]


def test_room_that_was_made_before_a_client_went_is_used() -> None:
    world = World("romeo", "juliet", sets=("limits.offline=2",))
    romeo = world.available("romeo")
    says(says(romeo, "a"), "b")
    juliet = world.connect("juliet", "balcony")
    assert query(juliet).texts == ["a", "b"]
    juliet.says("</stream:stream>")
    says(says(romeo, "c"), "d")
    assert romeo.hears() == []


def test_what_there_is_no_room_for_is_not_in_the_archive() -> None:
    """§6.1: it has been rejected."""
    world = World("romeo", "juliet", sets=("limits.offline=1",))
    romeo = world.available("romeo")
    says(says(romeo, "a"), "b")
    assert failure(romeo.hears_one())[1] == "service-unavailable"
    assert query(world.connect("juliet")).texts == ["a"]


def test_what_a_broken_connection_did_not_take_is_kept_once_and_waits(world: World, romeo: Client) -> None:
    juliet = world.available("juliet", "balcony")
    romeo.wire.hear(b"<message to='juliet@localhost' type='chat'><body>x</body></message>")
    juliet.wire.cut()
    settle()
    again = arrives(world)
    ((text, ids),) = given(again)
    assert text == "x"
    assert query(again).ids == ids
