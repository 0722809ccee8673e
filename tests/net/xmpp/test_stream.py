from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from net.xmpp import readers, xml
from net.xmpp.stanza import Stanza
from net.xmpp.stream import FOOTER, Closed, Failed, Limits, Misaddressed, Nonza, Opened, Stream, header
from net.xmpp.xml import STREAM, element, serialise
from tests.net.xmpp.streams import (
    HEADER,
    LIMITS,
    after_header,
    bytewise,
    content,
    cut,
    flowing,
    one_stanza,
    play,
    told,
    tree,
)

PLACES = st.lists(st.integers(0, 1000), max_size=5)

CONVERSATIONS = [
    b"<presence/><message to='a@b' id='1'><body>Art thou not Romeo?</body></message><iq type='get' id='2'/>",
    b" \n<presence/>\n\n<presence/> \t\r\n<r xmlns='urn:xmpp:sm:3'/>\n",
    b"<message id='/>'><body>a > b /> c</body></message>",
    b"<message id='\"'/><message id=\"'/>\"/><presence/>",
    "<message><body>caf\u00e9 \u2603 \U0001f600 &#233;&#x2603; &lt;&gt;&amp;&quot;&apos;</body></message>".encode(),
    b"<message><body><![CDATA[<presence/>]]> <![CDATA[</message>]]></body></message><presence/>",
    b"<message xmlns='jabber:client'><body>hi</body></message><presence to='@'/><presence from='@'/>",
    b"<c:message xmlns:c='jabber:client'><c:body>hi</c:body></c:message>",
    b"<message><body/></message></stream:stream>",
    b"<message/></stream:stream> <presence/> & rubbish",
    b"<message/><message><body>no end</message><presence/>",
    b"<message/> rubbish <message/>",
    b"<message/><!-- </message><presence/> --><presence/>",
    b"<message/><stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    b"<message/>&rubbish;<presence/>",
    b"<message/>\xff<presence/>",
    b"<presence/><![>eight<!",
    b"<message><a xmlns='jabber:client'><b:c/><d xmlns='urn:d'><e xmlns=''/></d></a></message>",
    b"<message><![CDATA[<!]]>eight bytes<1></message>",
]

FRAGMENTS = [
    *(b"<message>", b"</message>", b"<message to='a@b' id='1'/>", b"<iq id='/>'>", b"</iq>", b"<presence/>", b"<body>"),
    *(b"</body>", b"hi", b" ", b"\n", b">", b"/>", b"<", b"'", b'"', b"=", b"&lt;", b"&foo;", b"&#0;", b"&#10;", b"]]"),
    *(b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?pi", b"?>", b"<!DOCTYPE x>", b"\xc3\xa9", b"\xff", b"\0", b"\x01"),
    *(b"<a:b/>", b"<x xmlns='q'>", b"</x>", b"<x xmlns:a='b' a:c='d'/>", b"<foo/>", b"<1a/>", b"<x xmlns=''/>"),
    *(b"<r xmlns='urn:xmpp:sm:3'/>", b"</stream:stream>", b"<stream:stream>", b"<stream:error/>", b"<x xmlns:q=''/>"),
    *(b"<message xmlns='jabber:client'>", b"<body xmlns='jabber:client'/>", b"<x y='>'/>", b'<x y="</message>"/>'),
    *(b"<vCard xmlns='vcard-temp'/>", b"<message from='@'/>", b"<message to='@'/>", b"<x xmlns='%%%'/>"),
    b"<message xmlns:s='u' s:a='1'><s:a/><b><s:c/></b></message>",
    b"<error xmlns='jabber:client'><x xmlns='f'><body xmlns='jabber:client'/></x></error>",
    b"<message xml:lang='en' xml:space='preserve'/>",
    b"<x xmlns:q='urn:1' q:z=''><y xmlns:r='urn:1'><z xmlns:q='urn:2' r:b='' q:b=''/></y></x>",
]


# -- the same however it is cut


@pytest.mark.parametrize("said", CONVERSATIONS)
@pytest.mark.parametrize("freely", [True, False])
def test_events_are_the_same_at_once_and_byte_by_byte(said: bytes, freely: bool) -> None:
    at_once = play([HEADER + said], freely=freely)
    assert play([HEADER, said], freely=freely) == at_once
    assert play(bytewise(HEADER + said), freely=freely) == at_once


@given(st.sampled_from(CONVERSATIONS), PLACES, st.booleans())
def test_events_are_the_same_wherever_the_bytes_are_cut(said: bytes, places: list[int], freely: bool) -> None:
    assert play(cut(HEADER + said, places), freely=freely) == play([HEADER + said], freely=freely)


@pytest.mark.parametrize("said", CONVERSATIONS)
@pytest.mark.parametrize("freely", [True, False])
def test_nothing_is_lost_wherever_a_read_ends(said: bytes, freely: bool) -> None:
    everything = play([HEADER, said], freely=freely)
    for place in range(len(said)):
        assert play([HEADER, said[:place], said[place:]], freely=freely) == everything


@given(st.lists(st.tuples(st.sampled_from(CONVERSATIONS), PLACES), min_size=2, max_size=4))
def test_streams_lend_each_other_parsers_and_nothing_else(said: list[tuple[bytes, list[int]]]) -> None:
    streams = [flowing() for _ in said]
    heard: list[list[Any]] = [[] for _ in said]
    for pieces in zip_longest(*(cut(data, places) for data, places in said), fillvalue=b""):
        for number, piece in enumerate(pieces):
            heard[number] += map(told, streams[number].feed(piece))
    assert heard == [after_header(data) for data, _ in said]


def test_between_stanzas_a_stream_has_no_parser_and_none_makes_garbage() -> None:
    stream = flowing()
    gc.collect()
    for _ in range(100):
        stream.feed(b"<message><body>a</body></message><iq")
        stream.feed(b"/>")
    assert stream._reader is None
    for rubbish in (b"</a>", b"<a", b"&b;", b"<message><c", b"<!DOCTYPE d>"):
        stream = flowing()
        stream.feed(b"<message>" + rubbish)
        stream.stop()
    assert gc.collect() < 20


@settings(max_examples=400)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10), PLACES, st.booleans(), st.booleans())
def test_any_mixture_is_accepted_or_blamed_on_the_peer_wherever_it_is_cut(
    fragments: list[bytes], places: list[int], freely: bool, inside: bool
) -> None:
    said = b"".join(fragments)
    if inside:
        said = b"<message>" + said + b"</message><iq/>"
    heard = after_header(said, freely=freely)
    assert play([HEADER, *bytewise(said)], freely=freely)[1:] == heard
    assert play([HEADER, *cut(said, places)], freely=freely)[1:] == heard
    for kind, *rest in heard:
        if kind == "stanza":
            ((again, wire),) = after_header(rest[0].encode())
            assert again == "stanza"
            assert content(wire) == content(rest[0])
            assert "ns0" not in rest[0]


@given(st.binary(max_size=60), PLACES, st.booleans())
def test_any_bytes_are_accepted_or_blamed_on_the_peer(said: bytes, places: list[int], freely: bool) -> None:
    play(cut(said + HEADER, places), freely=freely)
    assert play([HEADER, *cut(said, places)], freely=freely)[1:] == after_header(said, freely=freely)


CROWDED = (
    b"<message><body>" + b">" * 900 + b"</body></message><presence/>",
    b"<message><body x='" + b">" * 900 + b"'/></message> <iq type='get' id='1'><a/></iq>",
    b"<message>" + b"<a/>" * 900 + b"</message><message/><presence><show>",
)


@given(st.sampled_from(CROWDED), PLACES)
def test_events_are_the_same_however_many_tags_are_cut(said: bytes, places: list[int]) -> None:
    assert play([HEADER, *cut(said, places)])[1:] == after_header(said)


def test_what_libxml2_has_mended_is_left_alone() -> None:
    """It used to corrupt memory: some of the tree was taken away before the parser was done with it."""
    said = b"<ge to=>'\0<dy>6\0</b</<m to='a'><by>\0</b</\n<e to='t'>"
    said += b"<dy/b</\xc8<presence/>essage to='a\xc3@b' id='0&>\0\0"
    for _ in range(20):
        assert after_header(said) == [("failed", "not-well-formed")]


def test_a_fault_in_a_crowd_of_tags_ends_the_stream() -> None:
    crowd = b"<a/>" * 900
    assert play([HEADER, b"<message><b>", crowd + b"</c>" + crowd])[1:] == [("failed", "not-well-formed")]


def test_a_header_of_four_bytes_is_refused_at_once() -> None:
    assert play([b"<a/>"]) == play(bytewise(b"<a/>")) == [("failed", "invalid-namespace")]


def test_elements_before_an_error_are_told_before_it() -> None:
    assert after_header(b"<presence/><iq/></iq>") == [
        ("stanza", "<presence/>"),
        ("stanza", "<iq/>"),
        ("failed", "not-well-formed"),
    ]


def test_after_an_error_nothing_is_told() -> None:
    stream = flowing()
    assert [type(event) for event in stream.feed(b"<a></b>")] == [Failed]
    assert stream.feed(b"<presence/>") == stream.proceed() == []


def test_after_the_closing_tag_nothing_is_told() -> None:
    stream = flowing()
    assert stream.feed(b"<presence/></stream:stream><presence/>")[1:] == [Closed()]
    assert stream.feed(b"<presence/>") == []


def test_a_stopped_stream_tells_nothing() -> None:
    stream = flowing()
    stream.stop()
    assert stream.feed(b"<presence/>") == []


# -- the header, and step by step


def test_the_header_is_told_as_it_came() -> None:
    stream = Stream(LIMITS)
    said = HEADER.replace(b"version", b"from='romeo@localhost' xml:lang='it' version")
    assert stream.feed(said) == [Opened("localhost", "romeo@localhost", "1.0", "it", "jabber:client")]


def test_what_a_header_lacks_is_empty() -> None:
    said = f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}'>".encode()
    assert Stream(LIMITS).feed(said) == [Opened("", "", "", "", "jabber:client")]


@pytest.mark.parametrize("prefix", ["s", "stream", "\u00e9"])
def test_the_prefix_of_the_stream_is_free(prefix: str) -> None:
    opening = f"<{prefix}:stream xmlns='jabber:client' xmlns:{prefix}='{STREAM}'>".encode()
    said = f"<presence/></{prefix}:stream>".encode()
    for pieces in ([opening, said], bytewise(opening + said)):
        assert play(pieces)[1:] == [("stanza", "<presence/>"), ("closed",)]


def test_the_header_of_this_side_is_one_that_this_side_accepts() -> None:
    data = header(id="<&\"'>", from_="localhost", to="a&b@c/'\"", lang="en")
    assert Stream(LIMITS).feed(data) == [Opened("a&b@c/'\"", "localhost", "1.0", "en", "jabber:client")]
    assert play([data + FOOTER])[1:] == [("closed",)]


def test_a_stream_pauses_after_its_header_and_after_each_element() -> None:
    stream = Stream(LIMITS)
    assert [type(event) for event in stream.feed(HEADER + b"<iq/><iq/>")] == [Opened]
    assert stream.paused
    assert [type(event) for event in stream.proceed()] == [Stanza]
    assert stream.paused
    assert [type(event) for event in stream.proceed()] == [Stanza]
    assert stream.proceed() == []
    assert not stream.paused


def test_while_paused_what_comes_is_held_back() -> None:
    stream = Stream(LIMITS)
    stream.feed(HEADER)
    assert stream.feed(b"<i") == stream.feed(b"q/>") == []
    assert [type(event) for event in stream.proceed()] == [Stanza]


def test_after_a_restart_a_new_header_is_expected() -> None:
    stream = Stream(LIMITS)
    stream.feed(HEADER)
    stream.proceed()
    (nonza,) = stream.feed(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" + HEADER + b"<iq/>")
    assert isinstance(nonza, Nonza)
    assert [type(event) for event in stream.restart()] == [Opened]
    assert [type(event) for event in stream.proceed()] == [Stanza]


def test_a_restart_forgets_the_prefixes_of_the_first_header() -> None:
    stream = Stream(LIMITS)
    stream.feed(HEADER.replace(b"version", b"xmlns:a='b' version"))
    stream.proceed()
    stream.feed(b"<presence/>" + HEADER)
    stream.restart()
    assert told(stream.proceed(freely=True) or stream.feed(b"<a:x/>")[0]) == ("failed", "not-well-formed")


@pytest.mark.parametrize(("ahead", "leftover"), [(b"", False), (b" \r\n", False), (b"<", True), (b"\x16\x03", True)])
def test_what_was_sent_ahead_of_tls_is_seen(ahead: bytes, leftover: bool) -> None:
    stream = Stream(LIMITS)
    stream.feed(HEADER)
    stream.proceed()
    stream.feed(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + ahead)
    assert stream.leftover is leftover


def test_step_by_step_any_namespace_is_told() -> None:
    assert after_header(b"<hello xmlns='urn:example'>you</hello>", freely=False) == [
        ("nonza", '<hello xmlns="urn:example">you</hello>')
    ]


@pytest.mark.parametrize("namespace", ["urn:xmpp:sm:3", "urn:xmpp:csi:0", STREAM, "urn:ietf:params:xml:ns:xmpp-tls"])
def test_what_is_at_home_on_a_stream_is_told_when_it_flows_freely(namespace: str) -> None:
    said = f'<a xmlns="{namespace}"><b>c</b></a>'
    assert after_header(said.encode() * 2) == [("nonza", said)] * 2


# -- namespaces


def test_stanzas_and_their_content_stand_in_no_namespace() -> None:
    stanza = one_stanza(b"<message><body>hi</body></message>")
    assert stanza.kind == "message"
    assert stanza.text("body") == "hi"


@pytest.mark.parametrize(
    "said",
    [
        b"<message xmlns='jabber:client'><body>hi</body></message>",
        b"<message><body xmlns='jabber:client'>hi</body></message>",
        b"<message xmlns='jabber:client'><body xmlns='jabber:client'>hi</body></message>",
        b"<message xmlns='jabber&#58;client'><body>hi</body></message>",
        b"<message><body xmlns='jabber&#58;client'>hi</body></message>",
        b"<c:message xmlns:c='jabber:client'><c:body>hi</c:body></c:message>",
        b"<message><c:body xmlns:c='jabber:client'>hi</c:body></message>",
    ],
)
def test_content_that_names_its_namespace_is_as_any_other(said: bytes) -> None:
    for pieces in ([HEADER, said], [HEADER, *bytewise(said)]):
        assert play(pieces)[1:] == [("stanza", "<message><body>hi</body></message>")]
    assert one_stanza(said).text("body") == "hi"


def test_a_prefix_for_the_content_namespace_may_be_declared_in_the_header() -> None:
    opening = HEADER.replace(b"version", b"xmlns:c='jabber:client' version")
    assert one_stanza(b"<c:message><c:body>hi</c:body></c:message>", opening).wire == (
        b"<message><body>hi</body></message>"
    )


def test_an_embedded_stanza_keeps_its_namespace() -> None:
    inside = (
        '<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"><body>hi</body></message></forwarded>'
    )
    for namespace in ("", " xmlns='jabber:client'"):
        stanza = one_stanza(f"<message{namespace}>{inside}</message>".encode())
        assert stanza.body.decode() == inside
        assert stanza.payload is not None
        assert stanza.payload[0].tag == "{jabber:client}message"


def test_what_names_its_namespace_in_one_stanza_does_not_matter_to_the_next() -> None:
    said = b'<message><x xmlns="urn:example"><body xmlns="jabber:client"/></x></message>'
    assert after_header(said * 2) == [("stanza", said.decode())] * 2


@pytest.mark.parametrize("place", ["header", "stanza"])
def test_a_prefix_declared_above_is_declared_where_it_is_used(place: str) -> None:
    declared = b" xmlns:a='urn:a' xmlns:b='urn:b'"
    opening, start = (HEADER[:-1] + declared + b">", b"") if place == "header" else (HEADER, declared)
    stanza = one_stanza(b"<iq" + start + b">x<a:x b:c='d'><a:y/></a:x>y<z><a:y/></z></iq>", opening)
    assert content(stanza.wire)[3] == [
        (
            (
                "iq",
                [],
                "x",
                [
                    (("{urn:a}x", [("{urn:b}c", "d")], "", [(("{urn:a}y", [], "", []), "")]), "y"),
                    (("z", [], "", [(("{urn:a}y", [], "", []), "")]), ""),
                ],
            ),
            "",
        )
    ]
    assert content(b"<r>" + stanza.body + b"</r>")  # each child stands by itself


def test_an_attribute_with_a_prefix_goes_through() -> None:
    stanza = one_stanza(b"<iq xmlns:a='urn:a' a:b='c' a:d='e' xml:space='preserve' xml:lang='it'/>")
    assert stanza.lang == "it"
    assert content(stanza.wire)[3][0][0][1] == [
        ("{http://www.w3.org/XML/1998/namespace}lang", "it"),
        ("{http://www.w3.org/XML/1998/namespace}space", "preserve"),
        ("{urn:a}b", "c"),
        ("{urn:a}d", "e"),
    ]


@pytest.mark.parametrize(("attributes", "attribute"), [("to='@'", "to"), ("from='@'", "from"), ("to='' id='1'", "to")])
def test_an_address_that_is_none_is_told_with_the_stanza(attributes: str, attribute: str) -> None:
    (event,) = flowing().feed(f"<iq {attributes} type='get'><q/></iq>".encode())
    assert isinstance(event, Misaddressed)
    assert event.attribute == attribute
    assert event.reason
    assert event.stanza.type == "get"
    assert event.stanza.to is event.stanza.from_ is None
    assert event.stanza.body == b"<q/>"


# -- limits

SMALL = Limits(before=1000, after=2000)

DRIPS: list[tuple[str, Callable[[int], bytes]]] = [
    ("text", lambda size: b"<iq>" + b"x" * size),
    ("text with >", lambda size: b"<iq>" + b">" * size),
    ("references", lambda size: b"<iq>" + b"&lt;" * (size // 4)),
    ("a start tag", lambda size: b"<iq" + b" " * size),
    ("a name", lambda size: b"<" + b"x" * size),
    ("an attribute", lambda size: b"<iq a='" + b"x" * size),
    ("an attribute with >", lambda size: b"<iq a='" + b">" * size),
    ("attributes", lambda size: b"<iq><a" + b"".join(b" a%d='>'" % number for number in range(size // 9))),
    ("namespaces", lambda size: b"<iq><a" + b"".join(b" xmlns:a%d='b'" % number for number in range(size // 14))),
    ("elements", lambda size: b"<iq>" + b"<a/>" * (size // 4)),
    ("an end tag", lambda size: b"<iq></iq" + b" " * size),
    ("CDATA", lambda size: b"<iq><![CDATA[" + b"x>" * (size // 2)),
    ("a comment", lambda size: b"<iq><!--" + b"x>" * (size // 2)),
    ("an instruction", lambda size: b"<iq><?x " + b"x>" * (size // 2)),
    ("a reference", lambda size: b"<iq>&" + b"x" * size),
    ("a declaration", lambda size: b"<!DOCTYPE x [" + b" " * size),
    ("text between stanzas", lambda size: b"x" * size),
]


@pytest.mark.parametrize("drip", [make for _, make in DRIPS], ids=[name for name, _ in DRIPS])
@pytest.mark.parametrize("freely", [True, False])
@pytest.mark.parametrize("read", [1, 100, 10_000])
def test_what_has_no_end_is_refused_at_the_limit(drip: Callable[[int], bytes], freely: bool, read: int) -> None:
    limit = SMALL.after if freely else SMALL.before
    data = drip(2 * limit)
    fits = data[:limit] if read > 1 else data[: limit - 100]
    stream = Stream(SMALL)
    stream.feed(HEADER)
    stream.proceed(freely=freely)
    pieces = [fits[start : start + read] for start in range(0, len(fits), read)]
    assert [event for piece in pieces for event in stream.feed(piece)] == []
    events = stream.feed(data[len(fits) :])
    assert [told(event) for event in events] == [("failed", "policy-violation")]


@pytest.mark.parametrize("freely", [True, False])
def test_a_stanza_may_be_as_large_as_the_limit_and_not_a_byte_larger(freely: bool) -> None:
    limit = SMALL.after if freely else SMALL.before
    largest = b"<message>" + b"x" * (limit - 19) + b"</message>"
    larger = largest.replace(b"xx", b"xxx", 1)
    assert len(largest) == limit
    for pieces in ([largest] * 2, bytewise(largest * 2)):
        assert [kind for kind, *_ in play([HEADER, *pieces], freely=freely, limits=SMALL)[1:]] == ["stanza"] * 2
    for pieces in ([larger], bytewise(larger)):
        assert play([HEADER, *pieces], freely=freely, limits=SMALL)[1:] == [("failed", "policy-violation")]


@given(st.lists(st.integers(1, 1900), max_size=8), PLACES)
def test_no_stanza_within_the_limit_is_refused_whatever_came_with_it(sizes: list[int], places: list[int]) -> None:
    said = b"".join(b"<message>" + b"x" * size + b"</message>" for size in sizes)
    heard = play([HEADER, *cut(said, [place * 17 for place in places])], limits=SMALL)[1:]
    assert [kind for kind, *_ in heard] == ["stanza"] * len(sizes)


@given(PLACES)
def test_no_more_than_one_read_is_ever_taken_beyond_the_limit(places: list[int]) -> None:
    said = b"<presence/>" + b"<message>" + b"x" * 6000 + b"</message>"
    pieces = cut(said, [place * 7 for place in places])
    stream = flowing(SMALL)
    fed = 0
    for piece in pieces:
        if any(isinstance(event, Failed) for event in stream.feed(piece)):
            break
        fed += len(piece)
    assert fed <= len(b"<presence/>") + SMALL.after + max(map(len, pieces))
    assert fed < len(said)


def test_what_is_held_back_during_a_pause_is_limited() -> None:
    stream = Stream(SMALL)
    stream.feed(HEADER)
    assert stream.feed(b"<iq/>" * 200) == []
    assert [told(event) for event in stream.feed(b"<")] == [("failed", "policy-violation")]


def test_a_header_is_limited() -> None:
    assert play([HEADER[:-1] + b" " * 1000], limits=SMALL) == [("failed", "policy-violation")]


def test_white_space_between_stanzas_costs_nothing() -> None:
    stream = flowing(SMALL)
    assert [event for _ in range(100) for event in stream.feed(b" \n" * 1000)] == []
    assert [type(event) for event in stream.feed(b"<presence/>")] == [Stanza]


@pytest.mark.parametrize("read", [1, 65536])
def test_elements_nested_too_deeply_are_refused(read: int) -> None:
    deep = b"<iq>" + b"<a>" * 5000
    pieces = [deep[start : start + read] for start in range(0, len(deep), read)]
    assert play([HEADER, *pieces])[1:] == [("failed", "policy-violation")]


def test_what_is_nested_as_deeply_as_may_be_can_be_sent_on_and_parsed_again() -> None:
    wire = b"<iq>" + b"<a>" * 250 + b"</a>" * 250 + b"</iq>"
    stanza = one_stanza(wire)
    assert content(wire)
    assert stanza.wire == wire.replace(b"<a></a>", b"<a/>")
    wrapped = Stanza("message", content=element("message", None, element("{urn:a}a", None, *stanza)))
    assert len(wrapped.at_rest().element) == 1


def test_too_many_attributes_are_refused() -> None:
    assert after_header(b"<iq" + b"".join(b" a%d=''" % number for number in range(60)) + b"/>") == [
        ("failed", "policy-violation")
    ]


@pytest.mark.parametrize("place", ["header", "stanza"])
def test_a_declaration_is_not_multiplied_beyond_the_limit(place: str) -> None:
    declared = b" xmlns:a='" + b"u" * 5000 + b"'"
    opening, start = (HEADER[:-1] + declared + b">", b"") if place == "header" else (HEADER, declared)
    said = b"<iq" + start + b">" + b"<a:x/>" * 100 + b"</iq>"
    assert play([opening, said])[1:] == [("failed", "policy-violation")]


def test_a_declaration_is_not_multiplied_by_attributes() -> None:
    said = b"<iq xmlns:a='" + b"u" * 5000 + b"'" + b"".join(b" a:b%d=''" % number for number in range(40)) + b"/>"
    assert len(one_stanza(said).wire) < len(said) + 100


def test_names_that_peers_invent_are_forgotten() -> None:
    streams = [flowing(limits=Limits(10_000, 100_000)) for _ in range(10)]
    for turn in range(10):
        for number, stream in enumerate(streams):
            names = b"".join(b"<n%dx%dx%d a%dx%dx%d=''/>" % ((turn, number, count) * 2) for count in range(600))
            assert [type(event) for event in stream.feed(b"<iq>" + names + b"</iq>")] == [Stanza]
    assert etree.memory_debugger.dict_size() < 2 * readers.MOST_NAMES


def test_streams_and_stanzas_outlive_the_dictionary_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOST_NAMES", 0)  # a new dictionary for each parser
    streams = [flowing() for _ in range(10)]
    stanzas: list[Any] = []
    for number, stream in enumerate(streams):
        stanzas += stream.feed(b"<iq><b%d c%d='d'>  e  </b%d></iq><message><f%d>" % ((number,) * 4))
    for number, stream in enumerate(streams):
        stanzas += stream.feed(b"</f%d></message>" % number)
        assert [told(event) for event in stream.feed(b"<iq><g%d></h>" % number)] == [("failed", "not-well-formed")]
    del stream, streams
    gc.collect()
    together = element("all", None, *(child for stanza in stanzas for child in stanza))
    names = [child.tag for child in together]
    assert sorted(names) == sorted(f"{letter}{number}" for letter in "bf" for number in range(10))
    del stanzas
    gc.collect()
    assert tree(xml.parse(serialise(together))) == tree(together)
