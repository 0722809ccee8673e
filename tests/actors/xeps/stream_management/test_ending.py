"""What becomes of a stream that ends, and of what its client has not acknowledged."""

from typing import Any

import pytest

from actors.mailbox import Close, Kick
from actors.storage import Map
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID
from net.xmpp.stream import Nonza
from tests.actors.xeps.stream_management.managing import (
    ENABLE,
    acknowledges,
    chat,
    cut,
    ended,
    managed,
    name,
    previd,
    resumes,
    stanzas,
)
from tests.world import Client, World, failure, settle


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


def times_out(client: Client) -> None:
    cut(client)
    client.world.clock.advance(300)
    assert ended(client)


def stored(world: World) -> dict[str, Any]:
    """What is on disk of juliet's streams that can be resumed."""
    streams: Map[Any] = world.domain.storage.store("streams", Map)
    return {key: doc for key, doc in streams.items("juliet@localhost").items() if not doc.get("ended")}


def test_what_was_not_acknowledged_is_stored_and_comes_once(world: World) -> None:
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    romeo.says(chat("juliet@localhost", "m1") + chat("juliet@localhost", "m2"))
    juliet.says("<a xmlns='urn:xmpp:sm:3' h='2'/>")
    cut(juliet)
    romeo.says(chat("juliet@localhost", "m3"))
    world.clock.advance(300)
    later = world.connect("juliet").says("<presence/>")
    assert stanzas(later) == ["m2", "m3"]
    assert stanzas(world.connect("juliet").says("<presence/>")) == []
    assert romeo.hears() == []


def test_it_says_since_when_it_has_waited(world: World) -> None:
    juliet = managed(world, "juliet")
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    times_out(juliet)
    heard = world.connect("juliet").says("<presence/>").raw
    assert heard.count("<delay ") == 1
    assert 'stamp="2027-01-15T08:00:00Z"' in heard


def test_it_goes_to_another_resource_that_is_there(world: World) -> None:
    juliet, romeo = managed(world, "juliet", "balcony"), world.available("romeo")
    other = world.available("juliet", "garden")
    acknowledges(juliet)
    romeo.says(chat("juliet@localhost/balcony", "m1"))
    assert stanzas(other) == []
    times_out(juliet)
    assert stanzas(other) == ["m1"]
    assert romeo.hears() == []


def test_what_another_resource_has_got_it_does_not_get_again(world: World) -> None:
    juliet, other = managed(world, "juliet", "balcony"), world.available("juliet", "garden")
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    assert stanzas(other) == ["m1"]
    times_out(juliet)
    assert stanzas(other) == []
    assert stanzas(world.available("juliet", "attic")) == []


def test_what_no_other_resource_has_got_goes_to_one_that_has_come_since_and_once(world: World) -> None:
    both = managed(world, "juliet", "balcony"), managed(world, "juliet", "garden")
    for juliet in both:
        acknowledges(juliet)
        cut(juliet)
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    world.clock.advance(100)
    later = world.connect("juliet", "attic").says("<presence/>")
    assert stanzas(later) == []
    world.clock.advance(200)
    assert all(ended(juliet) for juliet in both)
    assert stanzas(later) == ["m1"]


@pytest.mark.parametrize("presence", ["", "<presence><priority>-1</priority></presence>"], ids=["none", "negative"])
def test_who_could_take_no_messages_then_has_not_got_them(world: World, presence: str) -> None:
    both = managed(world, "juliet", "balcony"), managed(world, "juliet", "garden")
    later = world.connect("juliet", "attic").says(presence)
    for juliet in both:
        acknowledges(juliet)
        cut(juliet)
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    assert stanzas(later.says("<presence/>")) == []
    world.clock.advance(300)
    assert stanzas(later) == ["m1"]


def test_a_copy_that_was_never_heard_is_no_reason_to_drop_the_message(world: World) -> None:
    balcony, garden = managed(world, "juliet", "balcony"), managed(world, "juliet", "garden")
    garden.says("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
    other = world.available("juliet", "attic")
    for juliet in (balcony, garden):
        acknowledges(juliet)
        cut(juliet)
    world.available("romeo").says(chat("juliet@localhost/balcony", "m1"))
    world.clock.advance(300)
    assert stanzas(other) == ["m1"]


def test_an_error_does_not_say_under_which_id_the_message_is_kept(world: World) -> None:
    juliet, romeo = managed(world, "juliet", "balcony"), world.available("romeo")
    romeo.says(chat("juliet@localhost/balcony", "m1", "normal"))
    times_out(juliet)
    refused = romeo.raw
    assert 'id="m1" type="error"' in refused
    assert "stanza-id" not in refused
    assert "<delay" not in refused


READS = "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>"


@pytest.fixture
def gone(world: World) -> Client:
    """A client of juliet's that hibernates."""
    juliet = managed(world, "juliet", "balcony")
    cut(juliet)
    return juliet


@pytest.fixture
def reader(world: World, gone: Client) -> Client:
    """Another one, which has read in the archive what waits for the first."""
    reader = world.connect("juliet", "garden")
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    assert gone.wire.closed
    return reader.says(READS)


def test_what_has_been_read_in_the_archive_meanwhile_does_not_wait(world: World, gone: Client, reader: Client) -> None:
    assert len(reader.hears()) == 2
    world.connect("romeo").says(chat("juliet@localhost", "m2"))
    world.clock.advance(300)
    assert ended(gone)
    assert stanzas(world.connect("juliet", "attic").says("<presence/>")) == ["m2"]


def test_what_a_client_has_read_in_the_archive_does_not_come_to_it_again(
    world: World, gone: Client, reader: Client
) -> None:
    reader.says("<presence/>")
    world.connect("romeo").says(chat("juliet@localhost/balcony", "m2"))
    reader.hears()
    world.clock.advance(300)
    assert ended(gone)
    assert stanzas(reader) == ["m2"]


def test_who_reads_a_page_again_and_again_is_remembered_once(world: World, reader: Client) -> None:
    reader.says(READS).says(READS)
    juliet = world.router.user(JID.parse("juliet@localhost")).actor
    (keys,) = juliet.state["archive"].shown.values()  # type: ignore[attr-defined]
    assert [name for name, _ in keys] == ["garden"]


def test_senders_of_messages_for_this_resource_alone_learn_that_they_did_not_arrive(world: World) -> None:
    juliet, romeo = managed(world, "juliet", "balcony"), world.available("romeo")
    romeo.says(chat("juliet@localhost/balcony", "m1", "normal"))
    romeo.says(chat("juliet@localhost/balcony", "m2", "headline"))
    times_out(juliet)
    assert [(node.get("id"), failure(node)) for node in romeo.hears()] == [("m1", ("cancel", "service-unavailable"))]


def test_requests_are_answered_with_an_error_and_answers_are_not(world: World) -> None:
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet", "balcony")
    romeo.hears()
    romeo.says("<iq type='get' id='q' to='juliet@localhost/balcony'><q xmlns='urn:q'/></iq>")
    romeo.says("<iq type='result' id='r' to='juliet@localhost/balcony'/>")
    times_out(juliet)
    gone, answer = romeo.hears()
    assert gone.get("type") == "unavailable"
    assert (answer.get("id"), failure(answer)) == ("q", ("cancel", "service-unavailable"))


def test_contacts_learn_that_the_resource_is_gone_when_the_time_is_over(world: World) -> None:
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet")
    romeo.hears()
    cut(juliet)
    world.clock.advance(299)
    assert romeo.hears() == []
    world.clock.advance(1)
    assert [node.get("type") for node in romeo.hears()] == ["unavailable"]


def test_the_time_is_as_it_was_granted(world: World) -> None:
    juliet = world.connect("juliet").says("<enable xmlns='urn:xmpp:sm:3' resume='1' max='20'/>")
    cut(juliet)
    world.clock.advance(19)
    assert not ended(juliet)
    world.clock.advance(1)
    assert ended(juliet)


def test_the_time_begins_anew_with_each_connection(world: World) -> None:
    client = managed(world, "juliet")
    first, id = client, previd(client)
    for _ in range(3):
        cut(client)
        world.clock.advance(200)
        client = resumes(world, "juliet", id, 1)
    world.clock.advance(1000)
    assert not ended(first)


def test_a_stream_that_is_closed_ends_at_once(world: World) -> None:
    """§7."""
    world.befriend("romeo", "juliet")
    romeo, juliet = world.available("romeo"), managed(world, "juliet")
    romeo.hears()
    romeo.says(chat("juliet@localhost", "m1"))
    juliet.says("</stream:stream>")
    assert ended(juliet)
    assert [node.get("type") for node in romeo.hears()] == ["unavailable"]
    assert stanzas(world.connect("juliet").says("<presence/>")) == ["m1"]


def test_a_stream_without_resumption_ends_with_its_connection(world: World) -> None:
    juliet = world.available("juliet").says(ENABLE)
    world.available("romeo").says(chat("juliet@localhost", "m1") + chat("juliet@localhost", "m2"))
    juliet.says("<a xmlns='urn:xmpp:sm:3' h='1'/>")
    cut(juliet)
    assert ended(juliet)
    assert stanzas(world.connect("juliet").says("<presence/>")) == ["m2"]


@pytest.mark.parametrize("hibernating", [False, True], ids=["live", "hibernating"])
@pytest.mark.parametrize("how", ["another client", "kick", "crash", "close", "full"])
def test_whatever_ends_it_nothing_is_lost_and_nothing_is_left(hibernating: bool, how: str) -> None:
    world = World("romeo", "juliet", sets=("xeps.stream_management.stanzas=10",))
    romeo, juliet = world.available("romeo"), managed(world, "juliet", "balcony")
    romeo.says(chat("juliet@localhost", "m1"))
    if hibernating:
        cut(juliet)
    user = world.router.user(world.domain.accounts.jid("juliet"))
    expected = ["m1"]
    if how == "another client":
        heir = world.connect("juliet", "balcony")
        assert stanzas(heir.says("<presence/>")) == expected
        expected = []
    elif how == "kick":
        user.tell(Kick("balcony", StreamError("policy-violation")))
    elif how == "crash":
        juliet.session.conn = juliet.session.conn or juliet.wire
        juliet.session.actor_inbox.tell(Nonza(None))  # type: ignore[arg-type]
    elif how == "close":
        juliet.session.actor_inbox.tell(Close())
    else:
        romeo.says("".join(chat("juliet@localhost", f"n{n}") for n in range(10)))
        expected = ["m1", *(f"n{n}" for n in range(10))]
    settle()
    assert ended(juliet)
    assert stored(world) == {}
    assert world.clock.timers <= 3  # of those who are there
    assert stanzas(world.connect("juliet", "garden").says("<presence/>")) == expected


def test_what_ends_while_the_first_of_its_messages_goes_to_another_stream_is_kept_by_that(world: World) -> None:
    one, other = (
        managed(world, "juliet", "balcony"),
        managed(world, "juliet", "garden", "<presence><priority>-1</priority></presence>"),
    )
    acknowledges(one)
    acknowledges(other)
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    other.says("<presence/>")
    acknowledges(other)
    times_out(one)
    cut(other)
    assert stanzas(resumes(world, "juliet", previd(other), 0)) == ["m1"]


def test_of_too_many_that_hibernate_the_oldest_ends() -> None:
    world = World("juliet", sets=("xeps.stream_management.hibernating=2",))
    clients = [managed(world, "juliet", f"r{n}") for n in range(4)]
    for client in clients[:3]:
        cut(client)
        world.clock.advance(1)
    assert [ended(client) for client in clients] == [True, False, False, False]


def test_of_a_guest_nothing_is_left() -> None:
    world = World(sets=("hosts.localhost.anonymous=true",))
    guest = world.wire().opens()
    guest.says("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>").opens().binds()
    guest.says("<enable xmlns='urn:xmpp:sm:3' resume='1'/>").says("<presence/>")
    assert name(guest.hears()[0]) == "enabled"
    cut(guest)
    assert not ended(guest)
    world.clock.advance(300)
    assert ended(guest)
    world.clock.advance(60)
    assert world.router.awake == 0
