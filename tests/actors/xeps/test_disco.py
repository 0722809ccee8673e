import pytest
from lxml import etree

from actors.hooks import Feature, Hooks, describes, describes_account, describes_node, lists
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.xml import element
from tests.world import Client, World, failure

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
IDENTITY = f"{{{INFO}}}identity"


class Library(Feature):
    """A feature with something at every moment of discovery."""

    name = "library"
    advertises = ("urn:library", INFO)
    advertises_for_accounts = ("urn:reader",)

    @describes
    def of_domain(self) -> list[etree._Element]:
        return [
            element("{jabber:x:data}x", None, type="result"),
            element(IDENTITY, None, category="store", type="library"),
        ]

    @describes_account
    def of_account(self, user: object) -> list[etree._Element]:
        return [element(IDENTITY, None, category="store", type="shelf")]

    @describes_node
    def of_node(self, actor: object, node: str, asker: JID) -> list[etree._Element] | None:
        if node == "locked":
            raise StanzaError("not-allowed")
        return [element(f"{{{INFO}}}feature", var=str(asker.local))] if node == "books" else None

    @lists
    def below(self, actor: object, node: str, asker: JID) -> list[etree._Element] | None:
        there = {"": ["books"], "books": ["music", "drama"], "empty": []}.get(node)
        if there is None:
            return None
        return [element(f"{{{ITEMS}}}item", jid="localhost", node=inner) for inner in there]


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet", "nurse")


@pytest.fixture
def library(world: World) -> World:
    world.domain.hooks = Hooks([*world.domain.hooks.features, Library(world.domain, None)])
    return world


def discover(client: Client, namespace: str, to: str = "", node: str | None = None) -> etree._Element:
    """The <query/> of a successful answer."""
    attribute = "" if node is None else f" node='{node}'"
    answer = client.asks("get", f"<query xmlns='{namespace}'{attribute}/>", to)
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].tag == f"{{{namespace}}}query"
    assert answer[0].get("node") == node
    return answer[0]


def identities(query: etree._Element) -> list[str]:
    return [f"{node.get('category')}/{node.get('type')}" for node in query.iterfind(IDENTITY)]


def features(query: etree._Element) -> list[str | None]:
    return [node.get("var") for node in query.iterfind(f"{{{INFO}}}feature")]


def refusal(client: Client, namespace: str, to: str, node: str = "") -> tuple[str | None, str]:
    attribute = f" node='{node}'" if node else ""
    return failure(client.asks("get", f"<query xmlns='{namespace}'{attribute}/>", to))


def test_a_domain_is_a_server_with_the_features_that_are_on(world: World) -> None:
    query = discover(world.connect("romeo"), INFO, "localhost")
    assert identities(query) == ["server/im"]
    declared = {"jabber:iq:roster", INFO, ITEMS, "msgoffline", "urn:xmpp:ping", "urn:xmpp:time", "vcard-temp"}
    assert declared <= set(features(query))
    assert features(query) == sorted(set(features(query)))


def test_a_feature_that_is_off_is_not_advertised() -> None:
    world = World("romeo", sets=('xeps.disabled=["ping"]',))
    assert "urn:xmpp:ping" not in features(discover(world.connect("romeo"), INFO, "localhost"))


def test_an_account_is_a_registered_one(world: World) -> None:
    query = discover(world.connect("romeo"), INFO, "romeo@localhost")
    assert identities(query) == ["account/registered"]
    assert {INFO, ITEMS, "vcard-temp"} <= set(features(query))


def test_without_an_address_the_own_account_is_asked(world: World) -> None:
    assert identities(discover(world.connect("romeo"), INFO)) == ["account/registered"]


def test_a_domain_without_anything_below_it_lists_nothing(world: World) -> None:
    assert len(discover(world.connect("romeo"), ITEMS, "localhost")) == 0


def test_an_account_lists_its_available_resources(world: World) -> None:
    romeo = world.available("romeo", "orchard")
    world.connect("romeo", "tomb")
    world.available("romeo", "street", "<presence><priority>-1</priority></presence>")
    listed = discover(romeo, ITEMS)
    assert [item.get("jid") for item in listed] == ["romeo@localhost/orchard", "romeo@localhost/street"]


def test_contacts_with_a_subscription_see_account_and_resources(world: World) -> None:
    world.befriend("romeo", "juliet")
    world.available("juliet", "balcony")
    romeo = world.connect("romeo")
    assert identities(discover(romeo, INFO, "juliet@localhost")) == ["account/registered"]
    assert [item.get("jid") for item in discover(romeo, ITEMS, "juliet@localhost")] == ["juliet@localhost/balcony"]


@pytest.mark.parametrize("namespace", [INFO, ITEMS])
@pytest.mark.parametrize("node", ["", "books", "nonsense"])
def test_strangers_cannot_tell_an_account_from_none(library: World, namespace: str, node: str) -> None:
    library.available("juliet")
    nurse = library.connect("nurse")
    answers = []
    for name in ("juliet", "nobody"):
        answer = nurse.asks("get", f"<query xmlns='{namespace}' node='{node}'/>", f"{name}@localhost")
        answers.append(etree.tostring(answer).decode().replace(name, "X"))
    assert answers[0] == answers[1]
    assert "service-unavailable" in answers[0]


def test_a_subscription_to_the_account_alone_does_not_help_its_owner(world: World) -> None:
    """The subscription that counts is the asker's to the account (§8), not the other way round."""
    juliet, nurse = world.available("juliet"), world.available("nurse")
    nurse.says("<presence type='subscribe' to='juliet@localhost'/>")
    juliet.says("<presence type='subscribed' to='nurse@localhost'/>").hears()
    nurse.hears()
    assert identities(discover(nurse, INFO, "juliet@localhost")) == ["account/registered"]
    assert refusal(juliet, INFO, "nurse@localhost") == ("cancel", "service-unavailable")
    assert refusal(juliet, ITEMS, "nurse@localhost") == ("cancel", "service-unavailable")


@pytest.mark.parametrize("to", ["localhost", "romeo@localhost"])
@pytest.mark.parametrize("namespace", [INFO, ITEMS])
def test_a_node_that_nobody_knows_is_not_found(library: World, namespace: str, to: str) -> None:
    assert refusal(library.connect("romeo"), namespace, to, "nonsense") == ("cancel", "item-not-found")


def test_a_query_in_a_set_is_refused(world: World) -> None:
    answer = world.connect("romeo").asks("set", f"<query xmlns='{INFO}'/>", "localhost")
    assert failure(answer) == ("cancel", "service-unavailable")


def test_identities_come_before_features_and_forms_after_them(library: World) -> None:
    query = discover(library.connect("romeo"), INFO, "localhost")
    assert identities(query) == ["server/im", "store/library"]
    kinds = [etree.QName(child).localname for child in query]
    assert kinds == ["identity"] * 2 + ["feature"] * (len(query) - 3) + ["x"]
    assert "urn:library" in features(query)
    assert features(query).count(INFO) == 1


def test_features_describe_accounts(library: World) -> None:
    query = discover(library.connect("romeo"), INFO)
    assert identities(query) == ["account/registered", "store/shelf"]
    assert "urn:reader" in features(query)


def test_a_node_is_described_by_the_feature_that_knows_it(library: World) -> None:
    assert features(discover(library.connect("romeo"), INFO, "localhost", "books")) == ["romeo"]


def test_a_node_may_be_refused_by_the_feature_that_knows_it(library: World) -> None:
    assert refusal(library.connect("romeo"), INFO, "localhost", "locked") == ("cancel", "not-allowed")


def test_items_of_nodes_are_listed(library: World) -> None:
    romeo = library.connect("romeo")
    assert [item.get("node") for item in discover(romeo, ITEMS, "localhost")] == ["books"]
    assert [item.get("node") for item in discover(romeo, ITEMS, "localhost", "books")] == ["music", "drama"]
    assert len(discover(romeo, ITEMS, "localhost", "empty")) == 0


def test_an_empty_node_is_none_and_is_repeated(world: World) -> None:
    assert identities(discover(world.connect("romeo"), INFO, "localhost", "")) == ["server/im"]


def test_a_query_to_a_resource_is_answered_by_the_client(world: World) -> None:
    romeo, juliet = world.connect("romeo"), world.connect("juliet", "balcony")
    juliet.says("<presence to='romeo@localhost'/>")
    romeo.says(f"<iq type='get' id='1' to='juliet@localhost/balcony'><query xmlns='{INFO}'/></iq>")
    assert juliet.hears_one()[0].tag == f"{{{INFO}}}query"
