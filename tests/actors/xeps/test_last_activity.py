import pytest
from lxml import etree

from tests.couple import JULIET, ROMEO, relate
from tests.world import Client, World, failure, settle

QUERY = "<query xmlns='jabber:iq:last'/>"
NODE = "{jabber:iq:last}query"


def told(answer: etree._Element) -> tuple[str | None, str | None]:
    """Seconds and status of a result."""
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].tag == NODE
    return answer[0].get("seconds"), answer[0].text


@pytest.fixture
def world() -> World:
    """Romeo may see Juliet's presence, and the nurse may not."""
    world = World("romeo", "juliet", "nurse")
    relate(world, JULIET, ROMEO, "from")
    return world


def left(world: World, status: str = "") -> Client:
    """Juliet has come and gone 903 seconds ago; her contact asks."""
    juliet = world.available("juliet", "balcony")
    if status:
        juliet.says(f"<presence type='unavailable'><status>{status}</status></presence>")
    juliet.says("</stream:stream>")
    world.clock.advance(903)
    return world.connect("romeo")


def test_a_contact_learns_when_the_user_logged_out_and_what_they_said(world: World) -> None:
    assert told(left(world, "Heading Home").asks("get", QUERY, "juliet@localhost")) == ("903", "Heading Home")


def test_who_said_nothing_has_no_status(world: World) -> None:
    left(world, "Heading Home")
    assert told(left(world).asks("get", QUERY, "juliet@localhost")) == ("903", None)


def test_a_connection_that_breaks_is_a_logout_too(world: World) -> None:
    world.available("juliet").wire.cut()
    settle()
    world.clock.advance(5)
    assert told(world.connect("romeo").asks("get", QUERY, "juliet@localhost")) == ("5", None)


def test_it_counts_from_the_last_resource(world: World) -> None:
    one, two = world.available("juliet", "one"), world.available("juliet", "two")
    one.says("</stream:stream>")
    romeo = world.connect("romeo")
    world.clock.advance(10)
    assert told(romeo.asks("get", QUERY, "juliet@localhost")) == ("0", None)
    two.says("</stream:stream>")
    world.clock.advance(10)
    assert told(romeo.asks("get", QUERY, "juliet@localhost")) == ("10", None)


def test_it_is_remembered_when_the_user_has_left_memory(world: World) -> None:
    romeo = left(world, "Heading Home")
    world.clock.advance(97)
    assert told(romeo.asks("get", QUERY, "juliet@localhost")) == ("1000", "Heading Home")


def test_a_long_status_is_cut(world: World) -> None:
    _, status = told(left(world, "x" * 5000).asks("get", QUERY, "juliet@localhost"))
    assert status == "x" * 1000


@pytest.mark.parametrize("presence", ["", "<presence/>"])
def test_whoever_is_connected_has_been_away_for_no_time(world: World, presence: str) -> None:
    world.connect("juliet").says(presence)
    world.clock.advance(10)
    assert told(world.connect("romeo").asks("get", QUERY, "juliet@localhost")) == ("0", None)


def test_of_an_account_that_has_never_been_used_nothing_is_known(world: World) -> None:
    assert failure(world.connect("romeo").asks("get", QUERY, "juliet@localhost")) == ("cancel", "item-not-found")


@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/balcony", "juliet@localhost/nowhere"])
def test_others_are_forbidden_and_the_client_is_not_even_asked(world: World, to: str) -> None:
    juliet = world.available("juliet", "balcony")
    assert failure(world.connect("nurse").asks("get", QUERY, to)) == ("auth", "forbidden")
    assert juliet.hears() == []


def test_a_subscription_counts_in_the_right_direction(world: World) -> None:
    world.available("romeo", "orchard")
    assert failure(world.connect("juliet").asks("get", QUERY, "romeo@localhost")) == ("auth", "forbidden")


def test_the_client_of_a_contact_answers_for_itself(world: World) -> None:
    juliet, romeo = world.available("juliet", "balcony"), world.connect("romeo")
    romeo.says(f"<iq type='get' id='last2' to='juliet@localhost/balcony'>{QUERY}</iq>")
    assert juliet.hears_one()[0].tag == NODE


def test_the_own_account_may_be_asked(world: World) -> None:
    assert told(world.connect("juliet").asks("get", QUERY)) == ("0", None)


def test_a_domain_tells_how_long_it_has_been_there(world: World) -> None:
    world.clock.advance(123_456.7)
    assert told(world.connect("nurse").asks("get", QUERY, "localhost")) == ("123456", None)


def test_a_clock_that_was_set_back_makes_nobody_leave_in_the_future(world: World) -> None:
    romeo = left(world)
    world.clock.time -= 2000
    assert told(romeo.asks("get", QUERY, "juliet@localhost")) == ("0", None)


def test_a_removed_account_leaves_nothing_behind(world: World) -> None:
    juliet = world.connect("juliet")
    juliet.says("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>")
    world.domain.accounts.create(JULIET, "secret123", 0)
    relate(world, JULIET, ROMEO, "from")
    assert failure(world.connect("romeo").asks("get", QUERY, "juliet@localhost")) == ("cancel", "item-not-found")


def test_it_is_advertised(world: World) -> None:
    juliet = world.connect("juliet")
    for to in ("localhost", "juliet@localhost"):
        info = juliet.asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to)[0]
        assert "jabber:iq:last" in [node.get("var") for node in info]
