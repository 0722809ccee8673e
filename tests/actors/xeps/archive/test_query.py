"""Queries of an archive: each example of XEP-0313, and each of its errors."""

import pytest
from lxml import etree

from actors.storage import Archive, Entry, Prepared
from net.xmpp.stamps import stamp
from tests.actors.xeps.archive.asking import MAM, MESSAGE, form, page, query, refused, says
from tests.world import Client, World

INFO = "http://jabber.org/protocol/disco#info"
DATA = "{jabber:x:data}"


@pytest.fixture
def world() -> World:
    """Romeo has sent 0 to 9 a second apart, the even ones to Juliet, the odd ones to Nurse at her desk."""
    world = World("romeo", "juliet", "nurse")
    romeo = world.connect("romeo", "orchard")
    for number in range(10):
        says(romeo, str(number), to="nurse@localhost/desk" if number % 2 else "juliet@localhost")
        world.clock.advance(1)
    romeo.says("</stream:stream>")
    return world


@pytest.fixture
def romeo(world: World) -> Client:
    return world.connect("romeo", "study")


def test_all_of_it_comes_in_order_and_then_the_end(world: World, romeo: Client) -> None:
    """Examples 2 to 4."""
    shown = query(romeo, attributes=" queryid='f27&quot;'")
    assert shown.texts == list("0123456789")
    assert {result.get("queryid") for result in shown.results} == {'f27"'}
    assert {(node.get("from"), node.get("to")) for node in shown.messages} == {
        ("romeo@localhost", "romeo@localhost/study")
    }
    assert shown.complete
    assert (shown.told("first"), shown.told("last"), shown.told("count")) == (shown.ids[0], shown.ids[-1], "10")
    delays = [result.find("{urn:xmpp:forward:0}forwarded/{urn:xmpp:delay}delay") for result in shown.results]
    assert [delay is not None and delay.get("stamp") for delay in delays] == [
        stamp(world.clock.now() - 10 + number) for number in range(10)
    ]


def test_without_a_queryid_none_is_made_up(romeo: Client) -> None:
    assert query(romeo, page("<max>1</max>")).results[0].get("queryid") is None


def test_the_own_address_may_be_named(romeo: Client) -> None:
    assert len(query(romeo, to="romeo@localhost").ids) == 10


def test_an_empty_archive_answers() -> None:
    nobody = World("mercutio").connect("mercutio")
    shown = query(nobody)
    assert (shown.ids, shown.complete, shown.told("count"), shown.told("first")) == ([], True, "0", None)


# -- filters


@pytest.mark.parametrize(
    ("peer", "texts"),
    [
        ("juliet@localhost", "02468"),
        ("JULIET@localhost", "02468"),
        ("juliet@localhost/balcony", ""),
        ("nurse@localhost", "13579"),
        ("nurse@localhost/desk", "13579"),
        ("nurse@localhost/Desk", ""),
        ("romeo@localhost", ""),
        ("elsewhere.example", ""),
    ],
)
def test_messages_with_one_peer(romeo: Client, peer: str, texts: str) -> None:
    """Example 6; §4.1.1."""
    shown = query(romeo, form(with_=peer))
    assert shown.texts == list(texts)
    assert shown.told("count") is None


def test_messages_to_oneself(romeo: Client) -> None:
    """§4.1.1: not everything, though everything is to or from the account."""
    says(romeo, "to myself", to="romeo@localhost")
    romeo.hears()
    assert query(romeo, form(with_="romeo@localhost")).texts == ["to myself"]


def test_messages_of_a_time(world: World, romeo: Client) -> None:
    """Examples 7 and 8; §4.1.2: both ends belong to it."""
    begin = world.clock.now() - 10
    assert query(romeo, form(start=stamp(begin + 2), end=stamp(begin + 4))).texts == list("234")
    assert query(romeo, form(start=stamp(begin + 8))).texts == list("89")
    assert query(romeo, form(end=stamp(begin + 0.5))).texts == ["0"]
    assert query(romeo, form(end="1969-07-20T21:56:15-05:00")).texts == []
    assert query(romeo, form(start=stamp(begin), end=stamp(begin + 5), with_="nurse@localhost")).texts == list("135")


def test_messages_between_ids_and_by_ids(romeo: Client) -> None:
    """Examples 9 to 11."""
    ids = query(romeo).ids
    assert query(romeo, form(after_id=ids[7])).texts == list("89")
    assert query(romeo, form(after_id=ids[2], before_id=ids[5])).texts == list("34")
    assert query(romeo, form(before_id=ids[2])).texts == list("01")
    assert query(romeo, form(ids=[ids[7], ids[1], ids[7]])).texts == list("17")
    assert query(romeo, form(ids=ids[:4], with_="nurse@localhost")).texts == list("13")


def test_ids_between_ids_within_a_page(romeo: Client) -> None:
    ids = query(romeo).ids
    shown = query(romeo, form(after_id=ids[2], before_id=ids[8]) + page(f"<max>2</max><after>{ids[4]}</after>"))
    assert (shown.texts, shown.complete) == (list("56"), False)
    shown = query(romeo, form(after_id=ids[2], before_id=ids[8]) + page(f"<max>2</max><before>{ids[5]}</before>"))
    assert (shown.texts, shown.complete) == (list("34"), True)


@pytest.mark.parametrize("value", ["true", "false", "0"])
def test_rooms_may_be_asked_for_and_are_not_there(romeo: Client, value: str) -> None:
    """§4.1.4."""
    assert len(query(romeo, form(include_groupchat=value)).ids) == 10


# -- pages


def test_pages_follow_each_other(romeo: Client) -> None:
    """Examples 16 to 19."""
    first = query(romeo, page("<max>4</max>"))
    assert (first.texts, first.complete, first.told("count")) == (list("0123"), False, "10")
    second = query(romeo, page(f"<max>4</max><after>{first.told('last')}</after>"))
    assert (second.texts, second.complete) == (list("4567"), False)
    third = query(romeo, page(f"<max>4</max><after>{second.told('last')}</after>"))
    assert (third.texts, third.complete) == (list("89"), True)
    past = query(romeo, page(f"<max>4</max><after>{third.told('last')}</after>"))
    assert (past.texts, past.complete, past.told("first"), past.told("last")) == ([], True, None, None)


def test_a_page_that_ends_where_all_ends_is_complete(romeo: Client) -> None:
    assert query(romeo, page("<max>10</max>")).complete
    assert not query(romeo, page("<max>9</max>")).complete


def test_pages_go_backwards_from_the_last(romeo: Client) -> None:
    """Example 20; within a page the order is the same."""
    last = query(romeo, page("<max>4</max><before/>"))
    assert (last.texts, last.complete) == (list("6789"), False)
    assert (last.told("first"), last.told("last")) == (last.ids[0], last.ids[-1])
    middle = query(romeo, page(f"<max>4</max><before>{last.told('first')}</before>"))
    assert (middle.texts, middle.complete) == (list("2345"), False)
    first = query(romeo, page(f"<max>4</max><before>{middle.told('first')}</before>"))
    assert (first.texts, first.complete) == (list("01"), True)


def test_a_page_is_flipped_in_the_order_of_its_messages_only(romeo: Client) -> None:
    """Example 21."""
    shown = query(romeo, page("<max>3</max><before/>") + "<flip-page/>")
    assert shown.texts == list("987")
    assert (shown.told("first"), shown.told("last")) == (shown.ids[2], shown.ids[0])
    assert query(romeo, page("<max>3</max>") + "<flip-page/>").texts == list("210")


def test_the_number_of_messages_is_told_alone(romeo: Client) -> None:
    """XEP-0059 §2.7."""
    shown = query(romeo, page("<max>0</max>"))
    assert (shown.ids, shown.told("count"), shown.complete) == ([], "10", False)


@pytest.mark.parametrize("most", ["1000000000", "9" * 5000])
def test_nobody_gets_more_than_a_page_has(most: str) -> None:
    world = World("romeo", "juliet", sets=("xeps.archive.page=3",))
    romeo = world.connect("romeo")
    for number in range(5):
        says(romeo, str(number))
    for inside in ("", page(f"<max>{most}</max>")):
        shown = query(romeo, inside)
        assert (shown.texts, shown.complete) == (list("012"), False)


def test_large_messages_make_a_page_of_few_and_nobody_is_cut_off() -> None:
    world = World("romeo", "juliet", sets=("limits.outbox=100000", "limits.stanza=20000"))
    romeo = world.connect("romeo")
    for letter in "abcd":
        says(romeo, letter * 6000)
    shown = query(romeo)
    assert ([text and text[0] for text in shown.texts], shown.complete) == (["a", "b"], False)
    shown = query(romeo, page("<before/>"))
    assert ([text and text[0] for text in shown.texts], shown.complete) == (["c", "d"], False)
    says(romeo, "e" * 19_000)
    assert [text and text[0] for text in query(romeo, page("<before/>")).texts] == ["e"]


# -- errors


@pytest.mark.parametrize("name", ["after_id", "before_id", "ids"])
def test_an_id_that_is_not_there_is_not_found(romeo: Client, name: str) -> None:
    assert refused(romeo, form(**{name: "28482-98726-73623"})) == "item-not-found"


@pytest.mark.parametrize("name", ["after", "before"])
def test_a_page_cannot_begin_at_an_id_that_is_not_there(romeo: Client, name: str) -> None:
    """Example 18."""
    assert refused(romeo, page(f"<max>10</max><{name}>09af3-cc343-b409f</{name}>")) == "item-not-found"


def test_an_id_of_anothers_archive_is_not_there(world: World, romeo: Client) -> None:
    (hers, *_) = query(world.connect("juliet")).ids
    assert refused(romeo, form(after_id=hers)) == "item-not-found"


def test_one_id_that_is_not_there_is_enough(romeo: Client) -> None:
    assert refused(romeo, form(ids=[*query(romeo).ids, "x"])) == "item-not-found"


@pytest.mark.parametrize("to", ["juliet@localhost", "nurse@localhost"])
def test_nobody_sees_anothers_archive(romeo: Client, to: str) -> None:
    assert refused(romeo, to=to) == "forbidden"
    for payload in (f"<query xmlns='{MAM}'/>", f"<metadata xmlns='{MAM}'/>"):
        assert romeo.asks("get", payload, to=to).get("type") == "error"


@pytest.mark.parametrize(
    "inside",
    [
        form(start="yesterday"),
        form(end="2010-06-07"),
        form(start=["2010-06-07T00:00:00Z", "2010-06-07T00:00:00Z"]),
        form(with_="@"),
        form(with_=["a@b", "c@d"]),
        form(include_groupchat="perhaps"),
        form().replace("submit", "result"),
        form().replace(MAM, "urn:xmpp:mam:1"),
        page("<max>-1</max>"),
        page("<max>many</max>"),
    ],
)
def test_what_makes_no_sense_is_a_bad_request(romeo: Client, inside: str) -> None:
    assert refused(romeo, inside) == "bad-request"


@pytest.mark.parametrize(
    "inside", [form(withh="a@b"), form(**{"{http://example.com/}x": "y"}), page("<index>3</index>")]
)
def test_what_is_not_known_is_not_implemented(romeo: Client, inside: str) -> None:
    """§4.1.5."""
    assert refused(romeo, inside) == "feature-not-implemented"


def test_more_ids_than_a_page_has_are_refused(romeo: Client) -> None:
    assert refused(romeo, form(ids=[str(number) for number in range(101)])) == "policy-violation"


def test_there_are_no_nodes(romeo: Client) -> None:
    assert refused(romeo, attributes=" node='urn:x'") == "item-not-found"


def test_a_long_filter_finds_nothing_and_breaks_nothing(romeo: Client) -> None:
    assert refused(romeo, form(after_id="x" * 100_000)) == "item-not-found"
    assert refused(romeo, form(with_="x" * 100_000)) == "bad-request"
    assert len(query(romeo).ids) == 10


# -- what there is


def test_the_fields_are_told(romeo: Client) -> None:
    """Example 14."""
    answer = romeo.asks("get", f"<query xmlns='{MAM}'/>")
    fields = {field.get("var"): field for field in answer[0].iterfind(f"{DATA}x/{DATA}field")}
    assert {var: field.get("type") for var, field in fields.items()} == {
        "FORM_TYPE": "hidden",
        "with": "jid-single",
        "start": "text-single",
        "end": "text-single",
        "before-id": "text-single",
        "after-id": "text-single",
        "ids": "list-multi",
        "include-groupchat": "boolean",
        "{urn:xmpp:fulltext:0}fulltext": "text-single",
    }
    assert fields["FORM_TYPE"].findtext(f"{DATA}value") == MAM
    validate = fields["ids"].find("{http://jabber.org/protocol/xdata-validate}validate")
    assert validate is not None
    assert [etree.QName(node).localname for node in validate] == ["open"]
    assert answer[0].find(f".//{DATA}required") is None


def test_where_the_archive_begins_and_ends_is_told(world: World, romeo: Client) -> None:
    """Examples 22 and 23."""
    ids = query(romeo).ids
    told = romeo.asks("get", f"<metadata xmlns='{MAM}'/>")[0]
    now = world.clock.now()
    assert [(etree.QName(node).localname, node.get("id"), node.get("timestamp")) for node in told] == [
        ("start", ids[0], stamp(now - 10)),
        ("end", ids[9], stamp(now - 1)),
    ]


def test_a_message_is_found_by_the_stamps_that_its_client_was_told() -> None:
    """§4.1.2, §5; also one whose id is of another microsecond, as an earlier version rounded."""
    world = World("romeo", "juliet")
    world.clock.time = when = 1_800_009_797.1617286
    romeo = says(world.connect("romeo"), "x")
    archive = world.domain.storage.store("archive", Archive)
    each = archive.prepare("romeo@localhost", Entry(when, "juliet@localhost", "<message/>"))
    early = f"{round(when * 1_000_000):015x}{each.id[15:]}"
    archive.put("romeo@localhost", [Prepared(early, each.row._replace(id=early))])
    shown = query(romeo)
    delays = [result.find("{urn:xmpp:forward:0}forwarded/{urn:xmpp:delay}delay") for result in shown.results]
    told = [delay is not None and delay.get("stamp") for delay in delays]
    ends = romeo.asks("get", f"<metadata xmlns='{MAM}'/>")[0]
    assert [end.get("timestamp") for end in ends] == told
    assert [query(romeo, form(start=time, end=time)).ids for time in told] == [[id] for id in shown.ids]


def test_an_empty_archive_has_neither() -> None:
    """§5."""
    told = World("mercutio").connect("mercutio").asks("get", f"<metadata xmlns='{MAM}'/>")[0]
    assert told.tag == f"{{{MAM}}}metadata"
    assert len(told) == 0


def test_the_account_says_that_it_has_an_archive(romeo: Client) -> None:
    """Example 27; §8."""
    answer = romeo.asks("get", f"<query xmlns='{INFO}'/>", to="romeo@localhost")
    found = {node.get("var") for node in answer[0].iterfind(f"{{{INFO}}}feature")}
    assert found >= {MAM, f"{MAM}#extended", f"{MAM}#groupchat-field", "http://jabber.org/protocol/rsm"}
    assert f"{MAM}#groupchat-available" not in found


def test_another_client_hears_nothing_of_a_query(world: World, romeo: Client) -> None:
    other = world.available("romeo", "balcony")
    query(romeo)
    assert [node.tag for node in other.hears() if node.tag == MESSAGE] == []
