"""Along with the login (XEP-0388) and with the resource (XEP-0386)."""

from lxml import etree

from net.xmpp.jid import JID
from tests.actors.xeps.stream_management.managing import NAMESPACE, SM, condition, cut, stanzas
from tests.sasl2 import BIND2, SASL2, bind, identity, opened, plain
from tests.world import STREAM, Client, World

BOUND = f"{{{BIND2}}}bound"
RESUMED = f"{NAMESPACE}resumed"
FAILED = f"{NAMESPACE}failed"
LOVER = "<message to='romeo@localhost' type='chat' id='{}'><body>Romeo</body></message>"


def enabled(world: World, user: str = "romeo") -> tuple[Client, str]:
    """A client whose stream is managed from the beginning, and by what it is resumed."""
    client = opened(world)
    success = client.says(plain(user, bind(f"<enable {SM} resume='1'/>"))).hears()[0]
    answer = success.find(f"{BOUND}/{NAMESPACE}enabled")
    assert answer is not None, etree.tostring(success)
    client.jid = client.session.full_jid
    return client, answer.get("id", "")


def resting(world: World) -> tuple[Client, str]:
    """The same, available, and with its connection lost."""
    romeo, id = enabled(world)
    romeo.says("<presence/>").hears()
    cut(romeo)
    return romeo, id


def comes_back(world: World, id: str, h: str = "0", user: str = "romeo") -> list[etree._Element]:
    asked = f"<resume {SM} previd='{id}' h='{h}'/>"
    return opened(world).says(plain(user, asked, bind())).hears()


def test_what_can_be_asked_for_is_offered() -> None:
    features = World().wire().opens().hears_one()
    inline = features.find(f"{{{SASL2}}}authentication/{{{SASL2}}}inline")
    assert inline is not None
    assert inline.find(f"{NAMESPACE}sm") is not None
    offered = [node.get("var") for node in inline.iterfind(f"{{{BIND2}}}bind/{{{BIND2}}}inline/{{{BIND2}}}feature")]
    assert "urn:xmpp:sm:3" in offered


def test_a_stream_is_resumed_in_place_of_a_resource_with_what_was_missed() -> None:
    world = World("romeo", "juliet")
    romeo, id = resting(world)
    world.connect("juliet").says(LOVER.format("missed"))
    success, *rest = comes_back(world, id)
    assert success.find(RESUMED) is not None
    assert success.find(BOUND) is None
    assert identity(success) == romeo.jid
    assert not any(node.tag == f"{{{STREAM}}}features" for node in rest)  # XEP-0198 §6.2
    assert [node.get("id") for node in rest if node.tag == "{jabber:client}message"] == ["missed"]
    assert list(world.router.user(romeo.jid.bare).actor.resources) == [romeo.jid.resource]


def test_who_has_handled_more_than_was_sent_binds_nothing_and_the_stream_is_not_harmed() -> None:
    world = World("romeo", "juliet")
    romeo, id = resting(world)
    client = opened(world)
    client.says(plain("romeo", f"<resume {SM} previd='{id}' h='77'/>", bind(f"<enable {SM} resume='1'/>")))
    assert client.hears_the_end() == "undefined-condition"
    assert [*world.router.user(JID.parse("romeo@localhost")).actor.resources] == [romeo.jid.resource]
    assert comes_back(world, id)[0].find(RESUMED) is not None


def test_the_stream_goes_on_after_that() -> None:
    world = World("romeo", "juliet")
    _, id = resting(world)
    client = opened(world)
    client.says(plain("romeo", f"<resume {SM} previd='{id}' h='1'/>")).hears()
    world.connect("juliet").says(LOVER.format("later"))
    assert stanzas(client) == ["later"]
    assert client.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost").get("type") == "result"


def test_where_there_is_nothing_to_resume_a_resource_is_bound() -> None:
    world = World("romeo", "juliet")
    _, of_juliet = enabled(world, "juliet")
    for id in ("unknown", of_juliet):
        success = comes_back(world, id)[0]
        failed = success.find(FAILED)
        assert failed is not None
        assert condition(failed) == "item-not-found"
        assert success.find(BOUND) is not None


def test_a_request_that_is_none_is_refused_and_a_resource_is_bound() -> None:
    world = World("romeo")
    success = comes_back(world, "some", h="many")[0]
    assert condition(success.find(FAILED)) == "bad-request"
    assert success.find(BOUND) is not None
