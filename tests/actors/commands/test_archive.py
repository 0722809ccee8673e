import pytest

from actors.commands import CommandError
from actors.storage import Archive, Entry
from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World

DAY = 86_400.0


@pytest.fixture
def world() -> World:
    """Romeo has four messages, a day apart, the last one now."""
    world = World("romeo", "juliet", sets=TWO_DOMAINS)
    archive = world.server.storage.store("archive", Archive)
    for number in reversed(range(4)):
        archive.append("romeo@localhost", Entry(world.clock.now() - number * DAY, "juliet@localhost", "x" * 8))
    return world


def messages(world: World) -> int:
    found: int = do(world, "archive show", jid="romeo@localhost")["messages"]
    return found


def test_what_is_in_an_archive_is_shown(world: World) -> None:
    assert do(world, "archive show", jid="romeo@localhost") == {
        "jid": "romeo@localhost",
        "messages": 4,
        "bytes": 40,
        "first": "2027-01-12T08:00:00+00:00",
        "last": "2027-01-15T08:00:00+00:00",
        "days_kept": 0,
        "messages_kept": 0,
        "bytes_kept": 0,
    }


def test_an_empty_archive_is_shown(world: World) -> None:
    found = do(world, "archive show", jid="juliet@localhost")
    assert (found["messages"], found["bytes"], found["first"], found["last"]) == (0, 0, None, None)


def test_limits_are_given_shown_and_taken_back(world: World) -> None:
    assert do(world, "archive limit", jid="romeo@localhost", days="30", messages="-", bytes="1000") == (
        "romeo@localhost has these limits now"
    )
    found = do(world, "archive show", jid="romeo@localhost")
    assert (found["days_kept"], found["messages_kept"], found["bytes_kept"]) == (30, 0, 1000)
    do(world, "archive limit", jid="romeo@localhost", days="-")
    assert do(world, "archive show", jid="romeo@localhost")["days_kept"] == 0


@pytest.mark.parametrize("days", ["-1", "many", "1.5", "٣", "9" * 16])
def test_what_is_no_limit_is_told(world: World, days: str) -> None:
    with pytest.raises(CommandError, match="is neither a number nor -"):
        do(world, "archive limit", jid="romeo@localhost", days=days)


def test_what_is_beyond_the_limits_is_removed_at_once(world: World) -> None:
    do(world, "archive limit", jid="romeo@localhost", days="0", messages="3")
    assert do(world, "archive expire", jid="juliet@localhost") == "0 messages removed"
    assert do(world, "archive expire", jid="example.org") == "0 messages removed"
    assert messages(world) == 4
    assert do(world, "archive expire", jid="romeo@localhost") == "1 messages removed"
    do(world, "archive limit", jid="romeo@localhost", days="0", messages="2")
    assert do(world, "archive expire", jid="localhost") == "1 messages removed"
    do(world, "archive limit", jid="romeo@localhost", days="0", messages="1")
    assert do(world, "archive expire") == "1 messages removed"
    assert messages(world) == 1


def test_more_than_goes_in_one_step_is_removed(world: World) -> None:
    archive = world.server.storage.store("archive", Archive)
    for _ in range(1_001):
        archive.append("romeo@localhost", Entry(world.clock.now(), "juliet@localhost", "x"))
    do(world, "archive limit", jid="romeo@localhost", days="-", messages="5")
    assert do(world, "archive expire", jid="romeo@localhost") == "1000 messages removed"


@pytest.mark.parametrize("name", ["archive show", "archive limit"])
def test_an_account_that_there_is_not_has_no_archive(world: World, name: str) -> None:
    more = {"days": "1"} if name == "archive limit" else {}
    with pytest.raises(CommandError, match="there is no account nobody@localhost"):
        do(world, name, jid="nobody@localhost", **more)
