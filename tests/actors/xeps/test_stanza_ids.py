import pytest
from lxml import etree

from tests.world import Client, World

NAMESPACE = "urn:xmpp:sid:0"
STANZA_ID = f"{{{NAMESPACE}}}stanza-id"


def forged(by: str, id: str = "forged") -> str:
    return f"<stanza-id xmlns='{NAMESPACE}' by='{by}' id='{id}'/>"


@pytest.fixture
def couple() -> tuple[Client, Client]:
    world = World("romeo", "juliet", sets=('xeps.disabled=["archive"]',))
    return world.available("romeo", "orchard"), world.available("juliet", "balcony")


def message(inside: str, type: str = "chat") -> str:
    return f"<message to='juliet@localhost/balcony' type='{type}'><body>a &amp; b</body>{inside}</message>"


def ids(heard: etree._Element) -> list[tuple[str | None, str | None]]:
    return [(node.get("by"), node.get("id")) for node in heard.iterfind(STANZA_ID)]


@pytest.mark.parametrize("by", ["juliet@localhost", "JULIET@localhost"])
@pytest.mark.parametrize("type", ["chat", "groupchat", "error"])
def test_what_others_say_in_the_name_of_the_account_is_deleted(
    couple: tuple[Client, Client], by: str, type: str
) -> None:
    romeo, juliet = couple
    romeo.says(message(f"{forged(by)}<x xmlns='urn:x'/>{forged(by, 'second')}", type))
    heard = juliet.hears_one()
    assert ids(heard) == []
    assert heard.findtext("{jabber:client}body") == "a & b"
    assert heard.find("{urn:x}x") is not None


@pytest.mark.parametrize("by", ["room@muc.example.com", "juliet@localhost/balcony", "localhost", "@", ""])
def test_what_is_said_in_the_name_of_others_stays(couple: tuple[Client, Client], by: str) -> None:
    """§3, rule 3."""
    romeo, juliet = couple
    romeo.says(message(forged(by)))
    assert ids(juliet.hears_one()) == [(by, "forged")]


def test_an_origin_id_stays(couple: tuple[Client, Client]) -> None:
    """§2.2."""
    romeo, juliet = couple
    romeo.says(message(f"<origin-id xmlns='{NAMESPACE}' id='de305d54'/>"))
    origin = juliet.hears_one().find(f"{{{NAMESPACE}}}origin-id")
    assert origin is not None
    assert origin.get("id") == "de305d54"


def test_nobody_speaks_for_their_own_account_either(couple: tuple[Client, Client]) -> None:
    romeo, juliet = couple
    romeo.says(message(forged("romeo@localhost")))
    assert ids(juliet.hears_one()) == []


@pytest.mark.parametrize(
    "inside", ["<x xmlns='urn:x'>stanza-id</x>", f"<x xmlns='urn:x'>{forged('juliet@localhost')}</x>"]
)
def test_what_is_further_inside_is_left_alone(couple: tuple[Client, Client], inside: str) -> None:
    romeo, juliet = couple
    romeo.says(message(inside))
    heard = juliet.hears_one()
    assert ids(heard) == []
    assert etree.tostring(heard.find("{urn:x}x"), encoding="unicode").count("stanza-id") >= 1


def test_other_stanzas_are_left_alone(couple: tuple[Client, Client]) -> None:
    romeo, juliet = couple
    juliet.says("<presence to='romeo@localhost'/>")
    romeo.says(f"<presence to='juliet@localhost'>{forged('juliet@localhost')}</presence>")
    romeo.says(f"<iq type='get' id='1' to='juliet@localhost/balcony'>{forged('juliet@localhost')}</iq>")
    assert [ids(heard) for heard in juliet.hears()] == [[("juliet@localhost", "forged")]] * 2


def test_it_is_advertised() -> None:
    romeo = World("romeo").connect("romeo")
    for to in ("localhost", "romeo@localhost"):
        info = romeo.asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to)[0]
        assert NAMESPACE in [node.get("var") for node in info]
