import pytest

from actors.commands import CommandError
from tests.actors.commands.doing import do
from tests.actors.xeps.push.pushing import JULIET, SERVICE, a_world, chat, enables
from tests.sasl2 import PHONE, bind, opened, plain
from tests.world import World, settle


def test_devices_are_listed() -> None:
    world = World("juliet")
    assert do(world, "push list", jid=JULIET) == []
    enables(world.connect("juliet", "phone"))
    assert do(world, "push list", jid=JULIET) == [
        {
            "app_server": SERVICE,
            "node": "yxs32",
            "resource": "phone",
            "client": "",
            "since": "2027-01-15T08:00:00+00:00",
            "enabled": True,
            "tried": None,
            "result": "",
            "errors": 0,
        }
    ]


def test_a_client_is_shown_as_in_the_list_of_clients() -> None:
    world = World("juliet")
    enables(opened(world).says(plain("juliet", bind(), agent=PHONE)))
    (client,), (device,) = do(world, "client list", jid=JULIET), do(world, "push list", jid=JULIET)
    assert device["client"] == client["id"] != PHONE


def test_a_device_is_removed_and_not_called_any_more() -> None:
    world, app_server, romeo = a_world()
    juliet = enables(enables(world.connect("juliet", "phone"), "b"), "c", "push.example.net")
    juliet.says("</stream:stream>")
    assert do(world, "push remove", jid=JULIET, app_server=SERVICE, node="yxs32") == "1 removed"
    settle()
    romeo.says(chat())
    assert [push.node for push in app_server.pushes()] == ["b"]
    assert do(world, "push remove", jid=JULIET, app_server="push.example.net") == "1 removed"
    assert [row["node"] for row in do(world, "push list", jid=JULIET)] == ["b"]


def test_what_there_is_not_cannot_be_removed() -> None:
    world = World("juliet")
    enables(world.connect("juliet"))
    with pytest.raises(CommandError, match="juliet@localhost has no such device"):
        do(world, "push remove", jid=JULIET, app_server=SERVICE, node="b")
    with pytest.raises(CommandError, match="is not an address"):
        do(world, "push remove", jid=JULIET, app_server="@")


@pytest.mark.parametrize("name", ["push list", "push remove"])
def test_an_account_that_there_is_not_has_no_devices(name: str) -> None:
    more = {"app_server": SERVICE} if name == "push remove" else {}
    with pytest.raises(CommandError, match="there is no account nobody@localhost"):
        do(World("juliet"), name, jid="nobody@localhost", **more)
