"""Streams outlive the server. `tests/e2e/test_resuming.py` kills it; here it is left behind, without sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.storage import Archive, Entry
from actors.xeps.archive import latest
from net.xmpp.jid import JID
from tests.actors.xeps.stream_management.managing import (
    ENABLE_RESUMPTION,
    R,
    a,
    acknowledges,
    chat,
    cut,
    ended,
    managed,
    name,
    names,
    previd,
    resumes,
    stanzas,
)
from tests.world import Client, World, settle

ROSTER = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"


class Lives:
    """Servers, one after the other, over the same database."""

    def __init__(self, folder: Path) -> None:
        self._sets: tuple[str, ...] = (f'storage.url="sqlite:///{folder / "db"}"', f'data_dir="{folder}"')
        self.world = World("romeo", "juliet", sets=self._sets)

    def dies(self) -> World:
        """As if it had been killed: what is not stored is lost, and nobody is told anything."""
        settle()
        self.world.server._release_folder()
        self.world.server.storage.close()
        return self._begin()

    def stops(self) -> World:
        self.world.server.stop()
        return self._begin()

    def goes_on_with(self, *sets: str) -> World:
        """Another life with these options."""
        self._sets += sets
        return self.stops()

    def _begin(self) -> World:
        time = self.world.clock.time
        self.world = World(sets=self._sets)
        self.world.clock.time = time + 10
        self.world.server.revive()
        settle()
        return self.world


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    lives = Lives(tmp_path)
    yield lives
    lives.world.server.stop()


ENDS = pytest.mark.parametrize("ends", [Lives.dies, Lives.stops], ids=["killed", "stopped"])
Ends = Callable[[Lives], World]


def books(client: Client) -> Any:
    return client.session.managed


@ENDS
@pytest.mark.parametrize("hibernating", [False, True], ids=["live", "hibernating"])
def test_a_client_resumes_its_stream_in_the_servers_next_life(lives: Lives, ends: Ends, hibernating: bool) -> None:
    juliet, romeo = managed(lives.world, "juliet", "balcony"), managed(lives.world, "romeo")
    id = previd(juliet)
    if hibernating:
        cut(juliet)
    romeo.says("".join(chat("juliet@localhost", f"m{n}") for n in range(3)) + R)
    assert "a" in names(romeo)
    world = ends(lives)
    later = resumes(world, "juliet", id, h=1)
    assert names(later) == ["resumed", "m0", "m1", "m2", "r"]
    later.says(a(4))
    assert stanzas(world.connect("juliet", "garden").says("<presence/>")) == []


def test_the_session_is_as_it_was(lives: Lives) -> None:
    juliet = managed(lives.world, "juliet", "balcony", "<presence><show>away</show><priority>7</priority></presence>")
    acknowledges(juliet.says(ROSTER).says("<presence to='romeo@localhost'/>"))
    user = juliet.session.user.actor  # type: ignore[union-attr]
    user.resources["balcony"].state["carbons"] = True
    acknowledges(juliet.says("<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>"))
    id = previd(juliet)
    world = lives.dies()
    [session] = [inbox.actor for inbox in world.router.sessions]
    assert (session.full_jid, session.type, session.notopen) == ("juliet@localhost/balcony", "c2s", False)
    assert (session.conn, session.priority, session.interested) == (None, 7, True)
    assert b"away" in session.presence.wire  # type: ignore[union-attr]
    assert session.roster is not None
    resource = session.user.actor.resources["balcony"]  # type: ignore[union-attr]
    assert (resource.priority, resource.interested, resource.receptive) == (7, True, True)
    assert [*resource.directed] == ["romeo@localhost"]
    assert resource.state["carbons"] is True
    resumes(world, "juliet", id, 3)
    assert session.conn is not None


def test_what_was_acknowledged_is_not_expected_again(lives: Lives) -> None:
    juliet = managed(lives.world, "juliet")
    heard = juliet.says(chat("romeo@localhost", "x") * 4 + R).raw
    assert 'h="5"' in heard
    world = lives.dies()
    later = resumes(world, "juliet", previd(juliet), 1)
    assert 'h="5"' in later.raw


def test_what_was_not_acknowledged_is_sent_again_and_arrives_once(lives: Lives) -> None:
    """The recipient has it and its sender does not know that: both come back."""
    juliet, romeo = managed(lives.world, "juliet"), managed(lives.world, "romeo")
    romeo.says(R)
    said = "".join(chat("juliet@localhost", f"m{n}") for n in range(3))
    romeo.says(said)
    assert stanzas(juliet) == ["m0", "m1", "m2"]
    juliet.says(a(2))  # one of them is acknowledged, and forgotten
    lives.world.clock.advance(1)
    ids = previd(juliet), previd(romeo)
    world = lives.dies()
    later = resumes(world, "romeo", ids[1], 1)
    assert 'h="1"' in later.raw
    later.says(said + chat("juliet@localhost", "m3") + R)
    assert 'h="5"' in later.raw
    assert names(resumes(world, "juliet", ids[0], h=2)) == ["resumed", "m1", "m2", "m3", "r"]


def test_a_client_that_does_not_send_everything_again_loses_nothing_by_that(lives: Lives) -> None:
    juliet, romeo = managed(lives.world, "juliet"), managed(lives.world, "romeo")
    romeo.says(R)
    romeo.says(chat("juliet@localhost", "m0"))
    ids = previd(juliet), previd(romeo)
    juliet.hears()
    world = lives.dies()
    resumes(world, "romeo", ids[1], 1).says(chat("juliet@localhost", "another") + R)
    assert stanzas(resumes(world, "juliet", ids[0], h=2)) == ["another"]


def test_a_client_may_have_been_sent_more_than_the_server_still_knows(lives: Lives) -> None:
    juliet = managed(lives.world, "juliet")
    lives.world.available("romeo").says(chat("juliet@localhost", "m0"))  # it is not acknowledged, so nor is it stored
    assert stanzas(juliet) == ["m0"]
    world = lives.dies()
    later = resumes(world, "juliet", previd(juliet), h=2)
    assert names(later) == ["resumed"]
    world.available("romeo").says(chat("juliet@localhost", "m1"))
    assert stanzas(later) == ["m1"]
    assert names(later.says(a(3))) == []


@pytest.mark.parametrize("again", [False, True], ids=["resumed", "and killed again"])
def test_what_comes_before_the_client_says_how_much_it_got_is_not_taken_for_that(lives: Lives, again: bool) -> None:
    juliet = managed(lives.world, "juliet")
    lives.world.available("romeo").says("".join(chat("juliet@localhost", f"m{n}") for n in range(2)))
    assert stanzas(juliet) == ["m0", "m1"]  # sent, and neither acknowledged nor stored
    world = lives.dies()
    romeo = managed(world, "romeo")
    romeo.says("".join(chat("juliet@localhost", f"n{n}") for n in range(4)) + R)
    later = resumes(world, "juliet", previd(juliet), h=3)
    assert stanzas(later) == ["n0", "n1", "n2", "n3"]
    later.says(a(5))
    if again:
        world.clock.advance(1)
        world = lives.dies()
        assert stanzas(resumes(world, "juliet", previd(juliet), h=6)) == ["n3"]
    else:
        cut(later)
        assert stanzas(resumes(world, "juliet", previd(juliet), h=5)) == ["n2", "n3"]


def test_what_nobody_acknowledges_is_stored_after_a_moment(lives: Lives) -> None:
    juliet = managed(lives.world, "juliet")
    lives.world.available("romeo").says(chat("juliet@localhost", "m0"))
    lives.world.clock.advance(0.2)
    world = lives.dies()
    assert stanzas(resumes(world, "juliet", previd(juliet), h=1)) == ["m0"]


def test_the_answer_to_an_acknowledged_request_is_not_lost(lives: Lives) -> None:
    juliet = managed(lives.world, "juliet", presence="")
    assert "h='1'" in juliet.says(ROSTER + R).raw.replace('"', "'")
    world = lives.dies()
    assert stanzas(resumes(world, "juliet", previd(juliet), h=0)) == ["roster"]


def test_contacts_who_come_back_see_who_is_still_there(lives: Lives) -> None:
    lives.world.befriend("romeo", "juliet")
    managed(lives.world, "juliet", "balcony")
    world = lives.dies()
    romeo = world.connect("romeo").says("<presence/>")
    assert "juliet@localhost/balcony" in [node.get("from") for node in romeo.hears()]


def test_who_comes_back_sees_who_has_gone_without_a_word(lives: Lives) -> None:
    lives.world.befriend("romeo", "juliet")
    juliet = managed(lives.world, "juliet", "balcony")
    lives.world.available("romeo")
    acknowledges(juliet)
    number = books(juliet)._out.sent
    lives.world.clock.advance(1)
    world = lives.dies()
    later = resumes(world, "juliet", previd(juliet), number)
    gone = [node for node in later.hears() if name(node) == "presence"]
    assert [(node.get("from"), node.get("type")) for node in gone] == [("romeo@localhost", "unavailable")]


def test_who_comes_back_sees_who_has_come_back_too(lives: Lives) -> None:
    lives.world.befriend("romeo", "juliet")
    juliet, romeo = managed(lives.world, "juliet", "balcony"), managed(lives.world, "romeo", "orchard")
    acknowledges(juliet)
    number = books(juliet)._out.sent
    lives.world.clock.advance(1)
    world = lives.dies()
    later = resumes(world, "juliet", previd(juliet), number)
    there = [node for node in later.hears() if name(node) == "presence"]
    assert [(node.get("from"), node.get("type")) for node in there] == [("romeo@localhost/orchard", None)]
    assert previd(romeo)


def test_what_never_comes_back_ends_in_its_time(lives: Lives) -> None:
    lives.world.befriend("romeo", "juliet")
    juliet, sender = managed(lives.world, "juliet", "balcony"), managed(lives.world, "romeo", "orchard")
    sender.says(chat("juliet@localhost", "m1") + R)
    id = previd(juliet)
    world = lives.dies()
    romeo = world.available("romeo")
    world.clock.advance(300)
    assert [node.get("type") for node in romeo.hears() if name(node) == "presence"].count("unavailable") >= 1
    assert world.router.sessions == {romeo.session.actor_inbox}
    assert stanzas(world.connect("juliet").says("<presence/>")) == ["m1"]
    assert 'h="1"' in resumes(world, "juliet", id, 1).raw
    world = lives.dies()
    assert not [inbox for inbox in world.router.sessions if "juliet" in inbox.address]
    assert stanzas(world.connect("juliet").says("<presence/>")) == []


def test_in_a_later_life_it_is_still_known_who_came_after_a_message(lives: Lives) -> None:
    both = managed(lives.world, "juliet", "balcony"), managed(lives.world, "juliet", "garden")
    for juliet in both:
        cut(juliet)
    romeo = managed(lives.world, "romeo")
    romeo.says(chat("juliet@localhost", "m1") + R)
    lives.world.clock.advance(100)
    attic = managed(lives.world, "juliet", "attic").says(R)
    id, known = previd(attic), books(attic)._out.sent
    world = lives.dies()
    later = resumes(world, "juliet", id, known).says(a(known))
    assert "m1" not in names(later)
    world.clock.advance(300)
    assert "m1" in names(later)


def test_a_message_that_ends_at_another_stream_survives_there(lives: Lives) -> None:
    one = managed(lives.world, "juliet", "balcony")
    other = managed(lives.world, "juliet", "garden", "<presence><priority>-1</priority></presence>")
    acknowledges(one)
    lives.world.available("romeo").says(chat("juliet@localhost", "m1"))
    acknowledges(other.says("<presence/>"))
    number = books(other)._out.sent
    cut(one)
    lives.world.clock.advance(300)
    assert ended(one)
    world = lives.dies()
    assert stanzas(resumes(world, "juliet", previd(other), number)) == ["m1"]


def test_of_an_account_that_is_gone_or_disabled_nothing_comes_back(lives: Lives) -> None:
    managed(lives.world, "juliet"), managed(lives.world, "romeo")
    accounts = lives.world.domain.accounts
    world = lives.dies()
    accounts = world.domain.accounts
    accounts.disable(accounts.jid("juliet"), "why not")
    world.domain.storage.forget("romeo@localhost")
    world = lives.dies()
    assert world.router.sessions == set()


def test_a_stop_says_goodbye_and_does_not_wait_for_those_who_may_come_back(lives: Lives) -> None:
    juliet, romeo = managed(lives.world, "juliet"), managed(lives.world, "romeo")
    cut(romeo)
    id = previd(juliet)
    world = lives.stops()
    assert juliet.hears_the_end() == "system-shutdown"
    assert names(resumes(world, "juliet", id, 1)) == ["resumed"]
    assert names(resumes(world, "romeo", previd(romeo), 1)) == ["resumed"]


def test_others_need_not_remember_long_what_a_client_has_sent_that_never_asks(lives: Lives) -> None:
    juliet, romeo = managed(lives.world, "juliet"), managed(lives.world, "romeo")
    for number in range(200):
        romeo.says(chat("juliet@localhost", f"m{number}"))
    assert len(books(juliet)._keeping.marks()[previd(romeo)]) < 60


def test_copies_that_a_client_wanted_wait_for_it(lives: Lives) -> None:
    phone = managed(lives.world, "romeo", "orchard").says(
        "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
    )
    number = books(acknowledges(phone))._out.sent
    world = lives.dies()
    world.available("romeo", "garden").says(chat("juliet@localhost", "m1"))
    heard = resumes(world, "romeo", previd(phone), number).hears()
    assert [node[0].tag for node in heard if name(node) == "message"] == ["{urn:xmpp:carbons:2}sent"]


# -- in archives


def kept(client: Client) -> list[str]:
    """The ids of the messages in the client's archive, "" where one has none."""
    client.hears()
    client.says("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
    shown = [node[0] for node in client.hears() if name(node) == "message"]
    return [result[0].find("{jabber:client}message").get("id", "") for result in shown]


def unsaid(lives: Lives, text: str) -> tuple[World, Client]:
    """Romeo has written this, and the server has died before it could say that it is stored. He has come back."""
    romeo = managed(lives.world, "romeo", "orchard")
    id = previd(romeo)
    acknowledges(romeo.says(R))
    romeo.says(text)
    world = lives.dies()
    return world, resumes(world, "romeo", id, 1)


def test_what_a_client_sends_again_is_in_each_archive_once(lives: Lives) -> None:
    first, second, new = (chat("juliet@localhost", f"m{n}") for n in range(3))
    world, romeo = unsaid(lives, first + second)
    romeo.says(first + second + new)
    assert kept(romeo) == ["m0", "m1", "m2"]
    assert kept(world.connect("juliet")) == ["m0", "m1", "m2"]


def test_what_waited_and_is_sent_again_is_handed_over_once(lives: Lives) -> None:
    message = chat("juliet@localhost", "m0")
    world, romeo = unsaid(lives, message)
    assert stanzas(world.connect("juliet", "balcony").says("<presence/>").says("<presence type='unavailable'/>")) == [
        "m0"
    ]
    romeo.says(message)
    assert stanzas(world.connect("juliet", "garden").says("<presence/>")) == []


def test_what_waits_and_is_sent_again_waits_once(lives: Lives) -> None:
    message = chat("juliet@localhost", "m0")
    world, romeo = unsaid(lives, message)
    romeo.says(message)
    assert stanzas(world.connect("juliet", "balcony").says("<presence/>")) == ["m0"]


def test_who_says_the_same_again_has_said_it_twice(lives: Lives) -> None:
    """With other ids, or with none but more often: what looks like the same is not what has been there before."""
    same = "<message to='juliet@localhost' type='chat'><body>m0</body></message>"
    world, romeo = unsaid(lives, chat("juliet@localhost", "m0") + same)
    romeo.says(chat("juliet@localhost", "other") + same + same)
    assert kept(romeo) == ["m0", "", "other", ""]
    assert kept(world.connect("juliet")) == ["m0", "", "other", ""]


def test_what_has_no_id_is_known_by_its_place_on_the_stream(lives: Lives) -> None:
    same = "<message to='juliet@localhost' type='chat'><body>yes</body></message>"
    world, romeo = unsaid(lives, same + same)
    romeo.says(same + same + same)
    assert kept(romeo) == kept(world.connect("juliet")) == ["", "", ""]


def test_a_client_that_sends_only_some_of_it_again_with_others_between_has_said_each_once(lives: Lives) -> None:
    one, two, three, new = (chat("juliet@localhost", f"m{n}") for n in range(4))
    world, romeo = unsaid(lives, one + two + three)
    romeo.says(two + new + three)
    assert kept(romeo) == kept(world.connect("juliet")) == ["m0", "m1", "m2", "m3"]


def test_what_was_said_on_an_earlier_stream_is_not_taken_for_it(lives: Lives) -> None:
    same = "<message to='juliet@localhost' type='chat'><body>yes</body></message>"
    earlier = managed(lives.world, "romeo", "orchard")
    acknowledges(earlier.says(same + R))
    earlier.says("</stream:stream>")
    world, romeo = unsaid(lives, chat("juliet@localhost", "m1"))
    romeo.says(same)
    assert kept(romeo) == kept(world.connect("juliet")) == ["", "m1", ""]


def looks(monkeypatch: pytest.MonkeyPatch) -> list[JID]:
    """In whose archives it is looked, from now on, for what has come before."""
    looked: list[JID] = []
    looking = latest.latest

    def counted(store: Archive, owner: JID, peer: JID) -> Iterator[tuple[str, Entry]]:
        looked.append(owner)
        return looking(store, owner, peer)

    monkeypatch.setattr(latest, "latest", counted)
    return looked


def test_each_conversation_is_looked_at_once(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    _, romeo = unsaid(lives, chat("romeo@localhost", "m0"))
    looked = looks(monkeypatch)
    romeo.says("".join(chat("romeo@localhost", f"m{n}") for n in range(4)))
    assert looked == ["romeo@localhost"]
    assert kept(romeo) == ["m0", "m1", "m2", "m3"]


def test_a_conversation_is_not_looked_at_again_for_what_others_say_in_between(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, romeo = unsaid(lives, chat("juliet@localhost", "m0"))
    juliet = world.available("juliet", "balcony")
    looked = looks(monkeypatch)
    for number in range(4):
        romeo.says(chat("juliet@localhost", f"m{number}"))
        juliet.says(chat("romeo@localhost", f"n{number}"))
    assert sorted(looked) == ["juliet@localhost", "romeo@localhost"]


def test_who_always_uses_the_same_id_says_something_new_with_each(lives: Lives) -> None:
    alert = chat("juliet@localhost", "alert")
    romeo = managed(lives.world, "romeo", "orchard")
    id = previd(romeo)
    acknowledges(romeo.says(alert + R))
    world = lives.dies()
    assert stanzas(world.connect("juliet", "balcony").says("<presence/>").says("<presence type='unavailable'/>")) == [
        "alert"
    ]
    resumes(world, "romeo", id, 1).says(alert)
    assert stanzas(world.connect("juliet", "garden").says("<presence/>")) == ["alert"]


def test_a_message_is_known_again_though_its_language_is_that_of_the_stream(lives: Lives) -> None:
    world = lives.world
    romeo = world.wire().opens().logs_in("romeo", **{"xml:lang": "en"}).binds("orchard")
    romeo.says(ENABLE_RESUMPTION).says("<presence/>")
    id = previd(romeo)
    acknowledges(romeo.says(R))
    romeo.says(chat("juliet@localhost", "m0"))
    world = lives.dies()
    again = resumes(world, "romeo", id, 1).says(chat("juliet@localhost", "m0") + chat("juliet@localhost", "m1"))
    assert kept(again) == kept(world.connect("juliet")) == ["m0", "m1"]


def test_there_is_room_for_what_waits_already(lives: Lives) -> None:
    first, second = chat("juliet@localhost", "m0"), chat("juliet@localhost", "m1")
    lives.goes_on_with("limits.offline=2")
    world, romeo = unsaid(lives, first + second)
    romeo.hears()
    romeo.says(first + second)
    assert [node for node in romeo.hears() if node.get("type") == "error"] == []
    assert stanzas(world.connect("juliet", "balcony").says("<presence/>")) == ["m0", "m1"]


NOT_KEPT = "<no-permanent-store xmlns='urn:xmpp:hints'/>"


@pytest.mark.parametrize("id", [" id='m0'", ""], ids=["with an id", "without"])
def test_what_is_in_no_archive_waits_once_too(lives: Lives, id: str) -> None:
    message = f"<message to='juliet@localhost' type='chat'{id}><body>yes</body>{NOT_KEPT}</message>"
    world, romeo = unsaid(lives, message)
    romeo.says(message + chat("juliet@localhost", "m1"))
    juliet = world.connect("juliet", "balcony").says("<presence/>")
    assert [node.get("id", "") for node in juliet.hears() if name(node) == "message"] == ["m0" if id else "", "m1"]


def test_of_what_waits_nothing_is_taken_for_what_is_new(lives: Lives) -> None:
    same = f"<message to='juliet@localhost' type='chat'><body>yes</body>{NOT_KEPT}</message>"
    world, romeo = unsaid(lives, same)
    romeo.says(same + same)
    juliet = world.connect("juliet", "balcony").says("<presence/>")
    assert len(stanzas(juliet)) == 2
