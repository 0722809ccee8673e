import pytest

from tests.actors.xeps.admin.doing import ADMIN, COMMANDS, asked, command, does, form
from tests.world import Client, World, failure

NODES = [
    "add-user",
    "announce",
    "change-user-password",
    "delete-motd",
    "delete-user",
    "delete-welcome",
    "disable-user",
    "edit-motd",
    "end-user-session",
    "get-online-users-list",
    "get-online-users-num",
    "get-registered-users-list",
    "get-registered-users-num",
    "get-user-lastlogin",
    "get-user-roster",
    "reenable-user",
    "set-motd",
    "set-welcome",
    "user-stats",
]


def test_an_admin_finds_the_commands(bard: Client) -> None:
    query = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
    listed = bard.asks("get", query, "localhost")[0]
    assert sorted(item.get("node", "") for item in listed) == [f"{ADMIN}#{node}" for node in NODES]


@pytest.mark.parametrize("node", NODES)
def test_nobody_else_can_use_them(world: World, node: str) -> None:
    romeo = world.connect("romeo")
    assert failure(romeo.asks("set", command(node), "localhost")) == ("auth", "forbidden")


def test_nobody_else_even_sees_them(world: World) -> None:
    query = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
    assert len(world.connect("romeo").asks("get", query, "localhost")[0]) == 0


def test_who_is_not_an_admin_any_more_cannot_go_on(world: World, bard: Client) -> None:
    session, _ = asked(bard, "delete-user")
    world.domain.options = world.server.config.hosts["example.org"]
    answer = bard.asks("set", command("delete-user", form(accountjids="romeo@localhost"), session), "localhost")
    assert failure(answer) == ("auth", "forbidden")
    assert world.domain.accounts.exists(world.domain.accounts.jid("romeo"))


def test_a_domain_without_admins_has_no_commands(bard: Client) -> None:
    assert failure(bard.asks("set", command("add-user"), "example.org")) == ("auth", "forbidden")


def test_what_an_admin_does_stands_in_the_log_without_passwords(bard: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        does(bard, "change-user-password", accountjid="romeo@localhost", password="V3r0n4")
    assert "Change a user's password romeo@localhost" in caplog.text
    assert "V3r0n4" not in caplog.text
