"""How long an archive is kept, and how large it gets."""

from itertools import pairwise

import pytest

from actors.storage import Archive as Store
from actors.storage import Entry, StorageError
from actors.xeps.archive import retention
from actors.xeps.archive.retention import DAY, ROUND, Limits, Retention
from net.xmpp.stamps import DELAY, stamp
from tests.actors.commands.doing import TWO_DOMAINS
from tests.actors.xeps.archive.asking import MAM, MESSAGE, SID, form, query, refused, says
from tests.actors.xeps.stream_management.managing import chat, cut, managed
from tests.world import World


def keeping(world: World, owner: str, messages: int, size: int = 8) -> None:
    """So many messages of a user's, a day apart, the last one now."""
    archive = world.server.storage.store("archive", Store)
    for number in reversed(range(messages)):
        archive.append(owner, Entry(world.clock.now() - number * DAY, "peer", "x" * size))


def kept(world: World, owner: str) -> int:
    return len(world.server.storage.store("archive", Store).page(owner, limit=10_000))


def go_round(world: World) -> None:
    """All that can happen within two hours, in small steps."""
    for _ in range(300):
        world.clock.advance(ROUND / 150)


def serving(*sets: str) -> World:
    world = World("romeo", "juliet", sets=sets)
    world.domain.serve()
    return world


@pytest.mark.parametrize(
    ("option", "left"),
    [("archive_days=3", 3), ("archive_messages=5", 5), ("archive_bytes=30", 3), ("archive_days=0", 9)],
)
def test_what_is_beyond_a_limit_goes_by_itself(option: str, left: int) -> None:
    world = serving(f"hosts.localhost.{option}")
    keeping(world, "romeo@localhost", 9)
    for _ in range(3):
        world.clock.advance(0.2)
    assert kept(world, "romeo@localhost") == left
    archive = world.server.storage.store("archive", Store)
    assert archive.page("romeo@localhost", limit=1, backwards=True)[0][1].when == 1_800_000_000.0


def test_it_goes_in_small_steps_and_again_in_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    world = serving("hosts.localhost.archive_messages=1")
    keeping(world, "romeo@localhost", 6)
    keeping(world, "juliet@localhost", 3)
    seen = []
    for _ in range(9):
        world.clock.advance(0.1001)
        seen.append((kept(world, "juliet@localhost"), kept(world, "romeo@localhost")))
    assert seen[-1] == (1, 1)
    assert all(before[0] - after[0] + before[1] - after[1] <= 2 for before, after in pairwise(seen))
    for _ in range(2):
        keeping(world, "romeo@localhost", 1)
    world.clock.advance(60)
    assert kept(world, "romeo@localhost") == 3
    go_round(world)
    assert kept(world, "romeo@localhost") == 1


def test_a_user_may_have_limits_of_their_own() -> None:
    world = serving("hosts.localhost.archive_messages=2")
    limits = Retention(world.domain)
    limits.limit("romeo@localhost", Limits(messages=0))
    limits.limit("juliet@localhost", Limits(bytes=10))
    for user in ("romeo", "juliet", "nurse"):
        keeping(world, f"{user}@localhost", 4)
    go_round(world)
    assert [kept(world, f"{user}@localhost") for user in ("romeo", "juliet", "nurse")] == [4, 1, 2]
    limits.limit("romeo@localhost", Limits())
    go_round(world)
    assert kept(world, "romeo@localhost") == 2


def test_where_only_users_have_limits_the_others_keep_all() -> None:
    world = serving()
    Retention(world.domain).limit("romeo@localhost", Limits(days=1))
    for user in ("romeo", "juliet"):
        keeping(world, f"{user}@localhost", 4)
    go_round(world)
    assert [kept(world, f"{user}@localhost") for user in ("romeo", "juliet")] == [1, 4]


def test_each_domain_has_its_own_limits() -> None:
    world = World("romeo", sets=(*TWO_DOMAINS, "hosts.localhost.archive_messages=1"))
    for domain in world.router.domains:
        domain.serve()
    for owner in ("romeo@localhost", "romeo@example.org"):
        keeping(world, owner, 3)
    go_round(world)
    assert [kept(world, owner) for owner in ("romeo@localhost", "romeo@example.org")] == [1, 3]


def test_after_a_reload_only_the_new_limits_hold() -> None:
    world = serving("hosts.localhost.archive_messages=1")
    new = World(sets=("hosts.localhost.archive_messages=3",)).server.config
    world.domain.configure(new)
    world.domain.serve()
    keeping(world, "romeo@localhost", 5)
    go_round(world)
    assert kept(world, "romeo@localhost") == 3
    assert world.clock.timers == 2  # one for archives, one for clients


def test_a_domain_that_is_not_served_any_more_is_left_alone() -> None:
    world = serving("hosts.localhost.archive_messages=1")
    world.router.remove(world.domain)
    keeping(world, "romeo@localhost", 5)
    go_round(world)
    assert kept(world, "romeo@localhost") == 5
    assert world.clock.timers == 0


def test_a_failure_is_logged_and_passes(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    world = serving("hosts.localhost.archive_messages=1")
    keeping(world, "romeo@localhost", 3)

    def fail(*_: object) -> int:
        raise StorageError("made to fail")

    with monkeypatch.context() as patched:
        patched.setattr(Retention, "expire", fail)
        world.clock.advance(1)
        world.clock.advance(1)
    assert "archive could not go on with what is stored: storage: made to fail" in caplog.text
    go_round(world)
    assert kept(world, "romeo@localhost") == 1


def test_after_the_storage_is_closed_nothing_more_happens() -> None:
    world = serving("hosts.localhost.archive_messages=1")
    world.server.storage.close()
    go_round(world)
    assert world.clock.timers == 0


def test_an_id_that_has_gone_is_not_found_and_its_like_never_comes_again() -> None:
    """XEP-0313 §3.2, §4.3.2."""
    world = World("romeo", sets=("hosts.localhost.archive_messages=2",))
    romeo = world.connect("romeo")
    for text in "abc":
        says(romeo, text)
    before = query(romeo).ids
    world.domain.serve()
    go_round(world)
    after = query(romeo)
    assert (after.texts, after.ids, after.told("count")) == (["b", "c"], before[1:], "2")
    assert refused(romeo, form(after_id=before[0])) == "item-not-found"


def test_what_has_gone_while_a_stream_could_be_resumed_is_kept_anew_and_waits() -> None:
    world = serving()
    Retention(world.domain).limit("juliet@localhost", Limits(days=1 / DAY))
    then = world.clock.now()
    juliet, romeo = managed(world, "juliet"), world.available("romeo")
    romeo.says(chat("juliet@localhost", "m1") + chat("juliet@localhost", "m2"))
    cut(juliet)
    for _ in range(9):
        world.clock.advance(1)
    assert kept(world, "juliet@localhost") == 0
    world.clock.advance(300)
    later = world.connect("juliet").says("<presence/>")
    heard = [node for node in later.hears() if node.tag == MESSAGE]
    assert [node.get("id") for node in heard] == ["m1", "m2"]
    assert [[note.get("stamp") for note in node.iterfind(DELAY)] for node in heard] == [[stamp(then)]] * 2
    assert [[id.get("id") for id in node.iterfind(SID)] for node in heard] == [[id] for id in query(later).ids]
    assert romeo.hears() == []


def test_what_has_gone_and_is_not_to_be_kept_any_more_waits_all_the_same() -> None:
    world = serving()
    Retention(world.domain).limit("juliet@localhost", Limits(days=1 / DAY))
    juliet = managed(world, "juliet")
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    juliet.asks("set", f"<prefs xmlns='{MAM}' default='never'><always/><never/></prefs>")
    cut(juliet)
    for _ in range(9):
        world.clock.advance(1)
    world.clock.advance(300)
    later = world.connect("juliet").says("<presence/>")
    (heard,) = [node for node in later.hears() if node.tag == MESSAGE]
    assert (heard.get("id"), heard.find(SID), query(later).ids) == ("m1", None, [])
