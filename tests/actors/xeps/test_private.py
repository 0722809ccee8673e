import pytest
from lxml import etree

from tests.world import Client, World, failure

PREFS = "<exodus xmlns='exodus:prefs'><defaultnick>Hamlet</defaultnick></exodus>"


def query(*children: str) -> str:
    return f"<query xmlns='jabber:iq:private'>{''.join(children)}</query>"


def stores(client: Client, *children: str) -> None:
    assert client.asks("set", query(*children)).get("type") == "result"


def stored(client: Client, name: str, namespace: str) -> list[str]:
    """What comes back from this namespace, in canonical form."""
    answer = client.asks("get", query(f"<{name} xmlns='{namespace}'/>"))
    assert answer.get("type") == "result"
    assert answer[0].tag == "{jabber:iq:private}query"
    return [canonical(child) for child in answer[0]]


def canonical(node: etree._Element | str) -> str:
    return str(etree.canonicalize(node if isinstance(node, str) else etree.tostring(node, encoding="unicode")))


@pytest.fixture
def hamlet() -> Client:
    return World("hamlet", sets=("xeps.private.namespaces=3",)).connect("hamlet")


def test_what_was_stored_comes_back_in_another_session(hamlet: Client) -> None:
    stores(hamlet, PREFS)
    assert stored(hamlet.world.connect("hamlet"), "exodus", "exodus:prefs") == [canonical(PREFS)]


def test_where_nothing_is_stored_the_question_comes_back(hamlet: Client) -> None:
    assert stored(hamlet, "storage", "storage:bookmarks") == ['<storage xmlns="storage:bookmarks"></storage>']


def test_storing_again_replaces_the_whole_namespace(hamlet: Client) -> None:
    stores(hamlet, PREFS)
    stores(hamlet, "<other xmlns='exodus:prefs'>1</other>")
    assert stored(hamlet, "exodus", "exodus:prefs") == ['<other xmlns="exodus:prefs">1</other>']


def test_several_elements_of_one_namespace_are_kept_in_order(hamlet: Client) -> None:
    stores(hamlet, "<b xmlns='a'>1</b>", "<a xmlns='a'>2</a>")
    assert stored(hamlet, "a", "a") == ['<b xmlns="a">1</b>', '<a xmlns="a">2</a>']


def test_several_namespaces_can_be_stored_at_once(hamlet: Client) -> None:
    stores(hamlet, PREFS, "<a xmlns='a'>2</a>")
    assert stored(hamlet, "a", "a") == ['<a xmlns="a">2</a>']
    assert stored(hamlet, "exodus", "exodus:prefs") == [canonical(PREFS)]


def test_only_one_namespace_is_read_at_a_time(hamlet: Client) -> None:
    answer = hamlet.asks("get", query("<a xmlns='a'/>", "<b xmlns='b'/>"))
    assert failure(answer) == ("modify", "not-acceptable")


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize(
    "child",
    [
        "",
        "<a/>",
        "<a xmlns=''/>",
        "<vCard xmlns='vcard-temp'><FN>Hamlet</FN></vCard>",
        "<a xmlns='jabber:x:data'/>",
        "<a xmlns='http://jabber.org/protocol/muc'/>",
        f"<a xmlns='{'n' * 1024}'/>",
    ],
)
def test_an_element_in_a_namespace_of_its_own_is_needed(hamlet: Client, type: str, child: str) -> None:
    assert failure(hamlet.asks(type, query(child))) == ("modify", "not-acceptable")


@pytest.mark.parametrize("type", ["get", "set"])
def test_the_data_of_another_account_is_forbidden(type: str) -> None:
    world = World("hamlet", "macbeth")
    stores(world.connect("hamlet"), PREFS)
    assert failure(world.connect("macbeth").asks(type, query(PREFS), "hamlet@localhost")) == ("auth", "forbidden")
    assert stored(world.connect("hamlet"), "exodus", "exodus:prefs") == [canonical(PREFS)]


def test_the_number_of_namespaces_is_bounded(hamlet: Client) -> None:
    stores(hamlet, "<a xmlns='a'>1</a>", "<a xmlns='b'>1</a>")
    both = query("<a xmlns='c'>1</a>", "<a xmlns='d'>1</a>")
    assert failure(hamlet.asks("set", both)) == ("wait", "resource-constraint")
    stores(hamlet, "<a xmlns='a'>2</a>", "<a xmlns='c'>1</a>")
    assert failure(hamlet.asks("set", query("<a xmlns='d'>1</a>"))) == ("wait", "resource-constraint")
    assert stored(hamlet, "a", "d") == ['<a xmlns="d"></a>']


def test_an_empty_element_makes_room_again(hamlet: Client) -> None:
    stores(hamlet, *(f"<a xmlns='{name}'>1</a>" for name in "abc"))
    stores(hamlet, "<a xmlns='b'/>")
    stores(hamlet, "<a xmlns='d'>1</a>")
    assert stored(hamlet, "a", "b") == ['<a xmlns="b"></a>']
