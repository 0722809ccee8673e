import pytest

from actors.commands import CommandError
from tests.actors.commands.doing import do
from tests.sasl2 import LAPTOP, PHONE, bind, fast, identity, opened, plain, refusal, request, token_of
from tests.world import World, settle

JID = "romeo@localhost"


def test_the_clients_of_an_account_are_listed() -> None:
    world = World("romeo")
    opened(world).says(plain("romeo", bind(), request()))
    gone = opened(world).says(plain("romeo", bind(), agent=LAPTOP))
    gone.wire.cut()
    settle()
    rows = do(world, "client list", jid=JID)
    when = "2027-01-15T08:00:00+00:00"
    known = {"software": "AwesomeXMPP", "device": "Kiva's Phone", "first_seen": when, "last_seen": when}
    assert [{**row, "id": ""} for row in sorted(rows, key=lambda row: row["by"])] == [
        {"id": "", **known, "connected": False, "by": "password"},
        {"id": "", **known, "connected": True, "by": "password, token"},
    ]
    assert not {row["id"] for row in rows} & {PHONE, LAPTOP}


def test_a_client_loses_its_sessions_and_its_token() -> None:
    world = World("romeo")
    client = opened(world)
    token = token_of(client.says(plain("romeo", bind(), request())).hears()[0])
    (row,) = do(world, "client list", jid=JID)
    assert do(world, "client revoke", jid=JID, id=row["id"]) == f"{row['id']} of {JID} revoked; it still has a password"
    assert client.hears_the_end() == "not-authorized"
    assert refusal(opened(world).says(fast(token)).hears_one()) == "not-authorized"
    assert [row["by"] for row in do(world, "client list", jid=JID)] == ["password"]
    assert identity(opened(world).says(plain()).hears()[0])


def test_other_clients_stay() -> None:
    world = World("romeo")
    phone, laptop = opened(world), opened(world)
    phone.says(plain("romeo", bind(), request()))
    token = token_of(laptop.says(plain("romeo", bind(), request(), agent=LAPTOP)).hears()[0])
    world.clock.advance(4000)
    opened(world).says(plain("romeo", bind()))
    last = do(world, "client list", jid=JID)[-1]
    do(world, "client revoke", jid=JID, id=last["id"])
    assert not laptop.wire.closed
    assert identity(opened(world).says(fast(token, agent=LAPTOP)).hears()[0])


@pytest.mark.parametrize("command", ["client list", "client revoke"])
def test_an_account_that_is_none_has_no_clients(command: str) -> None:
    arguments = {"id": "x"} if "revoke" in command else {}
    with pytest.raises(CommandError, match="there is no account nobody@localhost"):
        do(World(), command, jid="nobody@localhost", **arguments)


def test_a_client_that_there_is_not_cannot_be_revoked() -> None:
    with pytest.raises(CommandError, match="romeo@localhost has no client x"):
        do(World("romeo"), "client revoke", jid=JID, id="x")
