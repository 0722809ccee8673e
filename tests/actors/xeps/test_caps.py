from lxml import etree

from actors.hooks import Feature, Hooks, describes
from net.xmpp.caps import verification
from net.xmpp.xml import element, parse
from tests.world import Client, World, failure

CAPS = "http://jabber.org/protocol/caps"
INFO = "http://jabber.org/protocol/disco#info"


class Address(Feature):
    """A feature that adds a form to what the domain says of itself."""

    name = "address"

    @describes
    def form(self) -> list[etree._Element]:
        return [
            parse(
                b"<x xmlns='jabber:x:data' type='result'>"
                b"<field var='FORM_TYPE' type='hidden'><value>urn:address</value></field>"
                b"<field var='street'><value>Via Cappello</value></field></x>"
            ),
            element(f"{{{INFO}}}identity", None, category="store", type="house"),
        ]


def offered(world: World) -> etree._Element:
    """The <c/> among the stream features behind the login."""
    client = world.wire().opens()
    client.hears()
    features = client.logs_in("romeo").hears()[-1]
    return features.find(f"{{{CAPS}}}c")


def asked(client: Client, node: str = "") -> etree._Element:
    attribute = f" node='{node}'" if node else ""
    return client.asks("get", f"<query xmlns='{INFO}'{attribute}/>", "localhost")


def test_the_hash_among_the_stream_features_is_that_of_the_disco_answer() -> None:
    world = World("romeo")
    offer = offered(world)
    assert offer.get("hash") == "sha-1"
    assert offer.get("ver") == verification(asked(world.connect("romeo"))[0])


def test_identities_and_forms_of_other_features_are_in_the_hash() -> None:
    world = World("romeo")
    without = offered(world).get("ver")
    world = World("romeo")
    world.domain.hooks = Hooks([*world.domain.hooks.features, Address(world.domain, None)])
    answer = asked(world.connect("romeo"))[0]
    assert answer.find("{jabber:x:data}x") is not None
    assert offered(world).get("ver") == verification(answer) != without


def test_strangers_are_not_offered_the_hash() -> None:
    assert CAPS not in World("romeo").wire().opens().raw


def test_whoever_asks_for_what_is_behind_the_hash_gets_the_disco_answer() -> None:
    world = World("romeo")
    offer, romeo = offered(world), world.connect("romeo")
    node = f"{offer.get('node')}#{offer.get('ver')}"
    answer, whole = asked(romeo, node)[0], asked(romeo)[0]
    assert answer.get("node") == node
    assert [dict(child.attrib) for child in answer] == [dict(child.attrib) for child in whole]


def test_another_hash_is_not_found() -> None:
    world = World("romeo")
    assert failure(asked(world.connect("romeo"), f"{offered(world).get('node')}#AAAA")) == ("cancel", "item-not-found")


def test_capabilities_are_advertised() -> None:
    assert CAPS in [child.get("var") for child in asked(World("romeo").connect("romeo"))[0]]


def test_without_disco_there_are_no_capabilities() -> None:
    assert offered(World("romeo", sets=('xeps.disabled=["disco"]',))) is None
