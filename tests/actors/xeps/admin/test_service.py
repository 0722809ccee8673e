import pytest

from tests.actors.xeps.admin.doing import ADMIN, COMMANDS, answered, asked, command, does
from tests.world import Client, World, failure

BOTH = ('hosts.localhost.admins=["bard@localhost"]', 'hosts."example.org".admins=["bard@localhost"]')
ALONE = BOTH[:1]
BODY = "{jabber:client}body"


@pytest.fixture(params=[ALONE, BOTH])
def world(request: pytest.FixtureRequest) -> World:
    return World("bard", "romeo", sets=request.param)


def test_the_server_is_shut_down_after_a_while(world: World, bard: Client) -> None:
    """§4.31: with the choices of the XEP."""
    _, fields = asked(bard, "shutdown")
    assert fields == {
        "FORM_TYPE": ("hidden", False),
        "delay": ("list-single", False),
        "announcement": ("text-multi", False),
    }
    romeo = world.available("romeo")
    assert does(bard, "shutdown", delay="120") == [("info", "the server stops in 120 seconds")]
    world.clock.advance(119)
    assert not world.server.stopping.is_set()
    world.clock.advance(1)
    assert world.server.stopping.is_set()
    assert romeo.hears() == []


def test_all_who_are_online_are_told_before(bard: Client, world: World) -> None:
    romeo = world.available("romeo")
    lines = ("The service will be shut down in 2 minutes!", "Please log off now. --The Admins")
    does(bard, "shutdown", delay="120", announcement=lines)
    assert romeo.hears_one().findtext(BODY) == "\n".join(lines)


def test_without_a_delay_there_is_the_one_that_is_proposed(bard: Client, world: World) -> None:
    assert does(bard, "shutdown") == [("info", "the server stops in 60 seconds")]
    world.clock.advance(60)
    assert world.server.stopping.is_set()


def test_a_delay_that_is_not_in_the_list_is_refused(bard: Client, world: World) -> None:
    assert failure(answered(bard, "shutdown", delay="0")) == ("modify", "bad-request")
    world.clock.advance(1000)
    assert not world.server.stopping.is_set()


def test_users_of_every_domain_are_told() -> None:
    world = World("bard", sets=BOTH)
    elsewhere = world.router.domain("example.org")
    assert elsewhere is not None
    elsewhere.accounts.create(elsewhere.accounts.jid("paris"), "secret", 0)
    paris = world.wire().opens("example.org").logs_in("paris", to="example.org").binds().says("<presence/>")
    paris.hears()
    does(world.connect("bard"), "shutdown", announcement="Farewell")
    assert paris.hears_one().findtext(BODY) == "Farewell"


def test_who_administers_one_domain_of_several_cannot_shut_down_the_others() -> None:
    world = World("bard", sets=(*ALONE, 'hosts."example.org"={}'))
    bard = world.connect("bard")
    assert failure(bard.asks("set", command("shutdown"), "localhost")) == ("auth", "forbidden")
    listed = bard.asks("get", f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>", "localhost")
    assert f"{ADMIN}#shutdown" not in [item.get("node") for item in listed[0]]
