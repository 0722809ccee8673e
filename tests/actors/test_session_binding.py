import pytest

from actors.roster import Roster
from tests.world import Client, World, failure, settle

BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"


def request(resource: str = "", *, type: str = "set", id: str = "id='bind'") -> str:
    return f"<iq type='{type}' {id}><bind xmlns='{BIND[1:-1]}'>{resource}</bind></iq>"


def named(resource: str) -> str:
    return request(f"<resource>{resource}</resource>")


def logged_in(world: World, user: str = "romeo") -> Client:
    """A client that can bind a resource now."""
    client = world.wire().opens().logs_in(user)
    client.hears()
    return client


def with_conflict(way: str) -> World:
    return World("romeo", "juliet", sets=(f"hosts={{'localhost' = {{conflict='{way}'}}}}",))


def test_a_resource_that_the_server_makes_cannot_be_guessed() -> None:
    world = World("romeo")
    made = {world.connect("romeo").session.resource or "" for _ in range(3)}
    assert len(made) == 3
    assert all(len(resource) >= 12 for resource in made)


def test_the_answer_tells_the_full_jid() -> None:
    answer = logged_in(World("romeo")).says(named("balcony")).hears_one()
    assert (answer.get("type"), answer.get("id")) == ("result", "bind")
    assert answer.findtext(f"{BIND}bind/{BIND}jid") == "romeo@localhost/balcony"


@pytest.mark.parametrize("inside", ["", "<resource/>", "<resource></resource>"])
def test_who_asks_for_no_resource_gets_one(inside: str) -> None:
    client = logged_in(World("romeo")).says(request(inside))
    assert client.hears_one().get("type") == "result"
    assert client.session.resource


def test_the_resource_is_prepared() -> None:
    client = logged_in(World("romeo")).says(named("fünf\u00a0\u00e9"))
    assert client.hears_one().get("type") == "result"
    assert client.session.resource == "fünf é"


def test_special_characters_are_escaped_in_the_answer() -> None:
    client = logged_in(World("romeo")).says(named("&lt;a href=&quot;x&quot;/&gt;&amp;"))
    assert client.hears_one().findtext(f"{BIND}bind/{BIND}jid") == 'romeo@localhost/<a href="x"/>&'


@pytest.mark.parametrize(
    "said",
    [
        named("x" * 1024),
        named("a\u2028b"),
        request(type="get"),
        request(id=""),
        f"<iq type='set' id='bind'><bind xmlns='{BIND[1:-1]}'/><flood xmlns='urn:x'/></iq>",
    ],
)
def test_a_malformed_request_is_refused_and_the_client_may_try_again(said: str) -> None:
    client = logged_in(World("romeo"))
    assert failure(client.says(said).hears_one()) == ("modify", "bad-request")
    assert client.session.full_jid is None
    client.says(named("balcony"))
    assert client.session.full_jid == "romeo@localhost/balcony"


def test_nobody_tries_for_ever() -> None:
    client = logged_in(World("romeo"))
    for _ in range(9):
        client.says(request(type="get"))
        assert failure(client.hears_one()) == ("modify", "bad-request")
    assert client.says(request(type="get")).hears_the_end() == "policy-violation"


@pytest.mark.parametrize(
    "said",
    [
        "<message to='juliet@localhost'/>",
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='set' id='1'/>",
        f"<iq type='result' id='1'><bind xmlns='{BIND[1:-1]}'/></iq>",
        f"<iq type='error' id='1'><bind xmlns='{BIND[1:-1]}'/></iq>",
        f"<message><bind xmlns='{BIND[1:-1]}'/></message>",
        "<message to='@'/>",
    ],
)
def test_before_binding_nothing_else_is_allowed(said: str) -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    assert logged_in(world).says(said).hears_the_end() == "not-authorized"
    assert not juliet.hears()


def test_a_second_resource_cannot_be_bound() -> None:
    client = logged_in(World("romeo")).says(named("one") + named("two"))
    bound, refused = client.hears()
    assert bound.get("type") == "result"
    assert failure(refused)[0] == "cancel"
    assert client.session.full_jid == "romeo@localhost/one"


def test_what_is_sent_right_behind_the_request_is_done_after_it_and_in_order() -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    messages = "".join(f"<message to='juliet@localhost'><body>{n}</body></message>" for n in range(500))
    logged_in(world).says(named("balcony") + messages)
    heard = juliet.hears()
    assert [node.findtext("{*}body") for node in heard] == [str(n) for n in range(500)]
    assert {node.get("from") for node in heard} == {"romeo@localhost/balcony"}


# -- conflicts


def test_replace_closes_the_stream_that_had_the_resource() -> None:
    world = with_conflict("replace")
    first, second = world.connect("romeo", "balcony"), world.connect("romeo", "balcony")
    assert first.hears_the_end() == "conflict"
    assert second.jid == "romeo@localhost/balcony"
    assert second.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"
    assert world.router.sessions == {second.session.actor_inbox}


def test_a_stream_that_was_replaced_has_no_more_say() -> None:
    world = with_conflict("replace")
    juliet = world.available("juliet")
    first = world.available("romeo", "balcony")
    second = logged_in(world)
    second.wire.hear(named("balcony").encode())
    first.wire.hear(b"<message to='juliet@localhost'/>" * 3)
    second.wire.hear(b"<message to='juliet@localhost' id='second'/>")
    settle()
    assert juliet.hears()[-1].get("id") == "second"
    assert first.hears_the_end() == "conflict"
    assert second.session.full_jid == "romeo@localhost/balcony"


def test_the_one_who_was_replaced_is_gone_for_the_contacts_until_the_next_presence() -> None:
    world = with_conflict("replace")
    world.befriend("romeo", "juliet")
    juliet = world.available("juliet")
    world.available("romeo", "balcony")
    juliet.hears()
    second = world.connect("romeo", "balcony")
    assert juliet.hears_one().get("type") == "unavailable"
    second.says("<presence/>")
    assert juliet.hears_one().get("type") is None


def test_refuse_keeps_the_stream_that_has_the_resource() -> None:
    world = with_conflict("refuse")
    first = world.connect("romeo", "balcony")
    second = logged_in(world).says(named("balcony"))
    assert failure(second.hears_one()) == ("cancel", "conflict")
    second.says(named("garden"))
    assert second.session.full_jid == "romeo@localhost/garden"
    assert first.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"


def test_a_client_that_insists_on_a_resource_in_use_is_disconnected_in_the_end() -> None:
    world = with_conflict("refuse")
    world.connect("romeo", "balcony")
    assert logged_in(world).says(named("balcony") * 10).hears_the_end() == "policy-violation"


def test_number_makes_another_of_it() -> None:
    world = with_conflict("number")
    clients = [world.connect("romeo", "balcony") for _ in range(3)]
    assert [client.jid for client in clients] == [
        "romeo@localhost/balcony",
        "romeo@localhost/balcony-2",
        "romeo@localhost/balcony-3",
    ]
    assert not any(client.wire.closed for client in clients)


def test_a_resource_is_free_again_once_its_stream_has_ended() -> None:
    world = with_conflict("refuse")
    world.connect("romeo", "balcony").says("</stream:stream>")
    assert world.connect("romeo", "balcony").jid == "romeo@localhost/balcony"


def test_one_user_has_a_bounded_number_of_resources() -> None:
    world = World("romeo", "juliet", sets=("limits.resources=2",))
    one, _ = world.connect("romeo"), world.connect("romeo")
    third = logged_in(world).says(request())
    assert failure(third.hears_one()) == ("wait", "resource-constraint")
    assert world.connect("juliet").jid
    one.says("</stream:stream>")
    third.says(request())
    assert third.session.full_jid


def test_replacing_a_resource_is_possible_with_the_greatest_number_of_them() -> None:
    world = World("romeo", sets=("limits.resources=1",))
    world.connect("romeo", "balcony")
    assert world.connect("romeo", "balcony").jid == "romeo@localhost/balcony"


# -- meanwhile


def test_a_connection_may_break_while_the_resource_is_being_bound() -> None:
    world = World("romeo")
    client = logged_in(world)
    client.wire.hear(named("balcony").encode())
    client.wire.cut()
    settle()
    assert client.session.full_jid is None
    assert not world.router.sessions
    other = world.connect("romeo", "balcony")
    assert other.jid == "romeo@localhost/balcony"


def test_a_connection_may_break_while_the_resource_is_being_refused() -> None:
    world = with_conflict("refuse")
    holder = world.connect("romeo", "balcony")
    client = logged_in(world)
    client.wire.hear(named("balcony").encode())
    client.wire.cut()
    settle()
    assert world.router.sessions == {holder.session.actor_inbox}


def test_time_may_run_out_while_the_resource_is_being_bound() -> None:
    world = World("romeo")
    client = logged_in(world)
    client.wire.hear(named("balcony").encode())
    world.clock.advance(60)
    assert world.clock.timers <= 1  # the User may be about to sleep
    assert client.wire.closed != client.session.connected


def test_an_account_that_is_gone_cannot_bind() -> None:
    world = World("romeo")
    client = logged_in(world)
    world.server.storage.forget("romeo@localhost")
    assert failure(client.says(request()).hears_one()) == ("cancel", "not-allowed")


def test_a_request_that_its_user_crashes_on_is_refused() -> None:
    world = World("romeo")
    client = logged_in(world)

    def fail(_: object) -> Roster:
        raise RuntimeError("made to fail")

    world.domain.rosters.made_of = fail  # type: ignore[assignment]
    assert failure(client.says(request()).hears_one()) == ("cancel", "internal-server-error")
    client.wire.cut()
    settle()
    assert not world.router.sessions
