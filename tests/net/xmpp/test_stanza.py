from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Malformed, Stanza
from net.xmpp.xml import Element, element, parse, serialise
from tests.net.xmpp.streams import content, meaning, one_stanza, tree

ROMEO = JID.parse("romeo@example.net/orchard")
JULIET = JID.parse("juliet@example.com/'&<balcony>")

TEXT = st.text("ab <>&\"'\t\n\r]\u00e9\u2603\U0001f600", max_size=5)
NAMES = st.sampled_from(["a", "b", "body", "message"])
NAMESPACES = st.sampled_from(["urn:a", "urn:b", "jabber:client", "http://example.com/?a=b&c"])
CLARK = NAMES | st.builds("{{{}}}{}".format, NAMESPACES, NAMES)
ATTRIBUTES = st.dictionaries(CLARK | st.just("{http://www.w3.org/XML/1998/namespace}space"), TEXT, max_size=2)


def build(
    namespace: str, name: str, text: str | None, attributes: dict[str, str], children: list[tuple[Element, str | None]]
) -> Element:
    """An element as a feature may build it."""
    node = element(f"{{{namespace}}}{name}" if namespace else name, text)
    for key, value in attributes.items():
        node.set(key, value)
    for child, tail in children:
        child.tail = tail
        node.append(child)
    return node


def elements(namespaces: list[str], children: st.SearchStrategy[Element] | None = None) -> st.SearchStrategy[Element]:
    some = st.just([]) if children is None else st.lists(st.tuples(children, st.none() | TEXT), max_size=2)
    return st.builds(build, st.sampled_from(namespaces), NAMES, st.none() | TEXT, ATTRIBUTES, some)


EMBEDDED = elements(["urn:a", "jabber:client"])
CHILDREN = elements(["", "urn:a", "urn:b"], elements(["urn:c"], EMBEDDED))
STANZAS = st.builds(
    Stanza,
    st.sampled_from(["message", "presence", "iq"]),
    type=TEXT,
    to=st.sampled_from([None, ROMEO, JULIET]),
    from_=st.sampled_from([None, ROMEO, JULIET]),
    id=st.none() | TEXT,
    lang=TEXT,
    extra=st.none() | ATTRIBUTES,
    content=elements([""], CHILDREN),
)


def fields(stanza: Stanza) -> tuple[object, ...]:
    return stanza.kind, stanza.type, stanza.to, stanza.from_, stanza.id, stanza.lang, stanza.extra or None


# -- there and back


@given(STANZAS)
def test_a_stanza_comes_back_from_the_wire(stanza: Stanza) -> None:
    again = one_stanza(stanza.wire)
    assert fields(again) == fields(stanza)
    assert content(again.wire) == content(stanza.wire)
    assert tree(again.at_rest().element)[2:] == tree(stanza.element)[2:]


@given(STANZAS)
def test_a_stanza_comes_back_from_storage(stanza: Stanza) -> None:
    assert content(Stanza.read(parse(stanza.wire)).wire) == content(stanza.wire)


@given(STANZAS)
def test_a_stanza_that_names_its_namespace_says_the_same(stanza: Stanza) -> None:
    assert meaning(one_stanza(stanza.framed()).wire) == meaning(stanza.wire)


def test_the_wire_form_is_as_short_as_can_be() -> None:
    assert Stanza("presence").wire == b"<presence/>"
    stanza = Stanza(
        "iq", type="set", to=ROMEO, from_=JULIET, id="1", lang="en", content=element("iq", None, element("q"))
    )
    assert stanza.wire == (
        b'<iq to="romeo@example.net/orchard" from="juliet@example.com/\'&amp;&lt;balcony&gt;" id="1" type="set"'
        b' xml:lang="en"><q/></iq>'
    )


def test_the_framed_form_names_the_namespace() -> None:
    assert Stanza("presence", to=ROMEO).framed() == (
        b'<presence xmlns="jabber:client" to="romeo@example.net/orchard"></presence>'
    )


@pytest.mark.parametrize("text", ['"', "<", ">", "&", "'", "\t", "\n", "\r", "\u00a0", "\ufffd", "\U0010ffff"])
def test_every_kind_of_text_comes_back_from_an_attribute(text: str) -> None:
    again = one_stanza(Stanza("iq", id=text, type=text, lang=text, extra={"a": text, "{urn:a}b": text}).wire)
    assert (again.id, again.type, again.lang, again.extra) == (text, text, text, {"a": text, "{urn:a}b": text})


@given(st.text(st.characters(codec=None)))
def test_no_text_makes_the_wire_form_ill_formed(text: str) -> None:
    assert content(Stanza("iq", id=text, type=text, lang=text, extra={"a": text}).wire)


def test_an_id_may_be_empty_and_that_is_not_the_same_as_none() -> None:
    assert Stanza("iq", id="").wire == b'<iq id=""/>'
    assert one_stanza(b"<iq id=''/>").id == ""
    assert one_stanza(b"<iq/>").id is None


# -- reading


def test_a_stanza_is_read_into_fields() -> None:
    stanza = one_stanza(
        b"<message to='romeo@example.net' from='juliet@example.com' id='1' type='chat' xml:lang='en' other='x'>"
        b"<body>hi</body><x xmlns='urn:a'/></message>"
    )
    assert fields(stanza) == (
        *("message", "chat", "romeo@example.net", "juliet@example.com", "1", "en", {"other": "x"}),
    )
    assert stanza.text("body") == "hi"
    assert stanza.find("{urn:a}x") is not None
    assert stanza.find("x") is None
    assert stanza.text("subject") == ""


def test_an_address_that_is_none_is_left_out() -> None:
    with pytest.raises(Malformed) as caught:
        Stanza.read(parse(b"<iq to='@' from='a@b' id='1'><q/></iq>"))
    assert caught.value.attribute == "to"
    assert fields(caught.value.stanza) == ("iq", "", None, "a@b", "1", "", None)
    assert caught.value.stanza.body == b"<q/>"


def test_an_unknown_sender_is_worse_than_an_unknown_recipient() -> None:
    with pytest.raises(Malformed) as caught:
        Stanza.read(parse(b"<iq to='@' from='@'/>"))
    assert caught.value.attribute == "from"


def test_the_payload_is_the_first_element() -> None:
    payload = one_stanza(b"<iq> <a/><b/></iq>").payload
    assert payload is not None
    assert payload.tag == "a"
    assert one_stanza(b"<iq>text</iq>").payload is None
    assert Stanza("iq").payload is None


@pytest.mark.parametrize("body", ["", "text", "<a/>", "<a/>tail", 'x<a b="c"> <d/> </a>y<e xmlns="urn:e"/>z'])
def test_the_body_is_the_content_as_it_came(body: str) -> None:
    assert one_stanza(f"<message id='&gt;'>{body}</message>".encode()).body.decode() == body


def test_content_may_be_given_as_bytes() -> None:
    stanza = Stanza("message", body=b'<body>hi</body><x xmlns="urn:a"/>')
    assert [child.tag for child in stanza] == ["body", "{urn:a}x"]
    assert stanza.wire == b'<message><body>hi</body><x xmlns="urn:a"/></message>'


# -- others made from one


def test_the_content_is_serialised_once_for_all_recipients() -> None:
    stanza = one_stanza(b"<message><body>hi</body></message>")
    many = [stanza.addressed(to) for to in (ROMEO, JULIET, None)]
    assert {id(one.body) for one in many} == {id(stanza.body)}
    assert stanza.wire is stanza.wire
    assert [one.to for one in many] == [ROMEO, JULIET, None]
    assert many[2].wire == stanza.wire


@given(STANZAS)
def test_a_stanza_for_another_differs_in_the_address_only(stanza: Stanza) -> None:
    for other in (stanza.addressed(ROMEO), stanza.stamped(ROMEO)):
        assert other.body == stanza.body
        assert (other.kind, other.type, other.id, other.lang, other.extra) == (
            *(stanza.kind, stanza.type, stanza.id, stanza.lang, stanza.extra),
        )
    assert (stanza.addressed(ROMEO).to, stanza.addressed(ROMEO).from_) == (ROMEO, stanza.from_)
    assert (stanza.stamped(ROMEO).to, stanza.stamped(ROMEO).from_) == (stanza.to, ROMEO)


def test_adding_content_leaves_the_original_as_it_was() -> None:
    stanza = one_stanza(b"<message><body>hi</body>tail</message>")
    more = stanza.with_content(serialise(element("{urn:a}x")) + b"<thread>1</thread>")
    assert more.body == b'<body>hi</body>tail<x xmlns="urn:a"/><thread>1</thread>'
    assert [child.tag for child in more] == ["body", "{urn:a}x", "thread"]
    assert stanza.wire == b"<message><body>hi</body>tail</message>"


def test_what_a_body_alone_says_mentions_nothing() -> None:
    words = one_stanza(b"<message><body>urn:a</body></message>")
    assert not words.mentions(b"urn:a")
    meant = words.with_content(b'<x xmlns="urn:a"/>')
    for other in (meant, meant.addressed(ROMEO), meant.stamped(ROMEO), meant.at_rest()):
        assert other.mentions(b"urn:a")
    assert not meant.without([meant.element[1]]).mentions(b"urn:b")
    assert one_stanza(b"<message><body xml:lang='urn:a'>x</body></message>").mentions(b"urn:a")
    assert one_stanza(b"<message><body>x</body><x xmlns='urn:a'/></message>").mentions(b"urn:a")


def test_a_body_alone_can_be_looked_into_all_the_same() -> None:
    stanza = one_stanza(b"<message><body>&lt;a&gt;</body></message>")
    plain = one_stanza(b"<message><body>a</body></message>")
    assert (stanza.text("body"), plain.text("body")) == ("<a>", "a")
    assert [child.tag for child in plain] == ["body"]


def test_content_added_from_another_stanza_stands_by_itself() -> None:
    other = one_stanza(b"<iq><a:a xmlns:a='urn:a'><a:b/>x</a:a>tail</iq>")
    assert other.payload is not None
    stanza = Stanza("message").with_content(serialise(other.payload[0]))
    assert content(stanza.wire) == content(b'<message><b xmlns="urn:a"/></message>')


@given(STANZAS)
def test_at_rest_a_stanza_is_the_same(stanza: Stanza) -> None:
    rested = stanza.at_rest()
    assert rested.wire == stanza.wire
    assert tree(rested.element)[2:] == tree(stanza.element)[2:]


def test_a_result_exchanges_the_addresses() -> None:
    iq = Stanza("iq", type="get", to=ROMEO, from_=JULIET, id="1", content=element("iq", None, element("{urn:a}q")))
    assert fields(iq.result()) == ("iq", "result", JULIET, ROMEO, "1", "", None)
    assert iq.result().body == b""
    assert iq.result(element("{urn:a}q")).body == b'<q xmlns="urn:a"/>'


def test_an_error_gives_the_content_back_and_comes_last() -> None:
    """RFC 6120 §8.3.1"""
    stanza = one_stanza(b"<message to='a@b' from='c@d' id='1' type='chat' xml:lang='it'><body>ciao</body></message>")
    error = stanza.error(StanzaError("item-not-found", "none < here"))
    assert fields(error) == ("message", "error", "c@d", "a@b", "1", "it", None)
    assert [child.tag for child in error] == ["body", "error"]
    assert content(error.wire)
    assert stanza.type == "chat"


@pytest.mark.parametrize(
    ("kind", "type", "answerable", "is_request"),
    [
        ("iq", "get", True, True),
        ("iq", "set", True, True),
        ("iq", "result", False, False),
        ("iq", "error", False, False),
        ("message", "", True, False),
        ("message", "error", False, False),
        ("message", "get", True, False),
        ("presence", "error", False, False),
        ("presence", "result", True, False),
    ],
)
def test_what_may_be_answered_with_an_error(kind: str, type: str, answerable: bool, is_request: bool) -> None:
    """RFC 6120 §8.2.3, §8.3.1"""
    stanza = Stanza(kind, type=type)
    assert (stanza.answerable, stanza.is_request) == (answerable, is_request)


def test_the_representation_does_not_show_the_content() -> None:
    assert "secret" not in repr(Stanza("message", to=ROMEO, body=b"<body>secret</body>"))


def test_a_stanza_can_be_had_without_some_of_its_content() -> None:
    stanza = one_stanza(b"<message id='1'><a xmlns='urn:a'/><b/> text <a xmlns='urn:a'><b/></a><c>d</c></message>")
    less = stanza.without(stanza.element.findall("{urn:a}a"))
    assert (less.wire, less.id) == (b'<message id="1"><b/><c>d</c></message>', "1")
    assert len(stanza.element) == 4


def test_an_error_need_not_bring_back_the_content() -> None:
    stanza = Stanza("iq", type="set", id="1", body=b"<password>secret</password>")
    assert b"secret" in stanza.error(StanzaError("conflict")).wire
    assert b"secret" not in stanza.error(StanzaError("conflict", echo=False)).wire
