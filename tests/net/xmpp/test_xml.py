from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from net.xmpp.xml import element, escape, inner, lone_body, parse, plain, serialise
from tests.net.xmpp.streams import tree

ANYTHING = st.text(st.characters(codec=None))
CARRIED = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff").filter(lambda c: c >= " " or c in "\t\n\r")
)


@given(CARRIED)
def test_escaped_text_comes_back_from_an_attribute_and_from_content(text: str) -> None:
    node = parse(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    assert node.get("b") == text
    assert (node.text or "") == text


@given(ANYTHING)
def test_what_xml_cannot_carry_is_dropped(text: str) -> None:
    node = parse(f'<a b="{escape(text)}"/>'.encode())
    assert node.get("b") == "".join(
        c for c in text if (c >= " " or c in "\t\n\r") and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff"
    )


@pytest.mark.parametrize("text", ["", "plain", "caf\u00e9 \u2603 'quoted' \U0001f600"])
def test_text_with_nothing_to_escape_is_left_as_it_is(text: str) -> None:
    assert escape(text) == text


@given(CARRIED)
def test_text_comes_back_from_an_element(text: str) -> None:
    node = element("a", text, b=text)
    again = parse(serialise(node))
    assert (again.text or "", again.get("b")) == (text, text)


def test_an_element_is_written_without_prefix_tail_and_declaration() -> None:
    node = element("{urn:a}a", "1 < 2", element("{urn:a}b"), element("{urn:c}d", None, e="\u00e9"))
    node.tail = "tail"
    assert serialise(node).decode() == '<a xmlns="urn:a">1 &lt; 2<b/><d xmlns="urn:c" e="\u00e9"/></a>'


def test_a_stored_document_may_be_deeper_than_one_that_is_accepted() -> None:
    assert parse(b"<a>" * 400 + b"</a>" * 400).tag == "a"


def test_a_stored_document_has_no_entities() -> None:
    node = parse(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert b"c" not in inner(node)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "text",
        "a &gt; b &lt; c",
        "<b/>",
        "<b/>tail",
        'text<b c="&gt;"/>tail<d/>',
        '<b xmlns="urn:b"><c/></b>',
        '<b:b xmlns:b="urn:b" b:c="d"/>',
        "\u00e9<b>\U0001f600</b>",
    ],
)
@pytest.mark.parametrize("attributes", ["", ' b="c"', ' b=" xmlns"', ' b="&gt;&lt;&quot;"'])
def test_the_inside_of_an_element_is_what_stands_between_its_tags(content: str, attributes: str) -> None:
    assert inner(parse(f"<a{attributes}>{content}</a>".encode())).decode() == content


def test_the_inside_of_an_element_is_whole_without_what_its_start_tag_declared() -> None:
    node = parse(b"<a xmlns:b='urn:b' xmlns:c='urn:c' c:d='e'>text<b:b/>tail<d c:e='f'/></a>")
    before = serialise(node)
    assert inner(node) == b'text<b:b xmlns:b="urn:b"/>tail<d xmlns:c="urn:c" c:e="f"/>'
    assert serialise(node) == before


def test_plain_content_has_no_namespace() -> None:
    node = parse(b"<message xmlns='jabber:client' to='a'>x<body xml:lang='en'>y</body>z</message>")
    assert serialise(plain(node)) == b'<message>x<body xml:lang="en">y</body>z</message>'


def test_what_is_embedded_in_plain_content_keeps_its_namespace() -> None:
    node = parse(b"<m xmlns='jabber:client'><error><x xmlns='urn:x'><body xmlns='jabber:client'/></x></error></m>")
    assert tree(plain(node)) == tree(parse(b"<m><error><x xmlns='urn:x'><body xmlns='jabber:client'/></x></error></m>"))


def test_plain_content_is_so_below_content_that_is_plain() -> None:
    assert tree(plain(parse(b"<m><a><b xmlns='jabber:client'/></a></m>"))) == tree(parse(b"<m><a><b/></a></m>"))


@pytest.mark.parametrize("namespace", ["jabber:client", "urn:x"])
def test_what_is_embedded_without_a_namespace_gets_none(namespace: str) -> None:
    embedded = f"<x xmlns='urn:x'><y xmlns='{namespace}'><z xmlns='' a='b'/></y></x>"
    node = parse(f"<m xmlns='jabber:client'><a>{embedded}</a>tail</m>".encode())
    assert tree(parse(serialise(plain(node)))) == tree(parse(f"<m><a>{embedded}</a>tail</m>".encode()))


def test_content_within_an_element_with_a_prefix_gets_no_prefix_of_its_own() -> None:
    node = parse(
        b"<m xmlns='jabber:client' xmlns:a='urn:a'><a:q><b/><c xmlns='urn:c'><d xmlns='jabber:client'/></c></a:q></m>"
    )
    assert serialise(plain(node)) == (
        b'<m><a:q xmlns:a="urn:a"><b/><c xmlns="urn:c"><d xmlns="jabber:client"/></c></a:q></m>'
    )


def test_a_namespace_that_only_begins_like_that_of_content_is_another() -> None:
    node = parse(b"<m><a xmlns='jabber:client:x'/></m>")
    assert serialise(plain(node)) == b'<m><a xmlns="jabber:client:x"/></m>'


def test_declarations_are_not_multiplied_beyond_measure() -> None:
    def many() -> etree._Element:
        return parse(b"<m xmlns:a='urn:a'><a:b/><a:b/><a:b/></m>")

    assert len(plain(many(), 100)) == 3
    with pytest.raises(ValueError, match="namespace"):
        plain(many(), 40)


@pytest.mark.parametrize(
    "said",
    [
        "<x q:z='0'><y xmlns:q='urn:2' q:b='1' r:b='2'/></x>",
        "<q:x><y xmlns:q='urn:2' q:b='1' r:b='2'/></q:x>",
        "<q:x>a<q:y xmlns:q='urn:2'>b<r:z c='&lt;' xml:lang='en'/>d</q:y>e</q:x>",
        "<x><y xmlns:q='urn:1'><z xmlns:r='urn:1'><z xmlns:q='urn:2' r:b='1' q:b='2'/></z></y></x>",
    ],
)
def test_a_prefix_that_means_two_things_is_not_mixed_up(said: str) -> None:
    """Moving an element, lxml merges declarations without regard to what the prefix means further in."""
    node = parse(f"<m xmlns:q='urn:1' xmlns:r='urn:1'>{said}</m>".encode())
    meant = tree(node)
    (moved,) = plain(node)
    assert tree(parse(serialise(moved))) == meant[3][0][0]
    assert tree(parse(b"<m>" + inner(element("m", None, moved)) + b"</m>")) == ("m", [], "", meant[3])


def test_an_element_that_was_put_into_another_is_not_mixed_up() -> None:
    node = parse(b"<m><x xmlns:q='urn:q'><y xmlns:ns0='urn:0' xmlns:q='urn:e' q:b='1' ns0:b='2'/></x></m>")
    meant = tree(node)
    event = element("{urn:e}event", None, node[0])
    assert tree(parse(serialise(event))) == ("{urn:e}event", [], "", meant[3])


def test_a_prefix_that_means_one_thing_is_kept() -> None:
    said = b'<a:x xmlns:a="urn:a"><a:y xmlns:b="urn:b" b:type="a:q"/></a:x>'
    assert serialise(parse(said)) == said


alone = st.sampled_from(["body", "subject", "{urn:x}body"])
said = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff") | st.just("\r"))


@given(alone, said, st.sampled_from(["", "tail"]), st.sampled_from(["", "text"]), st.booleans())
def test_what_most_messages_are_is_written_as_anything_else_is(
    tag: str, text: str, tail: str, before: str, lang: bool
) -> None:
    child = element(tag, text)
    child.tail = tail or None
    if lang:
        child.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    node = element("message", before, child)
    assert lone_body(node) in (None, inner(node))
    again = parse(b"<message>" + inner(node) + b"</message>")
    assert tree(again) == tree(node)


def test_a_body_alone_is_written_at_a_glance() -> None:
    assert lone_body(element("message", None, element("body", "ciao, \N{WAVING HAND SIGN}"))) is not None
    assert lone_body(element("message", None, element("body", "ciao"), element("thread", "1"))) is None
    assert lone_body(element("message")) is None


def test_a_body_in_no_namespace_says_so_whatever_it_contains() -> None:
    for text in ("x", "&amp;"):
        content = f'<body xmlns="">{text}</body>'
        node = parse(f"<message>{content}</message>".encode())
        assert inner(node).decode() == content
        assert lone_body(node) is None
