from pathlib import Path

import pytest

from actors.storage import StorageError
from tests.actors.commands.doing import do
from tests.world import PASSWORD, Client, World

BODY = "{jabber:client}body"


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


def texts(client: Client) -> list[str | None]:
    """The messages that a client has heard since the last look."""
    return [node.findtext(BODY) for node in client.hears() if node.tag == "{jabber:client}message"]


def comes(world: World, user: str, presence: str = "<presence/>") -> Client:
    """A client that has just become available."""
    return world.connect(user).says(presence)


def leaves(client: Client) -> None:
    client.says("</stream:stream>")


def create(world: World, name: str) -> None:
    world.domain.accounts.create(world.domain.accounts.jid(name), PASSWORD, world.clock.now())


# -- the message of the day


def test_who_comes_later_is_told_once(world: World) -> None:
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    romeo = comes(world, "romeo")
    (message,) = (node for node in romeo.hears() if node.tag == "{jabber:client}message")
    assert dict(message.attrib) == {"to": str(romeo.jid), "from": "localhost", "type": "headline"}
    assert message.findtext(BODY) == "Tomorrow!"
    leaves(romeo)
    assert texts(comes(world, "romeo")) == []


def test_who_has_been_told_is_not_told_again_by_another_client_or_presence(world: World) -> None:
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    romeo = comes(world, "romeo")
    assert texts(romeo) == ["Tomorrow!"]
    assert texts(comes(world, "romeo")) == []
    romeo.says("<presence><priority>-1</priority></presence>").says("<presence/>")
    assert texts(romeo) == []


def test_who_is_there_is_told_at_once_in_every_client_and_not_again(world: World) -> None:
    clients = [comes(world, "romeo"), comes(world, "romeo")]
    assert do(world, "motd set", domain="localhost", text="Tomorrow!") == "set, and told to 1 users"
    for client in clients:
        assert texts(client) == ["Tomorrow!"]
        leaves(client)
    assert texts(comes(world, "romeo")) == []


@pytest.mark.parametrize("presence", ["", "<presence><priority>-1</priority></presence>"])
def test_who_takes_no_messages_is_told_when_they_do(world: World, presence: str) -> None:
    romeo = world.connect("romeo")
    romeo.says(presence)
    assert do(world, "motd set", domain="localhost", text="Tomorrow!") == "set, and told to 0 users"
    assert texts(romeo) == []
    assert texts(romeo.says("<presence/>")) == ["Tomorrow!"]


def test_a_new_one_is_told_to_all_again(world: World) -> None:
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    leaves(comes(world, "romeo"))
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    assert texts(comes(world, "romeo")) == ["Tomorrow!"]


def test_a_corrected_one_is_told_to_the_others_only(world: World) -> None:
    do(world, "motd set", domain="localhost", text="Tomorow!")
    leaves(comes(world, "romeo"))
    assert do(world, "motd edit", domain="localhost", text="Tomorrow!") == "changed"
    assert texts(comes(world, "romeo")) == []
    assert texts(comes(world, "juliet")) == ["Tomorrow!"]


def test_a_deleted_one_is_told_to_nobody(world: World) -> None:
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    do(world, "motd delete", domain="localhost")
    assert texts(comes(world, "romeo")) == []


def test_a_user_cannot_make_others_believe_they_have_been_told(world: World) -> None:
    romeo, juliet = comes(world, "romeo"), comes(world, "juliet")
    motd = world.domain.notices.set("motd", "Tomorrow!", world.clock.now())
    juliet.says(f"<message to='romeo@localhost' type='headline' id='{motd.id}'><body>x</body></message>")
    assert texts(romeo) == ["x"]
    leaves(romeo)
    assert texts(comes(world, "romeo")) == ["Tomorrow!"]


def test_a_guest_is_told_too() -> None:
    world = World(sets=("hosts.localhost.anonymous=true",))
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    do(world, "welcome set", domain="localhost", text="Welcome!")
    guest = world.wire().opens()
    guest.says("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>").opens()
    assert texts(guest.binds().says("<presence/>")) == ["Tomorrow!"]


# -- the welcome


def test_a_new_user_is_welcomed_once(world: World) -> None:
    do(world, "welcome set", domain="localhost", text="Welcome!")
    create(world, "nurse")
    nurse = comes(world, "nurse")
    assert texts(nurse) == ["Welcome!"]
    leaves(nurse)
    assert texts(comes(world, "nurse")) == []


def test_who_was_there_before_the_welcome_is_not_new(world: World) -> None:
    world.clock.advance(1)
    do(world, "welcome set", domain="localhost", text="Welcome!")
    assert texts(comes(world, "romeo")) == []


def test_another_text_for_the_welcome_makes_nobody_old_or_new(world: World) -> None:
    do(world, "welcome set", domain="localhost", text="Welcome!")
    for name in ("nurse", "paris"):
        create(world, name)
    leaves(comes(world, "nurse"))
    world.clock.advance(100)
    do(world, "welcome set", domain="localhost", text="Come in!")
    assert texts(comes(world, "nurse")) == []
    assert texts(comes(world, "paris")) == ["Come in!"]


def test_the_welcome_comes_before_the_message_of_the_day(world: World) -> None:
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    do(world, "welcome set", domain="localhost", text="Welcome!")
    create(world, "nurse")
    assert texts(comes(world, "nurse")) == ["Welcome!", "Tomorrow!"]


# -- what lasts


def test_notices_and_who_has_been_told_outlast_the_server(tmp_path: Path) -> None:
    sets = (f'data_dir="{tmp_path}/data"', 'storage.url=""')
    world = World("romeo", "juliet", sets=sets)
    do(world, "motd set", domain="localhost", text="Tomorrow!")
    do(world, "welcome set", domain="localhost", text="Welcome!")
    assert texts(comes(world, "romeo")) == ["Welcome!", "Tomorrow!"]
    world.server.stop()
    again = World(sets=sets)
    assert texts(comes(again, "romeo")) == []
    assert texts(comes(again, "juliet")) == ["Welcome!", "Tomorrow!"]
    again.server.stop()


def test_a_storage_that_fails_keeps_nobody_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    do(world, "motd set", domain="localhost", text="Tomorrow!")

    def fails(_user: str) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr(world.domain.notices, "told", fails)
    heard = comes(world, "romeo").hears()
    assert [node.tag for node in heard] == ["{jabber:client}presence"]
    monkeypatch.undo()
    assert texts(comes(world, "romeo")) == ["Tomorrow!"]
