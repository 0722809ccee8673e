import pytest
from lxml import etree

from tests.world import PASSWORD, Client, World, failure

SEARCH = "jabber:iq:search"
OPEN = "hosts.localhost.search=true"

CARDS = {
    "juliet": ("Juliet", "Capulet", "JuliC", "juliet@shakespeare.lit"),
    "tybalt": ("Tybalt", "Capulet", "ty", "tybalt@shakespeare.lit"),
    "romeo": ("Romeo", "Montague", "", ""),
}


def query(inside: str = "") -> str:
    return f"<query xmlns='{SEARCH}'>{inside}</query>"


def form(form_type: str = SEARCH, **entered: str) -> str:
    inside = "".join(
        f"<field var='{var}'><value>{value}</value></field>"
        for var, value in {"FORM_TYPE": form_type, **entered}.items()
    )
    return query(f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>")


def card(first: str, last: str, nick: str, email: str) -> str:
    name = f"<N><FAMILY>{last}</FAMILY><GIVEN>{first}</GIVEN></N>"
    return f"<vCard xmlns='vcard-temp'>{name}<NICKNAME>{nick}</NICKNAME><EMAIL><USERID>{email}</USERID></EMAIL></vCard>"


def world_of_cards(*sets: str) -> World:
    world = World("nurse", *CARDS, sets=(OPEN, *sets))
    for name, known in CARDS.items():
        world.connect(name).asks("set", card(*known))
    return world


@pytest.fixture
def nurse() -> Client:
    return world_of_cards().connect("nurse")


def found(client: Client, content: str) -> etree._Element:
    answer = client.asks("set", content, "localhost")
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].tag == f"{{{SEARCH}}}query"
    return answer[0]


def names(client: Client, inside: str) -> list[str | None]:
    return [item.get("jid") for item in found(client, query(inside))]


def test_the_fields_are_told_in_both_ways(nurse: Client) -> None:
    instructions, *fields, x = nurse.asks("get", query(), "localhost")[0]
    assert instructions.text
    assert [etree.QName(node).localname for node in fields] == ["first", "last", "nick", "email"]
    assert x.get("type") == "form"
    assert [node.get("var") for node in x.iterfind("{*}field")] == ["FORM_TYPE", "first", "last", "nick", "email"]


def test_people_are_found_by_what_stands_in_their_cards(nurse: Client) -> None:
    items = found(nurse, query("<last>Capulet</last>"))
    assert [item.get("jid") for item in items] == ["juliet@localhost", "tybalt@localhost"]
    assert [(etree.QName(node).localname, node.text) for node in items[0]] == [
        ("first", "Juliet"),
        ("last", "Capulet"),
        ("nick", "JuliC"),
        ("email", "juliet@shakespeare.lit"),
    ]


@pytest.mark.parametrize("inside", ["<last>cap</last>", "<last> CAPULET </last>", "<email>t</email><last>C</last>"])
def test_the_beginning_is_enough_in_upper_or_lower_case(nurse: Client, inside: str) -> None:
    assert "tybalt@localhost" in names(nurse, inside)


def test_everything_entered_has_to_fit(nurse: Client) -> None:
    assert names(nurse, "<first>Juliet</first><last>Montague</last>") == []
    assert names(nurse, "<first>Juliet</first><last>Capulet</last>") == ["juliet@localhost"]


@pytest.mark.parametrize("content", [query("<last>Hamlet</last>"), form(last="Hamlet"), query("<nick>apulet</nick>")])
def test_nobody_found_is_an_empty_answer(nurse: Client, content: str) -> None:
    assert len(found(nurse, content)) == 0


def test_a_form_is_answered_with_a_form(nurse: Client) -> None:
    (x,) = found(nurse, form(last="montague"))
    assert x.get("type") == "result"
    assert x.findtext("{*}field[@var='FORM_TYPE']/{*}value") == SEARCH
    head = x.find("{*}reported")
    assert head is not None
    assert [field.get("var") for field in head] == ["first", "last", "nick", "email", "jid"]
    (item,) = x.iterfind("{*}item")
    assert [cell.findtext("{*}value") for cell in item] == ["Romeo", "Montague", "", "", "romeo@localhost"]


@pytest.mark.parametrize(
    "content",
    [
        query(),
        query("<last/>"),
        query("<last> </last>"),
        query("<jid>x</jid>"),
        form(),
        form(last=""),
        form("other", last="C"),
    ],
)
def test_who_looks_for_nothing_finds_nothing(nurse: Client, content: str) -> None:
    assert failure(nurse.asks("set", content, "localhost")) == ("modify", "not-acceptable")


def test_a_search_finds_no_more_than_the_limit() -> None:
    world = world_of_cards("xeps.search.results=1")
    assert names(world.connect("nurse"), "<last>Capulet</last>") == ["juliet@localhost"]


def test_accounts_that_are_gone_are_not_found() -> None:
    world = world_of_cards()
    world.connect("tybalt").says("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>")
    assert names(world.connect("nurse"), "<last>Capulet</last>") == ["juliet@localhost"]


def test_only_users_of_the_domain_search_it_and_are_found() -> None:
    world = world_of_cards('hosts."example.org"={search=true}')
    elsewhere = world.router.domain("example.org")
    assert elsewhere is not None
    elsewhere.accounts.create(elsewhere.accounts.jid("paris"), PASSWORD, 0)
    paris = world.wire().opens("example.org").logs_in("paris", to="example.org").binds()
    for type in ("get", "set"):
        assert failure(paris.asks(type, query("<last>C</last>"), "localhost")) == ("cancel", "not-allowed")
    paris.asks("set", card("Paris", "Capulet", "", ""))
    assert [item.get("jid") for item in paris.asks("set", query("<last>C</last>"), "example.org")[0]] == [
        "paris@example.org"
    ]
    assert "paris@example.org" not in names(world.connect("nurse"), "<last>C</last>")


@pytest.mark.parametrize("sets", [(), (OPEN, 'xeps.disabled=["vcard"]')])
def test_where_it_is_not_allowed_or_there_are_no_cards_there_is_no_search(sets: tuple[str, ...]) -> None:
    nurse = World("nurse", sets=sets).connect("nurse")
    assert failure(nurse.asks("get", query(), "localhost")) == ("cancel", "service-unavailable")
    info = nurse.asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "localhost")[0]
    assert SEARCH not in [node.get("var") for node in info]


def test_it_is_advertised_where_it_is_allowed(nurse: Client) -> None:
    info = nurse.asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "localhost")[0]
    assert SEARCH in [node.get("var") for node in info]
