"""A roster in use: what clients ask of it, and what they are told: RFC 6121 §2."""

import pytest
from lxml import etree

from actors.roster import ROSTER
from actors.subscription import STATES
from tests.couple import JULIET, ROMEO, item, query, relate, roster, states, subscribes, told
from tests.world import World, failure

# -- roster gets (§2.2)


def test_a_new_user_has_an_empty_roster() -> None:
    answer = World("romeo").connect("romeo").asks("get", query())
    assert answer.get("type") == "result"
    assert answer[0].tag == f"{{{ROSTER}}}query"
    assert len(answer[0]) == 0


def test_the_roster_shows_what_was_set() -> None:
    romeo = World("romeo").connect("romeo")
    romeo.asks("set", item("name='J &amp; co'", "<group>Friends</group><group>Verona</group>"))
    found = roster(romeo)["juliet@localhost"]
    assert (found.get("name"), found.get("subscription")) == ("J & co", "none")
    assert [group.text for group in found] == ["Friends", "Verona"]


def test_a_request_that_waits_is_not_in_the_roster() -> None:
    """§3.1.3: until it is approved, the server must not add an item for the user."""
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    subscribes(world.connect("romeo"), "subscribe", "juliet")
    assert told(juliet) == ["presence subscribe romeo@localhost"]
    assert roster(juliet) == {}


@pytest.mark.parametrize("type", ["get", "set"])
def test_the_roster_is_nobody_elses_business(type: str) -> None:
    """§2.3.3"""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "both")
    world.available("juliet")
    answer = world.connect("romeo").asks(type, item() if type == "set" else query(), to="juliet@localhost")
    assert failure(answer) == ("auth", "forbidden")


def test_a_roster_get_to_a_full_jid_is_for_the_client() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "to")
    juliet = world.connect("juliet", "balcony")
    world.connect("romeo").says(f"<iq type='get' id='r' to='juliet@localhost/balcony'>{query()}</iq>")
    assert told(juliet)[0].startswith("iq get romeo@localhost/")


# -- versions (§2.6)


def test_a_client_that_knows_the_roster_is_told_so_with_an_empty_result() -> None:
    romeo = World("romeo").connect("romeo")
    romeo.asks("set", item())
    ver = romeo.asks("get", query(ver=""))[0].get("ver")
    answer = romeo.asks("get", query(ver=ver))
    assert (answer.get("type"), len(answer)) == ("result", 0)


def test_a_client_with_an_earlier_roster_gets_the_changes_behind_the_result() -> None:
    romeo = World("romeo").connect("romeo")
    for name in ("juliet", "nurse"):
        romeo.asks("set", item(jid=f"{name}@localhost"))
    ver = romeo.asks("get", query(ver=""))[0].get("ver")
    romeo.asks("set", item(jid="tybalt@localhost"))
    romeo.asks("set", item("subscription='remove'"))
    romeo.says(f"<iq type='get' id='get'>{query(ver=ver)}</iq>")
    answer, *pushes = romeo.hears()
    assert (answer.get("id"), answer.get("type"), len(answer)) == ("get", "result", 0)
    shown = [(push[0][0].get("jid"), push[0][0].get("subscription")) for push in pushes]
    assert shown == [("tybalt@localhost", "none"), ("juliet@localhost", "remove")]


def test_a_client_cut_off_between_two_changes_gets_the_second_one_next_time() -> None:
    romeo = World("romeo").connect("romeo")
    ver = romeo.asks("get", query(ver=""))[0].get("ver")
    for name in ("juliet", "nurse"):
        romeo.asks("set", item(jid=f"{name}@localhost"))
    romeo.says(f"<iq type='get' id='get'>{query(ver=ver)}</iq>")
    _, first, second = romeo.hears()
    romeo.says(f"<iq type='get' id='again'>{query(ver=first[0].get('ver'))}</iq>")
    _, again = romeo.hears()
    assert etree.tostring(again[0]) == etree.tostring(second[0])


def test_a_client_with_an_unknown_version_gets_the_whole_roster() -> None:
    romeo = World("romeo").connect("romeo")
    romeo.asks("set", item())
    answer = romeo.asks("get", query(ver="what?"))
    assert [node.get("jid") for node in answer[0]] == ["juliet@localhost"]


def test_a_push_carries_the_version_that_it_leads_to() -> None:
    romeo = World("romeo").available("romeo")
    romeo.says(f"<iq type='set' id='set'>{item()}</iq>")
    push, _ = romeo.hears()
    answer = romeo.asks("get", query(ver=push[0].get("ver")))
    assert len(answer) == 0


# -- roster sets (§2.3, §2.4) and pushes (§2.1.6)


def test_a_push_goes_to_interested_resources_and_the_result_to_the_one_that_asked() -> None:
    world = World("romeo")
    interested, other = world.available("romeo", "a"), world.available("romeo", "b")
    available, connected = world.connect("romeo", "c").says("<presence/>"), world.connect("romeo", "d")
    for client in (interested, other, available):
        client.hears()
    connected.says(f"<iq type='set' id='set'>{item()}</iq>")
    assert told(interested) == told(other) == ["push juliet@localhost none"]
    assert told(available) == []
    assert told(connected) == ["iq result romeo@localhost"]


def test_a_push_is_addressed_and_has_one_item() -> None:
    romeo = World("romeo").available("romeo", "orchard")
    romeo.says(f"<iq type='set' id='set'>{item()}</iq>")
    push, result = romeo.hears()
    assert push.get("to") == result.get("to") == "romeo@localhost/orchard"
    assert push.get("from") in (None, "romeo@localhost")
    assert push.get("id")
    assert [node.tag for node in push[0]] == [f"{{{ROSTER}}}item"]
    assert (result.get("id"), len(result)) == ("set", 0)


def test_pushes_have_different_ids() -> None:
    romeo = World("romeo").available("romeo")
    for _ in range(2):
        romeo.says(f"<iq type='set' id='set'>{item()}</iq>")
    assert len({node.get("id") for node in romeo.hears()}) == 3


def test_a_set_that_changes_nothing_is_pushed_too() -> None:
    """§2.4.2"""
    romeo = World("romeo").available("romeo")
    for _ in range(2):
        romeo.says(f"<iq type='set' id='set'>{item()}</iq>")
        assert told(romeo) == ["push juliet@localhost none", "iq result romeo@localhost"]


@pytest.mark.parametrize(
    "answer", ["<iq type='result' id='{}'/>", "<iq type='error' id='{}'><error type='cancel'/></iq>"]
)
@pytest.mark.parametrize("to", ["", "to='romeo@localhost'"])
def test_what_a_client_answers_to_a_push_is_dropped(answer: str, to: str) -> None:
    world = World("romeo")
    romeo, other = world.available("romeo"), world.available("romeo")
    romeo.hears()
    romeo.says(f"<iq type='set' id='set'>{item()}</iq>")
    push = other.hears_one()
    romeo.hears()
    other.says(answer.format(push.get("id")).replace("<iq ", f"<iq {to} "))
    assert romeo.hears() == other.hears() == []


@pytest.mark.parametrize("state", STATES)
def test_a_set_changes_name_and_groups_and_nothing_else(state: str) -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, state)
    romeo, juliet = world.available("romeo"), world.available("juliet")
    romeo.hears()
    romeo.asks("set", item("name='J' subscription='none'", "<group>g</group>"))
    found = world.domain.rosters.load(ROMEO)[JULIET]
    assert (found.state, found.name, found.groups) == (state, "J", ("g",))
    assert told(juliet) == []


def test_a_set_of_somebody_whose_request_waits_lists_them_and_keeps_the_request() -> None:
    world = World("romeo", "juliet")
    subscribes(world.connect("juliet"), "subscribe", "romeo")
    romeo = world.available("romeo")
    romeo.says(f"<iq type='set' id='set'>{item()}</iq>")
    assert told(romeo) == ["push juliet@localhost none", "iq result romeo@localhost"]
    assert told(world.connect("romeo").says("<presence/>")).count("presence subscribe juliet@localhost") == 1


def test_a_set_that_is_refused_changes_nothing_and_is_not_pushed() -> None:
    world = World("romeo")
    romeo, other = world.available("romeo"), world.available("romeo")
    romeo.hears()
    assert failure(romeo.asks("set", query())) == ("modify", "bad-request")
    assert told(other) == []
    assert roster(romeo) == {}


def test_a_roster_has_its_limit() -> None:
    romeo = World("romeo", sets=("limits.roster=2",)).connect("romeo")
    for name in ("a", "b"):
        assert romeo.asks("set", item(jid=f"{name}@localhost")).get("type") == "result"
    assert failure(romeo.asks("set", item(jid="c@localhost"))) == ("wait", "resource-constraint")
    assert romeo.asks("set", item("name='A'", jid="a@localhost")).get("type") == "result"
    romeo.asks("set", item("subscription='remove'", jid="a@localhost"))
    assert romeo.asks("set", item(jid="c@localhost")).get("type") == "result"


def test_strangers_requests_leave_room_for_contacts_and_have_a_limit_too() -> None:
    world = World("romeo", "a", "b", "c", sets=("limits.roster=2",))
    for name in ("a", "b"):
        subscribes(world.connect(name), "subscribe", "romeo")
    last = subscribes(world.available("c"), "subscribe", "romeo")
    assert failure(last.hears()[-1]) == ("wait", "resource-constraint")
    romeo = world.available("romeo")
    assert romeo.asks("set", item()).get("type") == "result"


# -- removal (§2.5)


@pytest.mark.parametrize("state", STATES)
def test_removing_a_contact_ends_what_there_was_between_the_two(state: str) -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, state)
    romeo, juliet = world.available("romeo", "orchard"), world.available("juliet")
    romeo.hears()
    remove = item("subscription='remove'")
    romeo.says(f"<iq type='set' id='set'>{remove}</iq>")
    subscribed, _, pending = state.partition(" + pending ")
    expected = []
    if subscribed in ("to", "both") or "out" in pending:
        expected.append("presence unsubscribe romeo@localhost")
    if subscribed in ("from", "both"):
        expected += ["presence unavailable romeo@localhost/orchard"]
    if subscribed in ("from", "both") or "in" in pending:
        expected.append("presence unsubscribed romeo@localhost")
    assert [heard for heard in told(juliet) if not heard.startswith("push")] == expected
    assert told(romeo)[:2] == ["push juliet@localhost remove", "iq result romeo@localhost"]
    assert states(world) == ("none", "none")
    assert list(roster(romeo)) == []
    assert list(roster(juliet)) == ["romeo@localhost"]


def test_removing_an_approval_ends_it_silently() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "none", approved=True)
    romeo, juliet = world.available("romeo"), world.available("juliet")
    romeo.asks("set", item("subscription='remove'"))
    assert told(juliet) == []
    subscribes(juliet, "subscribe", "romeo")
    assert told(romeo) == ["presence subscribe juliet@localhost"]


@pytest.mark.parametrize("waits", [True, False])
def test_who_is_not_in_the_roster_cannot_be_removed(waits: bool) -> None:
    """§2.5.3"""
    world = World("romeo", "juliet")
    if waits:
        subscribes(world.connect("juliet"), "subscribe", "romeo")
    answer = world.connect("romeo").asks("set", item("subscription='remove'"))
    assert failure(answer) == ("cancel", "item-not-found")
