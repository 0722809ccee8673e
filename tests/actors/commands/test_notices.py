import pytest

from actors.commands import COMMANDS, CommandError
from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World


def test_an_announcement_reaches_the_domain_and_no_other() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    romeo = world.available("romeo")
    assert do(world, "announce", domain="example.org", text="x") == "told in 0 sessions"
    assert do(world, "announce", domain="localhost", text="a <b>\x00") == "told in 1 sessions"
    assert romeo.hears_one().findtext("{jabber:client}body") == "a <b>"


@pytest.mark.parametrize("kind", ["motd", "welcome"])
def test_notices_are_shown_by_domain(kind: str) -> None:
    world = World(sets=TWO_DOMAINS)
    assert do(world, f"{kind} show") == []
    do(world, f"{kind} set", domain="localhost", text="Tomorrow!")
    row = {"domain": "localhost", "since": "2027-01-15T08:00:00+00:00", "text": "Tomorrow!"}
    assert COMMANDS[f"{kind} show"].columns == tuple(row)
    assert do(world, f"{kind} show") == do(world, f"{kind} show", domain="localhost") == [row]
    assert do(world, f"{kind} show", domain="example.org") == []
    assert do(world, f"{kind} delete", domain="localhost") == "deleted"
    assert do(world, f"{kind} show") == []


def test_a_message_of_the_day_is_of_one_domain() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    romeo = world.available("romeo")
    assert do(world, "motd set", domain="example.org", text="x") == "set, and told to 0 users"
    assert romeo.hears() == []
    assert do(world, "motd set", domain="localhost", text="a <b>\x00") == "set, and told to 1 users"
    assert romeo.hears_one().findtext("{jabber:client}body") == "a <b>"


@pytest.mark.parametrize("name", ["motd edit", "motd delete", "welcome delete"])
def test_what_there_is_not_cannot_be_changed(name: str) -> None:
    text = {"text": "x"} if name == "motd edit" else {}
    with pytest.raises(CommandError, match="localhost has no"):
        do(World(), name, domain="localhost", **text)


@pytest.mark.parametrize("name", ["announce", "motd set", "motd edit", "welcome set"])
def test_nothing_is_not_told(name: str) -> None:
    with pytest.raises(CommandError, match="there is nothing in the text"):
        do(World(), name, domain="localhost", text=" \n")


@pytest.mark.parametrize("name", ["motd set", "motd edit", "welcome set"])
def test_what_nobody_would_be_told_is_not_set(name: str) -> None:
    with pytest.raises(CommandError, match=r"the feature notices is in xeps\.disabled"):
        do(World(sets=('xeps.disabled=["notices"]',)), name, domain="localhost", text="x")
