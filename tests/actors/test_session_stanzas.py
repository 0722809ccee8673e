import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scram import auth
from tests.world import Client, World, failure

ROMEO = "romeo@localhost/orchard"
PING = "<ping xmlns='urn:xmpp:ping'/>"
UNKNOWN = "<query xmlns='urn:x'/>"
ERROR = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


def two(**attributes: str) -> tuple[Client, Client]:
    """Romeo, and an available Juliet."""
    world = World("romeo", "juliet")
    juliet = world.available("juliet", "balcony")
    romeo = world.wire().opens().says(auth("PLAIN", b"\0romeo\0secret")).opens(**attributes)
    return romeo.binds("orchard"), juliet


# -- from


@pytest.mark.parametrize("said", ["", f"from='{ROMEO}'", "from='romeo@localhost'", "from='Romeo@LOCALHOST/orchard'"])
def test_a_stanza_is_from_the_full_jid_whether_it_says_so_or_not(said: str) -> None:
    romeo, juliet = two()
    romeo.says(f"<message {said} to='juliet@localhost'/>")
    assert juliet.hears_one().get("from") == ROMEO


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
@pytest.mark.parametrize(
    "liar", ["juliet@localhost", "romeo@localhost/garden", "localhost", "romeo@elsewhere", "@", ""]
)
def test_a_stanza_from_somebody_else_ends_the_stream(kind: str, liar: str) -> None:
    romeo, juliet = two()
    romeo.says(f"<{kind} from='{liar}' to='juliet@localhost' type='get' id='1'>{PING}</{kind}>")
    assert romeo.hears_the_end() == "invalid-from"
    assert not juliet.hears()


@pytest.mark.parametrize("order", ["to='@' from='juliet@localhost'", "from='juliet@localhost' to='@'"])
def test_a_lie_weighs_more_than_a_malformed_address(order: str) -> None:
    romeo, _ = two()
    assert romeo.says(f"<message {order}/>").hears_the_end() == "invalid-from"


# -- to


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<message to='@'/>", ("modify", "jid-malformed")),
        ("<presence to='@'/>", ("modify", "jid-malformed")),
        (f"<iq to='@' type='get' id='1'>{PING}</iq>", ("modify", "jid-malformed")),
        ("<iq to='' type='foo'/>", ("modify", "jid-malformed")),
        ("<message to='juliet@elsewhere.example'/>", ("cancel", "remote-server-not-found")),
        ("<presence to='juliet@elsewhere.example'/>", ("cancel", "remote-server-not-found")),
        (f"<iq to='elsewhere.example' type='get' id='1'>{PING}</iq>", ("cancel", "remote-server-not-found")),
        ("<message to='nobody@localhost'/>", ("cancel", "service-unavailable")),
        (f"<iq to='nobody@localhost' type='get' id='1'>{PING}</iq>", ("cancel", "service-unavailable")),
        (f"<iq to='juliet@localhost/gone' type='get' id='1'>{PING}</iq>", ("cancel", "service-unavailable")),
        (f"<iq to='juliet@localhost' type='set' id='1'>{UNKNOWN}</iq>", ("cancel", "service-unavailable")),
        (f"<iq to='localhost' type='set' id='1'>{UNKNOWN}</iq>", ("cancel", "service-unavailable")),
        (f"<iq type='get' id='1'>{UNKNOWN}</iq>", ("cancel", "service-unavailable")),
        ("<message to='localhost'/>", ("cancel", "service-unavailable")),
        ("<message to='juliet@localhost' type='groupchat'/>", ("cancel", "service-unavailable")),
    ],
)
def test_what_cannot_be_delivered_comes_back_with_an_error(said: str, condition: tuple[str, str]) -> None:
    romeo, juliet = two()
    answer = romeo.says(said).hears_one()
    assert failure(answer) == condition
    assert not juliet.hears()
    assert not romeo.wire.closed


@pytest.mark.parametrize("to", ["@", "juliet@elsewhere.example", "nobody@localhost", "localhost"])
@pytest.mark.parametrize(
    "said",
    [
        f"<message type='error' to='TO'>{ERROR}</message>",
        f"<presence type='error' to='TO'>{ERROR}</presence>",
        f"<iq type='error' id='1' to='TO'>{ERROR}</iq>",
        "<iq type='result' id='1' to='TO'/>",
        "<iq type='result' id='1' to='TO'><a xmlns='urn:x'/><b xmlns='urn:x'/></iq>",
        "<iq type='result' to='TO'/>",
        f"<iq type='error' to='TO'>{ERROR}</iq>",
    ],
)
def test_errors_and_results_are_not_answered_with_errors(said: str, to: str) -> None:
    romeo, _ = two()
    assert romeo.says(said.replace("TO", to)).raw == ""


def test_an_error_carries_what_was_sent_and_where_it_was_sent() -> None:
    romeo, _ = two()
    answer = romeo.says("<message to='nobody@localhost/x' id='7' type='chat'><body>hi</body></message>").hears_one()
    assert (answer.get("from"), answer.get("to"), answer.get("id")) == ("nobody@localhost/x", ROMEO, "7")
    assert [child.tag for child in answer] == ["{jabber:client}body", "{jabber:client}error"]


def test_a_message_without_an_address_is_for_oneself() -> None:
    romeo, _ = two()
    romeo.says("<presence/>").hears()
    heard = romeo.says("<message><body>note</body></message>").hears_one()
    assert (heard.get("to"), heard.get("from")) == ("romeo@localhost", ROMEO)


def test_a_request_without_an_address_is_for_the_account() -> None:
    romeo, _ = two()
    answer = romeo.asks("get", PING)
    assert answer.get("type") == "result"
    assert answer.get("from") in (None, "romeo@localhost")


def test_a_stanza_to_ones_own_full_jid_comes_back() -> None:
    romeo, _ = two()
    heard = romeo.says(f"<iq type='get' id='1' to='{ROMEO}'>{PING}</iq>").hears_one()
    assert (heard.get("type"), heard.get("from"), heard.get("to")) == ("get", ROMEO, ROMEO)
    answer = romeo.says(f"<iq type='result' id='1' to='{ROMEO}'/>").hears_one()
    assert answer.get("type") == "result"


@pytest.mark.parametrize("to", ["localhost", "localhost/any"])
def test_the_server_answers_at_its_domain_with_or_without_a_resource(to: str) -> None:
    romeo, _ = two()
    answer = romeo.asks("get", PING, to=to)
    assert (answer.get("type"), answer.get("from")) == ("result", to)


# -- iq


@pytest.mark.parametrize(
    "said",
    [
        f"<iq type='get'>{PING}</iq>",
        "<iq type='get' id='1'/>",
        "<iq type='set' id='1'/>",
        "<iq type='get' id='1'>text</iq>",
        f"<iq type='get' id='1'>{PING}{PING}</iq>",
        f"<iq id='1'>{PING}</iq>",
        f"<iq type='' id='1'>{PING}</iq>",
        f"<iq type='foo' id='1'>{PING}</iq>",
        f"<iq type='GET' id='1' to='juliet@localhost/balcony'>{PING}</iq>",
    ],
)
def test_an_iq_that_is_none_is_a_bad_request(said: str) -> None:
    romeo, juliet = two()
    assert failure(romeo.says(said).hears_one()) == ("modify", "bad-request")
    assert not juliet.hears()


REQUESTS = {
    "to the account": "",
    "to the account by name": "to='romeo@localhost'",
    "to oneself": f"to='{ROMEO}'",
    "to the server": "to='localhost'",
    "to somebody": "to='juliet@localhost'",
    "to a resource that is not there": "to='juliet@localhost/gone'",
    "to nobody": "to='nobody@localhost'",
    "elsewhere": "to='elsewhere.example'",
    "to no address": "to='@'",
}
PAYLOADS = [PING, UNKNOWN, "<query xmlns='jabber:iq:roster'/>", "", PING * 2, "<session xmlns='urn:x'><a/></session>"]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(REQUESTS.values())), st.sampled_from(PAYLOADS), st.sampled_from(["get", "set"])),
        max_size=12,
    )
)
def test_every_request_is_answered_exactly_once(requests: list[tuple[str, str, str]]) -> None:
    romeo, _ = two()
    romeo.says(
        "".join(f"<iq type='{type}' id='{n}' {to}>{inside}</iq>" for n, (to, inside, type) in enumerate(requests))
    )
    heard = romeo.hears()
    answers = [node.get("id") for node in heard if node.get("type") in ("result", "error")]
    to_oneself = [node.get("id") for node in heard if node.get("type") in ("get", "set")]
    assert sorted(answers + to_oneself, key=int) == [str(n) for n in range(len(requests))]


# -- types


def test_a_message_of_an_unknown_type_counts_as_normal() -> None:
    romeo, juliet = two()
    romeo.says("<message to='juliet@localhost' type='foo'/>")
    assert juliet.hears_one().get("type") in ("foo", "normal")


@pytest.mark.parametrize("to", ["", "to='juliet@localhost'"])
def test_a_presence_of_an_unknown_type_is_a_bad_request(to: str) -> None:
    romeo, juliet = two()
    assert failure(romeo.says(f"<presence type='foo' {to}/>").hears_one()) == ("modify", "bad-request")
    assert not juliet.hears()


@pytest.mark.parametrize("priority", ["128", "-129", "x", "", "1.0", "99999999999999999999"])
def test_a_presence_with_a_priority_that_is_none_changes_nothing(priority: str) -> None:
    romeo, _ = two()
    said = f"<presence><priority>{priority}</priority></presence>"
    assert failure(romeo.says(said).hears_one()) == ("modify", "bad-request")
    assert not romeo.session.available


def test_only_asking_for_ones_own_roster_makes_interested() -> None:
    romeo, _ = two()
    roster = "<query xmlns='jabber:iq:roster'/>"
    for to in ("juliet@localhost", "localhost", ROMEO):
        romeo.says(f"<iq type='get' id='1' to='{to}'>{roster}</iq>")
    romeo.says(f"<iq type='get'>{roster}</iq>")
    assert not romeo.session.interested
    romeo.asks("get", roster, to="romeo@localhost")
    assert romeo.session.interested


# -- languages

LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@pytest.mark.parametrize("kind", ["message", "presence"])
def test_a_stanza_without_a_language_has_that_of_its_stream(kind: str) -> None:
    romeo, juliet = two(**{"xml:lang": "it"})
    romeo.says(f"<{kind} to='juliet@localhost'/><{kind} to='juliet@localhost' xml:lang='de'/>")
    assert [node.get(LANG) for node in juliet.hears()] == ["it", "de"]


@pytest.mark.parametrize("lang", ["", "x" * 36])
def test_a_stream_without_a_language_adds_none(lang: str) -> None:
    romeo, juliet = two(**{"xml:lang": lang})
    romeo.says("<message to='juliet@localhost'/>")
    assert juliet.hears_one().get(LANG) is None


# -- other elements, and too much


@pytest.mark.parametrize("said", ["<flood xmlns='urn:x'/>", "<flood/>"])
def test_what_is_no_stanza_ends_the_stream(said: str) -> None:
    romeo, _ = two()
    assert romeo.says(said).hears_the_end() == "unsupported-stanza-type"


def test_ten_megabytes_end_the_stream_and_are_never_held() -> None:
    romeo, juliet = two()
    for _ in range(10):
        romeo.wire.hear(b"<message to='juliet@localhost'><body>" if not _ else b"")
        romeo.wire.hear(b"x" * 1_000_000)
    assert romeo.hears_the_end() == "policy-violation"
    assert not juliet.hears()


def test_a_stanza_within_the_limit_passes() -> None:
    romeo, juliet = two()
    romeo.says(f"<message to='juliet@localhost'><body>{'x' * 200_000}</body></message>")
    assert len(juliet.hears_one().findtext("{*}body") or "") == 200_000


def test_white_space_between_stanzas_is_nothing() -> None:
    romeo, juliet = two()
    romeo.says(" \n<message to='juliet@localhost'/>\n\n ").says(" ")
    assert juliet.hears_one() is not None
    assert romeo.raw == ""
