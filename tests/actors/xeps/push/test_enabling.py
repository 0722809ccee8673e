import pytest

from tests.actors.commands.doing import do
from tests.actors.xeps.push.pushing import (
    FORM,
    JULIET,
    PUSH,
    SERVICE,
    AppServer,
    chat,
    disabling,
    enables,
    enabling,
    leaves,
)
from tests.world import World, failure


def nodes(world: World) -> list[str]:
    return sorted(row["node"] for row in do(world, "push list", jid=JULIET))


def test_an_account_says_that_it_can_be_pushed() -> None:
    juliet = World("juliet").connect("juliet")
    found = juliet.asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=JULIET)
    assert PUSH in {feature.get("var") for feature in found[0]}


def test_several_nodes_are_enabled_and_disabled_one_by_one() -> None:
    world = World("juliet")
    juliet = world.connect("juliet")
    for node in ("a", "b", None):
        enables(juliet, node)
    enables(juliet, "a", "push.example.net")
    assert nodes(world) == ["", "a", "a", "b"]
    assert juliet.asks("set", disabling("a")).get("type") == "result"
    assert nodes(world) == ["", "a", "b"]


def test_without_a_node_all_of_an_app_servers_are_disabled() -> None:
    world = World("juliet")
    juliet = world.connect("juliet")
    for node in ("a", "b"):
        enables(juliet, node)
    enables(juliet, "c", "push.example.net")
    assert juliet.asks("set", disabling()).get("type") == "result"
    assert nodes(world) == ["c"]
    assert juliet.asks("set", disabling()).get("type") == "result"


def test_enabling_again_replaces_what_was_said_before() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server = AppServer(world)
    juliet = enables(world.available("juliet"), inside=FORM)
    leaves(enables(juliet, inside=FORM.replace("eruio234vzxc2kla-91", "another")))
    world.available("romeo").says(chat())
    (push,) = app_server.pushes()
    assert push.options is not None
    assert push.options["secret"] == "another"
    assert nodes(world) == ["yxs32"]


@pytest.mark.parametrize("text", [f"<enable xmlns='{PUSH}' node='a'/>", f"<disable xmlns='{PUSH}' node='a'/>"])
def test_whose_node_it_is_has_to_be_said(text: str) -> None:
    assert failure(World("juliet").connect("juliet").asks("set", text)) == ("modify", "bad-request")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (enabling(jid="a@@b"), "jid-malformed"),
        (enabling(jid=JULIET), "bad-request"),
        (enabling(jid=f"{JULIET}/phone"), "bad-request"),
        (enabling(inside=FORM + FORM), "bad-request"),
        (enabling(inside=FORM.replace("publish-options", "nonsense")), "bad-request"),
        (enabling(inside="<x xmlns='jabber:x:data' type='submit'/>"), "bad-request"),
        (enabling(inside=FORM.replace("eruio", "x" * 4096)), "policy-violation"),
        (enabling("n" * 1300), "policy-violation"),
    ],
)
def test_what_cannot_be_enabled_is_told(text: str, condition: str) -> None:
    world = World("juliet")
    assert failure(world.connect("juliet").asks("set", text)) == ("modify", condition)
    assert nodes(world) == []


def test_nobody_else_may_do_it() -> None:
    world = World("juliet", "romeo")
    enables(world.connect("juliet"))
    romeo = world.connect("romeo")
    for text in (enabling("b"), disabling()):
        assert failure(romeo.asks("set", text, to=JULIET)) == ("auth", "forbidden")
    assert nodes(world) == ["yxs32"]


def test_a_user_has_so_many_devices_and_no_more() -> None:
    world = World("juliet", sets=("xeps.push.devices=2",))
    juliet = world.connect("juliet")
    for node in ("a", "b", "a"):
        enables(juliet, node)
    assert failure(juliet.asks("set", enabling("c"))) == ("wait", "resource-constraint")
    juliet.asks("set", disabling("a"))
    enables(juliet, "c")
    assert nodes(world) == ["b", "c"]


def test_those_that_were_given_up_make_room() -> None:
    world = World("juliet", "romeo", sets=("xeps.push.devices=2",))
    juliet = world.available("juliet", "phone")
    for node in ("a", "b"):
        enables(juliet, node, "push.example.net")
        world.clock.advance(1)
    leaves(juliet)
    world.available("romeo").says(chat())
    assert [row["enabled"] for row in do(world, "push list", jid=JULIET)] == [False, False]
    enables(world.connect("juliet"), "c")
    assert nodes(world) == ["b", "c"]


def test_a_node_may_be_called_anything() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server = AppServer(world)
    leaves(enables(world.available("juliet"), "&lt;a b=&quot;&#10;&apos;&gt;"))
    world.available("romeo").says(chat())
    assert [push.node for push in app_server.pushes()] == ["<a b=\"\n'>"]


def test_what_is_enabled_outlives_the_user_in_memory_and_ends_with_the_account() -> None:
    world = World("juliet")
    leaves(enables(world.connect("juliet")))
    for _ in range(3):
        world.clock.advance(20)
    assert world.router.awake == 0
    assert [row["app_server"] for row in do(world, "push list", jid=JULIET)] == [SERVICE]
    do(world, "account remove", jid=JULIET)
    do(world, "account add", jid=JULIET, password="secret")
    assert nodes(world) == []
