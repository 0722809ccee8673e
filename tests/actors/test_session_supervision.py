"""A Session that crashes, or whose connection is gone, takes nobody with it and loses nothing."""

from collections.abc import Callable

import pytest

from actors.actor import Actor
from actors.mailbox import Bind, Deliver, Outbound, Returned
from actors.session import Session
from actors.user import User
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.stream import Limits, Nonza
from tests.world import Client, Wire, World, failure, settle

ROMEO = JID.parse("romeo@localhost/orchard")


class PoisonedWire(Wire):
    """A transport that fails when it is written to, once `poisoned`."""

    poisoned = False

    def send(self, data: bytes) -> None:
        if self.poisoned:
            raise RuntimeError("made to fail")
        super().send(data)


def poisonable(world: World, user: str, resource: str) -> Client:
    wire = PoisonedWire(Limits(10_000, 262_144), secured=True)
    session = Session(world.router, wire)
    wire.receiver = session.actor_inbox
    client = Client(world, wire, session).opens().logs_in(user).binds(resource)
    client.says("<presence/>").hears()
    return client


def message(to: str = "juliet@localhost/balcony", id: str = "m", type: str = "chat") -> Stanza:
    return Stanza("message", type=type, to=JID.parse(to), from_=ROMEO, id=id, body=b"<body>hi</body>")


def crash(client: Client) -> None:
    """Puts something into the mailbox of the client's Session that nobody can handle."""
    client.session.actor_inbox.tell(Nonza(None))  # type: ignore[arg-type]


def ids(client: Client) -> list[str | None]:
    return [node.get("id") for node in client.hears() if node.tag.endswith("}message")]


def stored(world: World) -> list[Stanza]:
    """Where messages end up that no resource can take."""
    kept: list[Stanza] = []

    def keep(_: User, stanza: Stanza) -> Stanza:
        kept.append(stanza)
        return stanza

    world.domain.hooks.undeliverable = (keep,)
    return kept


def test_a_crash_ends_the_stream_with_an_error() -> None:
    client = World("romeo").connect("romeo")
    crash(client)
    assert client.hears_the_end() == "internal-server-error"
    assert client.session.conn is None


def test_a_crash_before_the_header_is_told_in_a_stream() -> None:
    world = World()
    client = world.wire()
    crash(client)
    assert client.hears_the_end() == "internal-server-error"
    assert not world.router.sessions
    assert world.clock.timers == 0


def test_a_crash_leaves_no_trace() -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    juliet, romeo = world.available("juliet"), world.available("romeo", "orchard")
    juliet.hears()
    crash(romeo)
    gone = juliet.hears_one()
    assert (gone.get("type"), gone.get("from")) == ("unavailable", ROMEO)
    assert world.router.sessions == {juliet.session.actor_inbox}
    assert world.available("romeo", "orchard").jid == ROMEO


def test_the_other_resources_go_on() -> None:
    world = World("romeo")
    one, other = world.available("romeo"), world.available("romeo")
    crash(one)
    assert other.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"


def test_a_transport_that_fails_ends_the_session_all_the_same() -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    juliet, romeo = world.available("juliet"), poisonable(world, "romeo", "orchard")
    juliet.hears()
    romeo.wire.poisoned = True  # type: ignore[attr-defined]
    romeo.says("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert romeo.wire.closed
    assert juliet.hears_one().get("type") == "unavailable"
    assert world.router.sessions == {juliet.session.actor_inbox}


def test_a_transport_that_fails_while_the_resource_is_bound_leaves_no_trace() -> None:
    world = World("romeo", sets=("hosts={'localhost' = {conflict='refuse'}}",))
    wire = PoisonedWire(Limits(10_000, 262_144), secured=True)
    session = Session(world.router, wire)
    wire.receiver = session.actor_inbox
    client = Client(world, wire, session).opens().logs_in("romeo")
    wire.poisoned = True
    client.says(
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>orchard</resource></bind></iq>"
    )
    assert not world.router.sessions
    assert world.connect("romeo", "orchard").jid == ROMEO


def test_messages_that_were_not_written_go_to_another_resource() -> None:
    world = World("romeo", "juliet")
    balcony, garden = world.available("juliet", "balcony"), world.available("juliet", "garden")
    garden.hears()
    world.router.route(message(id="1"))
    crash(balcony)
    world.router.route(message(id="2"))
    assert ids(balcony) == []
    assert ids(garden) == ["1", "2"]


def test_messages_that_were_not_written_are_kept_where_there_is_no_other_resource() -> None:
    world = World("romeo", "juliet")
    kept = stored(world)
    balcony = world.available("juliet", "balcony")
    for id in "123":
        world.router.route(message(id=id))
    crash(balcony)
    settle()
    assert [stanza.id for stanza in kept] == ["1", "2", "3"]
    assert {stanza.to.bare for stanza in kept if stanza.to} == {"juliet@localhost"}


def test_messages_that_come_after_the_connection_broke_are_kept_too() -> None:
    world = World("romeo", "juliet")
    kept = stored(world)
    balcony = world.available("juliet", "balcony")
    balcony.wire.cut()
    world.router.route(message(id="1"))
    world.router.route(message(id="2"))
    settle()
    assert [stanza.id for stanza in kept] == ["1", "2"]
    assert not world.router.sessions


def leaves(client: Client) -> None:
    """The session of this client closes, and nothing has been done about it yet."""
    client.session.close(None)


def is_replaced(client: Client) -> None:
    """It has lost its connection, and its User learns of it from the one that takes its place."""
    client.session.conn = None
    client.world.router.user(JID.parse("juliet@localhost")).tell(
        Bind(Actor().actor_inbox, "balcony", client.session.access)
    )


@pytest.mark.parametrize("ends", [leaves, is_replaced])
def test_messages_that_come_back_are_kept_before_those_that_came_later(ends: Callable[[Client], None]) -> None:
    """RFC 6120 §10.1."""
    world = World("romeo", "juliet")
    kept = stored(world)
    balcony = world.available("juliet", "balcony")
    world.router.route(message("juliet@localhost", id="1"))
    ends(balcony)
    world.router.route(message("juliet@localhost", id="2"))
    world.router.route(message("juliet@localhost", id="3"))
    settle()
    assert [stanza.id for stanza in kept] == ["1", "2", "3"]


def tells_its_user(client: Client, type: str = "") -> None:
    """A presence of this client's is on its way to its User."""
    session = client.session.actor_inbox
    client.world.router.user(JID.parse("juliet@localhost")).tell(
        Outbound(Stanza("presence", type=type, from_=client.jid), session)
    )


def test_messages_that_come_back_are_kept_before_those_that_came_when_nobody_was_available() -> None:
    world = World("romeo", "juliet")
    kept = stored(world)
    balcony = world.available("juliet", "balcony")
    world.router.route(message("juliet@localhost", id="1"))
    tells_its_user(balcony, "unavailable")
    world.router.route(message("juliet@localhost", id="2"))
    leaves(balcony)
    settle()
    assert [stanza.id for stanza in kept] == ["1", "2"]


def test_messages_that_come_back_go_to_a_resource_that_has_just_come_before_those_that_came_later() -> None:
    world = World("romeo", "juliet")
    balcony, garden = world.available("juliet", "balcony"), world.connect("juliet", "garden")
    world.router.route(message("juliet@localhost", id="1"))
    tells_its_user(garden)
    world.router.route(message("juliet@localhost", id="2"))
    leaves(balcony)
    assert ids(garden) == ["1", "2"]


def test_messages_that_come_back_go_to_another_resource_before_those_that_came_later() -> None:
    world = World("romeo", "juliet")
    balcony, garden = world.available("juliet", "balcony"), world.available("juliet", "garden")
    world.router.route(message(id="1"))
    leaves(balcony)
    world.router.route(message(id="2"))
    assert ids(garden) == ["1", "2"]


def test_a_user_waits_for_no_session_that_has_crashed_on_its_way_out() -> None:
    world = World("romeo", "juliet")
    balcony, garden = world.available("juliet", "balcony"), world.available("juliet", "garden")
    leaves(balcony)
    crash(balcony)
    world.router.route(message(id="1"))
    assert ids(garden) == ["1"]


def test_requests_that_were_not_written_are_answered() -> None:
    world = World("romeo", "juliet")
    romeo, balcony = world.connect("romeo", "orchard"), world.available("juliet", "balcony")
    balcony.session.actor_inbox.tell(Nonza(None))  # type: ignore[arg-type]
    romeo.says("<iq type='get' id='1' to='juliet@localhost/balcony'><query xmlns='urn:x'/></iq>")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


def test_a_message_that_cannot_be_written_comes_back_and_does_not_fell_the_next_resource() -> None:
    world = World("romeo", "juliet")
    romeo, garden = world.connect("romeo", "orchard"), world.available("juliet", "garden")
    balcony = poisonable(world, "juliet", "balcony")
    garden.hears()
    balcony.wire.poisoned = True  # type: ignore[attr-defined]
    romeo.says("<message to='juliet@localhost/balcony' id='1' type='chat'/>")
    assert failure(romeo.hears_one()) == ("cancel", "internal-server-error")
    assert ids(garden) == []
    assert not garden.wire.closed


def test_a_presence_that_cannot_be_written_is_not_answered() -> None:
    world = World("romeo", "juliet")
    romeo, balcony = world.connect("romeo", "orchard"), poisonable(world, "juliet", "balcony")
    balcony.wire.poisoned = True  # type: ignore[attr-defined]
    romeo.says("<presence to='juliet@localhost'/>")
    assert balcony.wire.closed
    assert "error" not in romeo.raw


def test_a_resource_that_is_bound_for_a_session_that_has_crashed_is_given_back() -> None:
    world = World("romeo")
    client = world.wire().opens().logs_in("romeo")
    client.wire.hear(
        b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>orchard</resource></bind></iq>"
    )
    crash(client)
    settle()
    user = world.router.user(ROMEO.bare).actor
    assert isinstance(user, User)
    assert not user.resources
    assert not world.router.sessions


@pytest.mark.parametrize("session_first", [True, False])
def test_a_user_that_was_started_again_does_not_wait_for_a_session_that_has_crashed(session_first: bool) -> None:
    world = World("romeo")
    one, other = world.available("romeo", "orchard"), world.available("romeo", "garden")
    if session_first:
        crash(one)
    world.router.user(ROMEO.bare).tell(Returned(None))  # type: ignore[arg-type]
    if not session_first:
        crash(one)
    settle()
    assert other.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"
    assert world.router.sessions == {other.session.actor_inbox}


def test_what_is_delivered_to_a_session_that_has_ended_is_dropped_quietly() -> None:
    world = World("romeo")
    client = world.wire()
    client.wire.cut()
    settle()
    client.session.actor_inbox.tell(Deliver(message()))
    settle()
    assert not world.router.sessions
