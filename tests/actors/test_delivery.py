"""Who gets what: RFC 6121 §8.5, over the whole server. Nothing stores messages for later here."""

import pytest

from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.couple import JULIET, ROMEO, relate
from tests.world import Client, World, failure

TYPES = ("normal", "chat", "groupchat", "headline", "error")

# What there is of the recipient: the priority of each resource in its order, "x" where it is not available.
# Then where to: "bare", a resource by its place, or "gone", a resource that there is not.
# Then for each of the types what happens: which resources get it, E for an error, - for nothing at all.
#
# §8.5.1 no account; §8.5.2 the bare JID: with a resource that takes messages, without one; §8.5.3 a full JID.
RULES = """
    resources   to      normal  chat    groupchat  headline  error
    none        bare    E       E       E          E         -
    none        gone    E       E       E          E         -
    .           bare    E       E       E          -         -
    .           gone    E       E       E          -         -
    x           bare    E       E       E          -         -
    x           0       0       0       0          0         0
    x           gone    E       E       E          -         -
    -1          bare    E       E       E          -         -
    -1          0       0       0       0          0         0
    -1          gone    E       E       E          -         -
    0           bare    0       0       E          0         -
    0           0       0       0       0          0         0
    0           gone    E       0       E          -         -
    x,-1,0      bare    2       2       E          2         -
    x,-1,0      0       0       0       0          0         0
    x,-1,0      1       1       1       1          1         1
    x,-1,0      2       2       2       2          2         2
    x,-1,0      gone    E       2       E          -         -
    -5,0,9      bare    1,2     1,2     E          1,2       -
    -5,0,9      1       1       1       1          1         1
    -5,0,9      gone    E       1,2     E          -         -
    3,3         bare    0,1     0,1     E          0,1       -
    3,3         gone    E       0,1     E          -         -
"""


def cases() -> list[tuple[str, str, str, str]]:
    found = []
    for line in RULES.strip().splitlines()[1:]:
        resources, to, *outcomes = line.split()
        found += [(resources, to, type, outcome) for type, outcome in zip(TYPES, outcomes, strict=True)]
    return found


def clients(world: World, priorities: str) -> list[Client]:
    found = []
    for number, priority in enumerate(priorities.split(",") if priorities not in ("none", ".") else []):
        client = world.connect("juliet", f"r{number}")
        if priority != "x":
            client.says(f"<presence><priority>{priority}</priority></presence>")
        found.append(client)
    for client in found:
        client.hears()
    return found


@pytest.mark.parametrize(("resources", "to", "type", "outcome"), cases())
def test_who_gets_a_message(resources: str, to: str, type: str, outcome: str) -> None:
    world = World("romeo", "juliet", sets=('xeps.disabled=["offline"]',))
    recipients = clients(world, resources)
    romeo = world.connect("romeo")
    address = "nobody@localhost" if resources == "none" else "juliet@localhost"
    address += {"bare": "", "gone": "/gone"}.get(to, f"/r{to}")
    romeo.says(f"<message to='{address}' type='{type}' id='m'><body>hi</body></message>")

    got = {str(number) for number, client in enumerate(recipients) if client.hears()}
    answers = romeo.hears()
    assert got == (set() if outcome in "E-" else set(outcome.split(",")))
    if outcome == "E":
        assert [answer.get("id") for answer in answers] == ["m"]
        assert failure(answers[0]) == ("cancel", "service-unavailable")
        assert (answers[0].get("from"), answers[0].get("to")) == (address, romeo.jid)
    else:
        assert answers == []


@pytest.mark.parametrize("type", ["", "type='chat'"])
def test_a_message_is_delivered_as_it_was_sent(type: str) -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    body = "<body>a &lt; b</body><x xmlns='urn:x' y='z'>t<w/></x>"
    world.connect("romeo", "r").says(f"<message to='juliet@localhost' {type} id='m' xml:lang='it'>{body}</message>")
    raw = juliet.raw
    assert "<body>a &lt; b</body>" in raw
    assert '<x xmlns="urn:x" y="z">t<w/></x><' in raw
    assert 'to="juliet@localhost" from="romeo@localhost/r" id="m"' in raw
    assert 'xml:lang="it"' in raw


def test_a_message_without_a_type_is_a_normal_one() -> None:
    """§5.2.2"""
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    world.connect("romeo").says("<message to='juliet@localhost'/><message to='juliet@localhost' type='strange'/>")
    assert [node.get("type") for node in juliet.hears()] == [None, "strange"]


def test_messages_arrive_in_the_order_in_which_they_were_sent() -> None:
    """RFC 6120 §10.1"""
    world = World("romeo", "juliet")
    juliet = world.available("juliet", "balcony")
    to = ("juliet@localhost", "juliet@localhost/balcony")
    world.connect("romeo").says("".join(f"<message to='{to[n % 2]}' id='{n}'/>" for n in range(300)))
    assert [node.get("id") for node in juliet.hears()] == [str(n) for n in range(300)]


# -- requests

ASKED = "<iq type='{}' to='{}' id='q'><query xmlns='urn:unheard-of'/></iq>"


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/gone", "nobody@localhost", "nobody@localhost/x"])
def test_a_request_that_nobody_can_answer_comes_back(type: str, to: str) -> None:
    """§8.5.1, §8.5.2.1.3, §8.5.3.2.3"""
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    romeo = world.connect("romeo").says(ASKED.format(type, to))
    answer = romeo.hears_one()
    assert failure(answer) == ("cancel", "service-unavailable")
    assert (answer.get("id"), answer.get("from")) == ("q", to)
    assert juliet.hears() == []


@pytest.mark.parametrize("presence", ["", "<presence/>", "<presence><priority>-1</priority></presence>"])
def test_a_request_to_a_connected_resource_is_its_own_to_answer(presence: str) -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "to")
    juliet = world.connect("juliet", "balcony").says(presence)
    juliet.hears()
    romeo = world.connect("romeo", "orchard").says(ASKED.format("get", "juliet@localhost/balcony"))
    assert juliet.hears_one().get("from") == romeo.jid
    juliet.says("<iq type='result' to='romeo@localhost/orchard' id='q'/>")
    assert romeo.hears_one().get("from") == juliet.jid


def asks_balcony(client: Client, type: str = "get") -> Client:
    return client.says(ASKED.format(type, "juliet@localhost/balcony"))


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("state", ["none", "from", "none + pending out"])
def test_a_request_of_one_who_may_not_see_the_presence_comes_back_as_if_nobody_were_there(
    state: str, type: str
) -> None:
    """§8.5.3.1: nobody finds out who is there by asking"""
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, state)
    romeo, juliet = world.connect("romeo"), world.connect("juliet", "balcony")
    there = asks_balcony(romeo, type).raw
    assert juliet.hears() == []
    juliet.says("</stream:stream>")
    assert there == asks_balcony(romeo, type).raw != ""


@pytest.mark.parametrize("to", ["romeo@localhost", "romeo@localhost/orchard", "romeo@localhost/garden"])
def test_whom_a_resource_has_shown_itself_to_may_ask_it_something(to: str) -> None:
    world = World("romeo", "juliet")
    romeo, juliet = world.connect("romeo", "orchard"), world.connect("juliet", "balcony")
    other = world.connect("juliet", "chamber")
    juliet.says(f"<presence to='{to}'/>")
    asks_balcony(romeo)
    assert juliet.hears_one().get("type") == "get"
    romeo.says(ASKED.format("get", "juliet@localhost/chamber"))
    assert other.hears() == []
    juliet.says(f"<presence type='unavailable' to='{to}'/>")
    asks_balcony(romeo)
    assert juliet.hears() == []


def test_the_own_account_and_the_server_may_ask_a_resource_something() -> None:
    world = World("juliet")
    juliet = world.connect("juliet", "balcony")
    asks_balcony(world.connect("juliet", "chamber"))
    assert juliet.hears_one().get("from") == "juliet@localhost/chamber"
    world.router.route(
        Stanza("iq", type="get", id="s", from_=JID.parse("localhost"), to=juliet.jid, body=b"<query xmlns='urn:x'/>")
    )
    assert juliet.hears_one().get("from") == "localhost"


def test_an_answer_reaches_a_resource_whoever_it_is_from() -> None:
    world = World("romeo", "juliet")
    romeo, juliet = world.connect("romeo"), world.connect("juliet", "balcony")
    romeo.says("<iq type='result' to='juliet@localhost/balcony' id='q'/>")
    assert juliet.hears_one().get("type") == "result"


@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/gone", "nobody@localhost", "localhost"])
@pytest.mark.parametrize(
    "answer",
    ["<iq type='result' {}/>", "<iq type='error' {}><error type='cancel'/></iq>", "<presence type='error' {}/>"],
)
def test_an_answer_that_nobody_waits_for_is_dropped(to: str, answer: str) -> None:
    world = World("romeo", "juliet")
    juliet = world.connect("juliet")
    romeo = world.connect("romeo").says(answer.format(f"to='{to}' id='q'"))
    assert romeo.hears() == juliet.hears() == []
