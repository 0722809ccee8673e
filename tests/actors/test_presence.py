"""Presence: RFC 6121 §4, between two users of one server."""

import pytest

from actors.presence import priority
from actors.router import DROWSE
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.couple import JULIET, ROMEO, lovers, relate, subscribes, told
from tests.world import Client, World, failure, settle

SEES = ("to", "to + pending in", "both")
SEEN = ("from", "from + pending out", "both")
STRANGERS = ("none", "none + pending out", "none + pending in", "none + pending out+in")


def leaves(client: Client, how: str) -> None:
    """Every way in which a resource can go away."""
    if how == "says so":
        client.says("<presence type='unavailable'/>")
    elif how == "closes":
        client.says("</stream:stream>")
    elif how == "is cut off":
        client.wire.cut()
    elif how == "breaks the rules":
        client.says("<presence></iq>")
    elif how == "is replaced":
        assert client.jid is not None
        client.world.connect(client.jid.local, client.jid.resource)
    else:
        client.session.actor_inbox.tell(Stanza("message", from_=object()))  # type: ignore[arg-type]
    settle()


LEAVING = ("says so", "closes", "is cut off", "breaks the rules", "is replaced", "crashes")


# -- initial presence (§4.2)


@pytest.mark.parametrize("state", SEEN)
def test_contacts_that_are_subscribed_learn_that_a_resource_is_there(state: str) -> None:
    world, romeo, juliet = lovers(state)
    second = world.connect("romeo", "garden").says("<presence><show>chat</show></presence>")
    assert told(juliet) == ["presence romeo@localhost/garden"]
    assert told(romeo) == ["presence romeo@localhost/garden"]
    assert "presence romeo@localhost/garden" in told(second)  # §4.2.2: the resource itself too


@pytest.mark.parametrize("state", [*STRANGERS, "to", "to + pending in"])
def test_nobody_else_does(state: str) -> None:
    world, _, juliet = lovers(state)
    world.connect("romeo", "garden").says("<presence/>")
    assert told(juliet) == []


@pytest.mark.parametrize("state", SEES)
def test_a_resource_that_comes_learns_which_contacts_are_there(state: str) -> None:
    """§4.3: the server probes for it, and for nobody but it."""
    world, romeo, juliet = lovers(state)
    world.connect("juliet", "chamber").says("<presence/>")
    romeo.hears()
    juliet.hears()
    second = world.connect("romeo", "garden").says("<presence/>")
    assert {"presence juliet@localhost/balcony", "presence juliet@localhost/chamber"} <= set(told(second))
    assert told(romeo) == ["presence romeo@localhost/garden"]
    assert [heard for heard in told(juliet) if "probe" in heard] == []


@pytest.mark.parametrize("state", [*STRANGERS, "from", "from + pending out"])
def test_and_learns_nothing_of_others(state: str) -> None:
    world, _, _ = lovers(state)
    second = world.connect("romeo", "garden").says("<presence/>")
    assert not [heard for heard in told(second) if heard.startswith("presence juliet")]


def test_a_resource_that_comes_learns_which_other_resources_of_its_user_are_there() -> None:
    world = World("romeo")
    world.connect("romeo", "a").says("<presence><show>away</show></presence>")
    world.connect("romeo", "b")
    last = world.connect("romeo", "c").says("<presence/>")
    assert told(last) == ["presence romeo@localhost/c", "presence romeo@localhost/a"]


def test_a_contact_without_an_available_resource_is_told_to_be_unavailable() -> None:
    """§4.3.2, rule 3"""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "to")
    world.connect("juliet")
    assert "presence unavailable juliet@localhost" in told(world.connect("romeo").says("<presence/>"))


def test_coming_and_going_wakes_nobody_who_is_not_there() -> None:
    """§4.3.2, rule 3: not mandatory, for it can greatly increase the number of notifications."""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "both")
    romeo = world.connect("romeo", "orchard").says("<presence/>")
    assert told(romeo) == ["presence romeo@localhost/orchard"]
    romeo.says("<presence type='unavailable'/>").says("<presence to='juliet@localhost/balcony'/>")
    assert world.router.awake == 1


def test_coming_and_going_is_nothing_to_a_contact_in_memory_who_has_no_resource() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "both")
    world.connect("juliet").says("</stream:stream>")
    world.clock.advance(DROWSE)
    romeo = world.connect("romeo", "orchard").says("<presence/>").says("<presence type='unavailable'/>")
    assert "presence romeo@localhost/orchard" in told(romeo)
    world.clock.advance(DROWSE)
    assert world.router.awake == 1  # a word to her would have kept her awake


def test_a_contact_whose_resource_is_back_sees_who_comes() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "both")
    world.connect("juliet").says("</stream:stream>")
    juliet = world.available("juliet", "balcony")
    world.connect("romeo", "orchard").says("<presence/>")
    assert "presence romeo@localhost/orchard" in told(juliet)


def test_coming_costs_each_contact_two_stanzas_however_many_there_are() -> None:
    contacts = [f"contact{n}" for n in range(30)]
    world = World("romeo", *contacts)
    for contact in contacts:
        relate(world, ROMEO, JID.parse(f"{contact}@localhost"), "both")
    for contact in contacts:
        world.available(contact)
    arrived: list[tuple[JID, str]] = []

    def note(user: User, stanza: Stanza) -> Stanza:
        arrived.append((user.jid, stanza.type))
        return stanza

    hooks = world.domain.hooks
    hooks.inbound["presence"] += ((None, note),)
    world.connect("romeo").says("<presence/>")
    expected = [(f"{contact}@localhost", type) for contact in contacts for type in ("", "probe")]
    assert sorted(arrived) == sorted(expected + [(ROMEO, "")] * len(contacts))


def test_presence_arrives_as_it_was_sent() -> None:
    _, romeo, juliet = lovers("both")
    inside = (
        "<show>dnd</show><status>!</status><priority>3</priority><c xmlns='http://jabber.org/protocol/caps' ver='1'/>"
    )
    romeo.says(f"<presence id='p' xml:lang='it'>{inside}</presence>")
    heard = juliet.hears_one()
    assert (heard.get("id"), heard.get("to"), len(heard)) == ("p", JULIET, 4)
    assert heard.get("{http://www.w3.org/XML/1998/namespace}lang") == "it"


# -- later presence (§4.4)


def test_a_change_is_broadcast_without_asking_anybody_anything() -> None:
    _, romeo, juliet = lovers("both")
    romeo.says("<presence><show>away</show></presence>")
    assert told(juliet) == told(romeo) == ["presence romeo@localhost/orchard"]


def answers_with_an_error(client: Client, to: str = "romeo@localhost/orchard") -> None:
    client.says(f"<presence type='error' to='{to}'><error type='cancel'/></presence>")


@pytest.mark.parametrize("how", LEAVING)
def test_who_answers_presence_with_an_error_hears_no_more_of_it(how: str) -> None:
    """§4.4.2, §4.5.2"""
    world, romeo, juliet = lovers("both")
    garden = world.available("romeo", "garden")
    juliet.hears()
    answers_with_an_error(juliet)
    romeo.says("<presence><show>away</show></presence>")
    leaves(romeo, how)
    assert told(juliet) == []
    garden.says("<presence><show>away</show></presence>")
    assert told(juliet) == ["presence romeo@localhost/garden"]


@pytest.mark.parametrize("to", ["romeo@localhost", "romeo@localhost/orchard"])
@pytest.mark.parametrize("type", ["", "type='unavailable'", "type='probe'"])
def test_with_another_presence_of_theirs_they_hear_of_changes_again(to: str, type: str) -> None:
    _, romeo, juliet = lovers("both")
    answers_with_an_error(juliet, to)
    juliet.says(f"<presence {type} to='romeo@localhost'/><presence/>")
    juliet.hears()
    romeo.says("<presence><show>away</show></presence>")
    assert told(juliet) == ["presence romeo@localhost/orchard"]


def test_a_new_presence_session_begins_without_the_errors_of_the_last() -> None:
    _, romeo, juliet = lovers("both")
    answers_with_an_error(juliet)
    romeo.says("<presence type='unavailable'/><presence/>")
    assert "presence romeo@localhost/orchard" in told(juliet)


def test_a_probe_is_answered_with_the_last_presence_that_was_broadcast() -> None:
    world, _, juliet = lovers("both")
    juliet.says("<presence><show>away</show></presence><presence to='nurse@localhost'><show>chat</show></presence>")
    second = world.connect("romeo").says("<presence/>")
    heard = next(node for node in second.hears() if node.get("from") == juliet.jid)
    assert heard.findtext("{jabber:client}show") == "away"


# -- unavailable presence (§4.5)


@pytest.mark.parametrize("how", LEAVING)
def test_a_resource_that_goes_is_gone_for_everybody_who_saw_it(how: str) -> None:
    world, romeo, juliet = lovers("both")
    second = world.available("romeo", "garden")
    romeo.hears(), juliet.hears()
    leaves(second, how)
    assert told(juliet) == told(romeo) == ["presence unavailable romeo@localhost/garden"]
    assert ("presence unavailable romeo@localhost/garden" in told(second)) == (how == "says so")
    assert told(world.connect("juliet").says("<presence/>")).count("presence romeo@localhost/garden") == 0


def test_what_a_resource_says_as_it_goes_arrives() -> None:
    _, romeo, juliet = lovers("both")
    romeo.says("<presence type='unavailable'><status>parting</status></presence>")
    assert juliet.hears_one().findtext("{jabber:client}status") == "parting"


@pytest.mark.parametrize("how", LEAVING)
def test_a_resource_that_was_never_there_goes_unnoticed(how: str) -> None:
    world, romeo, juliet = lovers("both")
    leaves(world.connect("romeo", "garden"), how)
    assert told(juliet) == told(romeo) == []


def test_going_twice_is_going_once() -> None:
    _, romeo, juliet = lovers("both")
    romeo.says("<presence type='unavailable'/>").says("<presence type='unavailable'/>").says("</stream:stream>")
    assert told(juliet) == ["presence unavailable romeo@localhost/orchard"]


def test_a_resource_that_is_not_there_hears_of_nobody() -> None:
    _, romeo, juliet = lovers("both")
    romeo.says("<presence type='unavailable'/>").hears()
    juliet.says("<presence><show>away</show></presence>")
    assert told(romeo) == []


def test_a_resource_that_comes_back_learns_everything_again() -> None:
    _, romeo, _ = lovers("both")
    romeo.says("<presence type='unavailable'/>").hears()
    romeo.says("<presence/>")
    assert told(romeo) == ["presence romeo@localhost/orchard", "presence juliet@localhost/balcony"]


# -- directed presence (§4.6)


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/balcony"])
@pytest.mark.parametrize("there", [True, False])
def test_who_was_shown_a_presence_is_told_when_it_ends(how: str, to: str, there: bool) -> None:
    """§4.6.3, rules 2 and 3"""
    world = World("romeo", "juliet")
    juliet = world.available("juliet", "balcony")
    romeo = world.connect("romeo", "orchard").says("<presence/>" if there else "")
    romeo.says(f"<presence to='{to}'><show>chat</show></presence>")
    assert told(juliet) == ["presence romeo@localhost/orchard"]
    leaves(romeo, how)
    assert told(juliet) == ["presence unavailable romeo@localhost/orchard"]


def test_a_subscriber_who_was_shown_a_presence_is_told_once_when_it_ends() -> None:
    _, romeo, juliet = lovers("from")
    romeo.says("<presence to='juliet@localhost'/>").says("</stream:stream>")
    assert told(juliet) == ["presence romeo@localhost/orchard", "presence unavailable romeo@localhost/orchard"]


def test_a_subscriber_who_was_shown_a_presence_before_the_first_broadcast_is_told_when_it_ends() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "from")
    juliet = world.available("juliet")
    world.connect("romeo", "orchard").says("<presence to='juliet@localhost'/>").says("</stream:stream>")
    assert told(juliet) == ["presence romeo@localhost/orchard", "presence unavailable romeo@localhost/orchard"]


def test_a_presence_that_was_taken_back_is_not_taken_back_again() -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    romeo = world.connect("romeo").says("<presence to='juliet@localhost'/>")
    romeo.says("<presence to='juliet@localhost' type='unavailable'/>").says("</stream:stream>")
    assert len(told(juliet)) == 2


def test_a_presence_that_was_shown_is_not_kept_up_to_date() -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    romeo = world.connect("romeo").says("<presence to='juliet@localhost'/>")
    juliet.hears()
    romeo.says("<presence/>").says("<presence><show>away</show></presence>")
    assert told(juliet) == []


def test_the_users_own_resources_can_be_shown_a_presence() -> None:
    world = World("romeo")
    other = world.available("romeo", "garden")
    romeo = world.connect("romeo", "orchard").says("<presence to='romeo@localhost/garden'/>").says("</stream:stream>")
    assert told(other) == [f"presence {romeo.jid}", f"presence unavailable {romeo.jid}"]


def test_a_shown_presence_does_not_make_a_resource_available() -> None:
    world, _, juliet = lovers("to")
    second = world.connect("romeo").says("<presence to='juliet@localhost'/>")
    juliet.says("<message to='romeo@localhost' type='headline'/>")
    assert told(second) == []


def test_one_resource_shows_itself_to_so_many_and_no_more() -> None:
    romeo = World("romeo", sets=("limits.roster=2",)).connect("romeo")
    romeo.says("".join(f"<presence to='{n}@localhost'/>" for n in (1, 2, 1, 3)))
    assert failure(romeo.hears_one()) == ("wait", "resource-constraint")


# -- what others send (§8.5.2, §8.5.3)


@pytest.mark.parametrize("type", ["", "type='unavailable'"])
def test_presence_to_the_bare_jid_goes_to_available_resources(type: str) -> None:
    world = World("romeo", "juliet")
    one, other = (
        world.available("juliet"),
        world.available("juliet", presence="<presence><priority>-1</priority></presence>"),
    )
    connected = world.connect("juliet")
    one.hears()
    world.connect("romeo").says(f"<presence to='juliet@localhost' {type}/>")
    assert len(told(one)) == len(told(other)) == 1
    assert told(connected) == []


@pytest.mark.parametrize("type", ["", "type='unavailable'"])
def test_presence_to_a_full_jid_goes_to_that_resource_or_nowhere(type: str) -> None:
    world = World("romeo", "juliet")
    juliet, other = world.connect("juliet", "balcony"), world.available("juliet")
    romeo = world.connect("romeo").says(f"<presence to='juliet@localhost/balcony' {type}/>")
    assert len(told(juliet)) == 1
    romeo.says(f"<presence to='juliet@localhost/gone' {type}/>")
    assert told(romeo) == told(juliet) == told(other) == []


@pytest.mark.parametrize("to", ["nobody@localhost", "nobody@localhost/x", "localhost", "localhost/x"])
@pytest.mark.parametrize("type", ["", "type='unavailable'"])
def test_presence_to_where_nobody_is_gets_no_answer(to: str, type: str) -> None:
    romeo = World("romeo").connect("romeo").says(f"<presence to='{to}' {type}/>")
    assert told(romeo) == []


def test_an_error_is_delivered() -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    world.connect("romeo", "r").says(f"<presence type='error' to='juliet@localhost'>{error}</presence>")
    assert told(juliet) == ["presence error romeo@localhost/r"]


@pytest.mark.parametrize("type", ["invisible", "available", "probe"])
def test_a_type_that_means_nothing_without_an_address_is_a_bad_request(type: str) -> None:
    romeo = World("romeo").available("romeo").says(f"<presence type='{type}'/>")
    assert failure(romeo.hears_one()) == ("modify", "bad-request")


# -- probes (§4.3.2)


def probe(world: World, to: str) -> list[str]:
    client = world.connect("romeo").says(f"<presence type='probe' to='{to}'/>")
    return told(client)


def test_a_subscriber_may_probe_all_resources_or_one() -> None:
    world, _, _ = lovers("to")
    world.available("juliet", "chamber")
    world.connect("juliet", "silent")
    both = ["presence juliet@localhost/balcony", "presence juliet@localhost/chamber"]
    assert probe(world, "juliet@localhost") == both
    assert probe(world, "juliet@localhost/chamber") == both[1:]
    assert probe(world, "juliet@localhost/silent") == ["presence unavailable juliet@localhost/silent"]
    assert probe(world, "juliet@localhost/gone") == ["presence unavailable juliet@localhost/gone"]


@pytest.mark.parametrize(
    "to", ["juliet@localhost", "juliet@localhost/balcony", "nobody@localhost", "nobody@localhost/x"]
)
def test_a_stranger_learns_nothing_not_even_whether_there_is_somebody(to: str) -> None:
    world, romeo, _ = lovers("none")
    assert probe(world, to) == told(romeo) == []


def test_a_subscription_that_the_other_side_knows_nothing_of_ends_with_the_next_probe() -> None:
    """§4.3.2, rule 1"""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "to")
    rosters = world.domain.rosters
    rosters.change(JULIET, rosters.load(JULIET), ROMEO, rosters.load(ROMEO)[ROMEO])
    world.connect("juliet")
    romeo = world.connect("romeo")
    romeo.asks("get", "<query xmlns='jabber:iq:roster'/>")
    romeo.says("<presence/>")
    assert told(romeo)[1:] == ["presence unsubscribed juliet@localhost", "push juliet@localhost none"]


def test_a_probe_does_not_end_a_request_that_waits() -> None:
    world, romeo, juliet = lovers("none + pending out")
    assert probe(world, "juliet@localhost") == []
    subscribes(juliet, "subscribed", "romeo")
    assert "push juliet@localhost to" in told(romeo)


def test_ones_own_account_can_be_probed() -> None:
    world = World("romeo")
    world.available("romeo", "orchard")
    assert probe(world, "romeo@localhost") == ["presence romeo@localhost/orchard"]


# -- priorities (§4.7.2.3)


def read(inside: str) -> int:
    return priority(Stanza("presence", body=inside.encode()))


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-128", -128), ("127", 127), ("+5", 5), (" 5\n", 5), ("-0", 0), ("005", 5)]
)
def test_a_priority_is_an_integer(text: str, value: int) -> None:
    assert read(f"<show>away</show><priority>{text}</priority>") == value


@pytest.mark.parametrize(
    "inside", ["", "<show>away</show>", "<priority xmlns='urn:x'>9</priority>", "<x><priority>9</priority></x>"]
)
def test_without_a_priority_it_is_0(inside: str) -> None:
    assert read(inside) == 0


@pytest.mark.parametrize(
    "text", ["", "x", "128", "-129", "1.0", "--1", "+-1", "-", "1 1", "٣", "²", "9" * 5000, "1<x/>.2"]
)
def test_anything_else_is_no_priority(text: str) -> None:
    with pytest.raises(StanzaError) as refused:
        read(f"<priority>{text}</priority>")
    assert refused.value.condition == "bad-request"


def test_two_priorities_are_none() -> None:
    with pytest.raises(StanzaError):
        read("<priority>1</priority><priority>1</priority>")


def test_a_presence_without_a_proper_priority_is_not_broadcast() -> None:
    _, romeo, juliet = lovers("both")
    romeo.says("<presence><priority>high</priority></presence>")
    assert failure(romeo.hears_one()) == ("modify", "bad-request")
    assert told(juliet) == []


def test_a_negative_priority_keeps_messages_to_the_bare_jid_away() -> None:
    _, romeo, juliet = lovers("both")
    juliet.says("<presence><priority>-1</priority></presence>")
    romeo.says("<message to='juliet@localhost' type='headline'/><message to='juliet@localhost/balcony'/>")
    assert len([heard for heard in told(juliet) if heard.startswith("message")]) == 1
    juliet.says("<presence/>").hears()
    romeo.says("<message to='juliet@localhost' type='headline'/>")
    assert len(told(juliet)) == 1
