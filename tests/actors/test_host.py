"""The actor that answers for a domain."""

import pytest

from actors.hooks import Feature, asks
from actors.host import Host
from actors.storage import StorageError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.world import World, failure, settle

PING = "<ping xmlns='urn:xmpp:ping'/>"


@pytest.mark.parametrize("to", ["localhost", "localhost/anything"])
def test_a_request_is_answered_by_whatever_feature_knows_it(to: str) -> None:
    answer = World("romeo").connect("romeo").asks("get", PING, to=to)
    assert (answer.get("type"), answer.get("from")) == ("result", to)


def test_a_request_that_no_feature_knows_comes_back() -> None:
    """RFC 6120 §8.4"""
    answer = World("romeo").connect("romeo").asks("get", "<x xmlns='urn:unheard-of'/>", to="localhost")
    assert failure(answer) == ("cancel", "service-unavailable")


@pytest.mark.parametrize("type", ["normal", "chat", "headline", "groupchat"])
def test_a_message_comes_back(type: str) -> None:
    romeo = World("romeo").available("romeo").says(f"<message to='localhost' type='{type}' id='m'/>")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


@pytest.mark.parametrize(
    "said",
    [
        "<message type='error' to='localhost'/>",
        "<presence to='localhost'/>",
        "<presence to='localhost' type='unavailable'/>",
        "<presence to='localhost' type='unsubscribe'/>",
        "<presence to='localhost' type='probe'/>",
        "<iq type='result' id='r' to='localhost'/>",
        "<iq type='error' id='r' to='localhost'/>",
    ],
)
def test_everything_else_is_dropped(said: str) -> None:
    assert World("romeo").available("romeo").says(said).hears() == []


class Faulty(Feature):
    """Fails as often as it is told to, each time with what it is told."""

    name = "faulty"
    left = 0
    error: Exception = RuntimeError("made to fail")

    @asks("get", "{urn:x-test}fail", of=Host)
    def fail(self, host: Host, iq: Stanza) -> Stanza:
        if self.left:
            self.left -= 1
            raise self.error
        return iq.result()


def faulty(times: int, error: Exception) -> World:
    world = World("romeo")
    feature = Faulty(world.domain, None)
    feature.left, feature.error = times, error
    world.domain.hooks._asks[Host, "get", "{urn:x-test}fail"] = feature.fail, False
    return world


FAIL = "<fail xmlns='urn:x-test'/>"


def test_a_request_that_crashes_the_host_once_is_answered() -> None:
    world = faulty(1, RuntimeError("made to fail"))
    before = world.domain.host
    assert world.connect("romeo").asks("get", FAIL, to="localhost").get("type") == "result"
    assert world.domain.host is not before


def test_a_request_that_crashes_it_twice_comes_back_and_the_others_are_answered_in_their_order() -> None:
    romeo = faulty(2, RuntimeError("made to fail")).connect("romeo")
    payloads = {"1": PING, "2": FAIL, "3": PING, "4": FAIL}
    romeo.says("".join(f"<iq type='get' to='localhost' id='{id}'>{payload}</iq>" for id, payload in payloads.items()))
    answers = {node.get("id"): node for node in romeo.hears()}
    assert {id: answer.get("type") for id, answer in answers.items()} == {
        "1": "result",
        "2": "error",
        "3": "result",
        "4": "result",
    }
    assert failure(answers["2"]) == ("cancel", "internal-server-error")


def test_a_storage_that_fails_crashes_nobody() -> None:
    world = faulty(1, StorageError("made to fail"))
    before = world.domain.host
    answer = world.connect("romeo").asks("get", FAIL, to="localhost")
    assert failure(answer) == ("cancel", "internal-server-error")
    assert world.domain.host is before


def test_a_host_with_too_much_to_do_takes_no_more() -> None:
    world = World("romeo", sets=("limits.mailbox=100",))
    romeo = world.available("romeo")
    to = JID.parse("localhost")
    for n in range(101):
        world.router.route(Stanza("iq", type="get", id=str(n), from_=romeo.jid, to=to, body=PING.encode()))
    settle()
    refused = [node for node in romeo.hears() if node.get("type") == "error"]
    assert [(node.get("id"), failure(node)) for node in refused] == [("100", ("wait", "resource-constraint"))]


def test_an_admin_is_one_with_every_resource() -> None:
    domain = World(sets=('hosts.localhost.admins=["romeo@localhost", "bard@elsewhere.example"]',)).domain
    for jid in ("romeo@localhost", "romeo@localhost/orchard", "bard@elsewhere.example/globe"):
        assert domain.is_admin(JID.parse(jid))
    for jid in ("juliet@localhost", "romeo@elsewhere.example", "localhost", "romeo@localhost.example"):
        assert not domain.is_admin(JID.parse(jid))
