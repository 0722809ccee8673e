"""Subscriptions between two users of one server: RFC 6121 §3."""

import pytest
from lxml import etree

from actors.contacts import LARGEST_REQUEST
from actors.roster import RosterItem
from actors.subscription import STATES
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element
from tests.couple import JULIET, ROMEO, lovers, query, relate, roster, states, subscribes, told
from tests.world import Client, World, failure, settle

# -- subscriptions, when both are there (§3.1 to §3.3)


def test_a_request_is_pushed_and_delivered() -> None:
    world = World("romeo", "juliet")
    romeo, juliet = world.available("romeo"), world.available("juliet")
    subscribes(romeo, "subscribe", "juliet")
    assert told(romeo) == ["push juliet@localhost none ask"]
    assert told(juliet) == ["presence subscribe romeo@localhost"]
    assert states(world) == ("none + pending out", "none + pending in")


def test_a_request_goes_to_available_resources() -> None:
    """§3.1.3, rule 3"""
    world = World("romeo", "juliet")
    one, other, connected = world.available("juliet"), world.available("juliet"), world.connect("juliet")
    one.hears()
    subscribes(world.connect("romeo"), "subscribe", "juliet")
    assert told(one) == told(other) == ["presence subscribe romeo@localhost"]
    assert told(connected) == []


@pytest.mark.parametrize("type", ["subscribe", "unsubscribe", "subscribed", "unsubscribed"])
def test_a_subscription_is_between_bare_addresses(type: str) -> None:
    """§3.1.1, §3.1.2"""
    states = {"subscribe": "none", "unsubscribe": "to", "subscribed": "none + pending in", "unsubscribed": "from"}
    _, romeo, juliet = lovers(states[type])
    romeo.says(f"<presence type='{type}' to='juliet@localhost/balcony' id='x'><status>!</status></presence>")
    heard = next(node for node in juliet.hears() if node.get("type") == type)
    assert (heard.get("from"), heard.get("to"), heard.get("id")) == ("romeo@localhost", "juliet@localhost", "x")
    assert heard[0].text == "!"


def test_an_approval_is_told_before_it_is_pushed_and_presence_follows() -> None:
    """§3.1.5, §3.1.6"""
    world, romeo, juliet = lovers("none + pending out")
    second = world.available("juliet", "chamber")
    juliet.hears()
    subscribes(juliet, "subscribed", "romeo")
    assert told(romeo) == [
        "presence subscribed juliet@localhost",
        "push juliet@localhost to",
        "presence juliet@localhost/balcony",
        "presence juliet@localhost/chamber",
    ]
    assert told(juliet) == told(second) == ["push romeo@localhost from"]
    assert states(world) == ("to", "from")


def test_an_answer_goes_to_interested_resources() -> None:
    world, _romeo, juliet = lovers("none + pending out")
    available, interested = world.connect("romeo").says("<presence/>"), world.connect("romeo")
    interested.asks("get", query())
    available.hears()
    subscribes(juliet, "subscribed", "romeo")
    assert told(interested) == ["presence subscribed juliet@localhost", "push juliet@localhost to"]
    assert told(available) == ["presence juliet@localhost/balcony"]


def test_a_denial_is_told_without_any_presence() -> None:
    world, romeo, juliet = lovers("none + pending out")
    subscribes(juliet, "unsubscribed", "romeo")
    assert told(romeo) == ["presence unsubscribed juliet@localhost", "push juliet@localhost none"]
    assert told(juliet) == []
    assert states(world) == ("none", "none")


@pytest.mark.parametrize(("state", "hers", "after"), [("to", "none", "none"), ("both", "to", "from")])
def test_taking_a_subscription_back_ends_it_after_the_last_presence(state: str, hers: str, after: str) -> None:
    """§3.2.2, §3.2.3: she takes back what he has; the unavailable presence comes while he is still subscribed."""
    _, romeo, juliet = lovers(state)
    subscribes(juliet, "unsubscribed", "romeo")
    assert told(juliet) == [f"push romeo@localhost {hers}"]
    assert told(romeo) == [
        "presence unavailable juliet@localhost/balcony",
        "presence unsubscribed juliet@localhost",
        f"push juliet@localhost {after}",
    ]
    juliet.says("<presence><show>away</show></presence>")
    assert told(romeo) == []


@pytest.mark.parametrize(("state", "his", "hers"), [("to", "none", "none"), ("both", "from", "to")])
def test_ending_ones_own_subscription_ends_the_presence(state: str, his: str, hers: str) -> None:
    """§3.3.2, §3.3.3"""
    _, romeo, juliet = lovers(state)
    subscribes(romeo, "unsubscribe", "juliet")
    assert told(romeo) == [f"push juliet@localhost {his}", "presence unavailable juliet@localhost/balcony"]
    assert told(juliet) == ["presence unsubscribe romeo@localhost", f"push romeo@localhost {hers}"]
    juliet.says("<presence><show>away</show></presence>")
    assert told(romeo) == []


def test_taking_a_request_back_is_told() -> None:
    world, romeo, juliet = lovers("none + pending out")
    subscribes(romeo, "unsubscribe", "juliet")
    assert told(romeo) == ["push juliet@localhost none"]
    assert told(juliet) == ["presence unsubscribe romeo@localhost"]
    assert states(world) == ("none", "none")


def test_who_is_subscribed_already_is_answered_by_the_server() -> None:
    """§3.1.3, rule 2"""
    _, romeo, juliet = lovers("to")
    subscribes(romeo, "subscribe", "juliet")
    assert told(juliet) == []
    assert told(romeo) == ["presence juliet@localhost/balcony"]  # the "subscribed" is news to nobody


def test_a_grant_that_was_lost_is_repeated_when_asked_for_again() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "to")
    rosters = world.domain.rosters
    rosters.change(ROMEO, rosters.load(ROMEO), JULIET, RosterItem("none + pending out", listed=True))
    juliet = world.available("juliet", "balcony")
    romeo = world.connect("romeo")
    romeo.asks("get", query())
    romeo.says("<presence/>")  # §3.1.2: the server asks again whenever a resource becomes available
    assert told(romeo)[1:] == [
        "presence subscribed juliet@localhost",
        "push juliet@localhost to",
        "presence juliet@localhost/balcony",
    ]
    assert told(juliet) == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("type", ["unsubscribe", "subscribed", "unsubscribed"])
def test_what_does_not_concern_the_state_is_ignored(type: str, state: str) -> None:
    """§3.1.6, §3.2.3, §3.3.3: a stanza out of turn, as another server might send it."""
    subscribed, _, pending = state.partition(" + pending ")
    concerned = {
        "unsubscribe": subscribed in ("from", "both") or "in" in pending,
        "subscribed": "out" in pending,
        "unsubscribed": subscribed in ("to", "both") or "out" in pending,
    }
    if concerned[type]:
        return
    world, romeo, _ = lovers(state)
    world.router.route(Stanza("presence", type=type, from_=JULIET, to=ROMEO))
    assert told(romeo) == []
    assert world.domain.rosters.load(ROMEO)[JULIET].state == state


@pytest.mark.parametrize("type", ["subscribe", "unsubscribe", "subscribed", "unsubscribed"])
def test_nobody_subscribes_to_themselves(type: str) -> None:
    romeo = World("romeo").available("romeo")
    subscribes(romeo, type, "romeo")
    assert failure(romeo.hears_one()) == ("cancel", "not-allowed")


@pytest.mark.parametrize("type", ["subscribe", "unsubscribe", "subscribed", "unsubscribed"])
def test_a_subscription_to_nobody_in_particular_is_a_bad_request(type: str) -> None:
    romeo = World("romeo").available("romeo")
    romeo.says(f"<presence type='{type}'/>")
    assert failure(romeo.hears_one()) == ("modify", "bad-request")


@pytest.mark.parametrize("type", ["subscribe", "unsubscribe", "subscribed", "unsubscribed"])
def test_a_subscription_to_somebody_who_does_not_exist_is_silently_ignored(type: str) -> None:
    """§8.5.1"""
    romeo = World("romeo").available("romeo")
    subscribes(romeo, type, "nobody")
    assert not [heard for heard in told(romeo) if not heard.startswith("push")]


def test_somebody_at_a_server_that_is_out_of_reach_cannot_be_asked() -> None:
    romeo = World("romeo").available("romeo")
    romeo.says("<presence type='subscribe' to='juliet@far.example'/>")
    assert told(romeo) == ["push juliet@far.example none ask", "presence error juliet@far.example"]


# -- requests to somebody who is not there (§3.1.3, rule 4)

CONTENT = "<status>it is I</status><nick xmlns='http://jabber.org/protocol/nick'>R</nick>"
REQUEST = f"<presence type='subscribe' to='juliet@localhost' id='first' xml:lang='it'>{CONTENT}</presence>"


def requests(client: Client) -> list[etree._Element]:
    return [node for node in client.hears() if node.get("type") == "subscribe"]


def test_a_request_waits_whole_and_comes_at_each_login_until_it_is_answered() -> None:
    world = World("romeo", "juliet")
    world.connect("romeo").says(REQUEST)
    for _ in range(2):
        world.clock.advance(100)
        juliet = world.connect("juliet").says("<presence/>")
        request = requests(juliet)
        assert [node.get("id") for node in request] == ["first"]
        assert (request[0].get("from"), request[0].get("to")) == ("romeo@localhost", "juliet@localhost")
        assert request[0].get("{http://www.w3.org/XML/1998/namespace}lang") == "it"
        assert [node.text for node in request[0]] == ["it is I", "R"]
        juliet.wire.cut()
    juliet = world.connect("juliet").says("<presence/>")
    subscribes(juliet, "subscribed", "romeo").hears()
    assert requests(world.connect("juliet").says("<presence/>")) == []


def test_a_request_is_delivered_to_each_new_resource_once() -> None:
    world = World("romeo", "juliet")
    one = world.connect("juliet").says("<presence/>")
    world.connect("romeo").says(REQUEST)
    other = world.connect("juliet").says("<presence/>").says("<presence><show>away</show></presence>")
    assert len(requests(one)) == len(requests(other)) == 1


def test_of_many_requests_one_is_delivered() -> None:
    world = World("romeo", "juliet")
    romeo = world.connect("romeo").says(REQUEST)
    for n in range(3):
        romeo.says(REQUEST.replace("first", str(n)))
    assert len(requests(world.connect("juliet").says("<presence/>"))) == 1


def test_a_request_that_was_taken_back_is_not_delivered() -> None:
    world = World("romeo", "juliet")
    subscribes(world.connect("romeo").says(REQUEST), "unsubscribe", "juliet")
    assert requests(world.connect("juliet").says("<presence/>")) == []


def test_a_large_request_waits_without_its_content() -> None:
    world = World("romeo", "juliet")
    world.connect("romeo").says(REQUEST.replace("it is I", "I" * LARGEST_REQUEST))
    request = requests(world.connect("juliet").says("<presence/>"))
    assert [(node.get("from"), len(node)) for node in request] == [("romeo@localhost", 0)]


def test_all_requests_that_wait_have_room_in_the_outbox_beside_the_offline_messages() -> None:
    world = World("juliet", sets=("limits.outbox=40_000", "limits.stanza=10_000"))
    for number in range(200):
        romeo = JID.parse(f"romeo{number}@localhost")
        content = element("presence", None, element("status", "I" * 2_000))
        world.router.route(Stanza("presence", type="subscribe", from_=romeo, to=JULIET, content=content))
    settle()
    come = requests(world.connect("juliet").says("<presence/>"))
    assert [len(node) for node in come[:3]] == [1, 1, 0]
    assert 0.9 < sum(len(item.request) for _, item in world.domain.rosters.load(JULIET)) / 10_000 <= 1


def test_answers_reach_somebody_who_was_not_there() -> None:
    world, romeo, juliet = lovers("none + pending out")
    romeo.says("</stream:stream>")
    world.clock.advance(100)
    subscribes(juliet, "subscribed", "romeo")
    romeo = world.connect("romeo").says("<presence/>")
    assert "presence juliet@localhost/balcony" in told(romeo)
    assert states(world) == ("to", "from")


# -- approval in advance (§3.4)


@pytest.mark.parametrize("state", ["none", "none + pending out", "to"])
def test_an_approval_in_advance_is_pushed_and_nobody_hears_of_it(state: str) -> None:
    world, romeo, juliet = lovers(state)
    subscribes(romeo, "subscribed", "juliet")
    ask = " ask" if "out" in state else ""
    assert told(romeo) == [f"push juliet@localhost {state.split(maxsplit=1)[0]}{ask} approved"]
    assert told(juliet) == []
    assert roster(romeo)["juliet@localhost"].get("approved") == "true"
    assert states(world)[0] == state


def test_somebody_who_is_not_in_the_roster_can_be_approved_in_advance() -> None:
    romeo = World("romeo", "juliet").available("romeo")
    subscribes(romeo, "subscribed", "juliet")
    assert told(romeo) == ["push juliet@localhost none approved"]


@pytest.mark.parametrize(
    ("state", "after"), [("none", "from"), ("none + pending out", "from + pending out"), ("to", "both")]
)
@pytest.mark.parametrize("there", [True, False])
def test_a_request_that_was_approved_in_advance_is_granted_at_once(state: str, after: str, there: bool) -> None:
    world, romeo, juliet = lovers(state, approved=True)
    if not there:
        romeo.wire.cut()
        world.clock.advance(100)
        juliet.hears()
    subscribes(juliet, "subscribe", "romeo")
    ask = " ask" if "out" in state else ""
    subscribed = after.split(maxsplit=1)[0]
    assert told(romeo) == ([f"push juliet@localhost {subscribed}{ask} approved"] if there else [])
    heard = told(juliet)
    assert "presence subscribed romeo@localhost" in heard
    assert ("presence romeo@localhost/orchard" in heard) == there
    assert states(world)[0] == after


def test_an_approval_in_advance_can_be_taken_back_and_nobody_hears_of_it() -> None:
    _world, romeo, juliet = lovers("none", approved=True)
    subscribes(romeo, "unsubscribed", "juliet")
    assert told(romeo) == ["push juliet@localhost none"]
    assert told(juliet) == []
    subscribes(juliet, "subscribe", "romeo")
    assert told(romeo) == ["presence subscribe juliet@localhost"]


def test_taking_a_subscription_back_takes_the_approval_back() -> None:
    _, romeo, juliet = lovers("from", approved=True)
    subscribes(romeo, "unsubscribed", "juliet")
    assert told(romeo) == ["push juliet@localhost none"]
    subscribes(juliet, "subscribe", "romeo")
    assert told(romeo) == ["presence subscribe juliet@localhost"]


@pytest.mark.parametrize("state", ["from", "from + pending out", "both"])
def test_granting_what_is_granted_does_nothing(state: str) -> None:
    world, romeo, juliet = lovers(state)
    subscribes(romeo, "subscribed", "juliet")
    assert told(romeo) == told(juliet) == []
    assert states(world)[0] == state
