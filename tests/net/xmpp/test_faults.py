"""Which stream error answers which fault (RFC 6120 §4.9.3, §11), however the bytes are cut."""

import pytest

from net.xmpp.xml import STREAM
from tests.net.xmpp.streams import HEADER, after_header, bytewise, play

LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'

BEFORE_THE_HEADER = [
    ("restricted-xml", b"<!DOCTYPE stream>"),
    ("restricted-xml", LAUGHS),
    ("restricted-xml", b"<?xml version='1.0'?>\n<!DOCTYPE stream>"),
    ("restricted-xml", b"<!-- hello -->"),
    ("restricted-xml", b"<?php?>"),
    ("restricted-xml", b"<?xml version='1.0'?><?xml-stylesheet href='x'?>"),
    ("unsupported-encoding", b"<?xml version='1.0' encoding='ISO-8859-1'?>"),
    ("unsupported-encoding", b"<?xml version='1.0' encoding='utf-16'?>"),
    ("unsupported-encoding", "<stream".encode("utf-16")),
    ("unsupported-encoding", "<stream".encode("utf-16-le")),
    ("unsupported-encoding", "<stream".encode("utf-16-be")),
    ("not-well-formed", b"\xef\xbb\xbf"),  # §11.6: U+FEFF is no byte order mark here
    ("not-well-formed", b"hello"),
    ("not-well-formed", b"&amp;"),
    ("not-well-formed", b"]]>"),
    ("not-well-formed", b"<?xml?>"),
    ("not-well-formed", b"<?xml encoding='utf-8'?>"),
    ("not-well-formed", b"<?xml version='1.0' encoding='utf-8' else='?'?>"),
    ("not-well-formed", b"<?xml " + b" " * 300),
    ("not-well-formed", b"</stream:stream>"),
    ("not-well-formed", b"< stream>"),
]


@pytest.mark.parametrize(("condition", "data"), BEFORE_THE_HEADER)
def test_what_may_not_stand_before_the_header(condition: str, data: bytes) -> None:
    assert play([data + HEADER]) == [("failed", condition)]
    assert play(bytewise(data + HEADER)) == [("failed", condition)]


HEADERS = [
    ("invalid-namespace", f"<stream:stream xmlns:stream='{STREAM}'>"),
    ("invalid-namespace", f"<stream:stream xmlns='jabber:server' xmlns:stream='{STREAM}'>"),
    ("invalid-namespace", f"<stream:stream xmlns='' xmlns:stream='{STREAM}'>"),
    ("invalid-namespace", "<stream:stream xmlns='jabber:client' xmlns:stream='http://example.com/streams'>"),
    ("invalid-namespace", "<stream xmlns='jabber:client'>"),
    ("invalid-namespace", f"<stream xmlns='{STREAM}'>"),
    ("invalid-namespace", f"<stream xmlns='{STREAM}' xmlns:c='jabber:client'>"),
    ("invalid-namespace", "<stream>"),
    ("bad-format", f"<stream:river xmlns='jabber:client' xmlns:stream='{STREAM}'>"),
    ("bad-format", f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}'/>"),
    ("not-well-formed", "<stream:stream xmlns='jabber:client'>"),
    ("not-well-formed", f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' other:to='x'>"),
    ("not-well-formed", f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' to='a' to='b'>"),
    ("restricted-xml", f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' to='&host;'>"),
]


@pytest.mark.parametrize(("condition", "header"), HEADERS)
def test_a_wrong_header(condition: str, header: str) -> None:
    assert play([header.encode()]) == [("failed", condition)]
    assert play(bytewise(header.encode())) == [("failed", condition)]


INSIDE = [
    # RFC 6120 §11.1
    ("restricted-xml", b"<!-- hello -->"),
    ("restricted-xml", b"<?php hello?>"),
    ("restricted-xml", b"<!DOCTYPE html>"),
    ("restricted-xml", LAUGHS),
    ("restricted-xml", b"<!ENTITY a 'b'>"),
    ("restricted-xml", b"&nbsp;"),
    # §4.9.3.13
    ("not-well-formed", b"</iq>"),
    ("not-well-formed", b"<a></b>"),
    ("not-well-formed", b"<1a/>"),
    ("not-well-formed", b"< a/>"),
    ("not-well-formed", b"<a b/>"),
    ("not-well-formed", b"<a b=c/>"),
    ("not-well-formed", b"<a b='1' b='2'/>"),
    ("not-well-formed", b"<a b='<'/>"),
    ("not-well-formed", b"]]>"),
    ("not-well-formed", b"&amp ;"),
    ("not-well-formed", b"&#0;"),
    ("not-well-formed", b"&#x1;"),
    ("not-well-formed", b"&#xD800;"),
    ("not-well-formed", b"&#x110000;"),
    ("not-well-formed", b"&#99999999999999999999;"),
    ("not-well-formed", b"\0"),
    ("not-well-formed", b"<a b='\0'/>"),
    ("not-well-formed", b"<![CDATA[\0]]>"),
    ("not-well-formed", b"\x01"),
    ("not-well-formed", "\ufffe".encode()),
    ("not-well-formed", b"<?xml version='1.0'?>"),
    # ... and the rules of namespaces in XML, which libxml2 does not insist on
    ("not-well-formed", b"<a:b/>"),
    ("not-well-formed", b"<xmlns:b/>"),
    ("not-well-formed", b"<b a:c=''/>"),
    ("not-well-formed", b"<a:b:c xmlns:a='d'/>"),
    ("not-well-formed", b"<:a/>"),
    ("not-well-formed", b"<a:/>"),
    ("not-well-formed", b"<a :b=''/>"),
    ("not-well-formed", b"<a xmlns:b=''/>"),
    ("not-well-formed", b"<a xmlns:xml='b'/>"),
    ("not-well-formed", b"<a xmlns:xmlns='b'/>"),
    ("not-well-formed", b"<a xmlns='http://www.w3.org/2000/xmlns/'/>"),
    ("not-well-formed", b"<a xmlns:b='c' xmlns:d='c' b:e='' d:e=''/>"),
    ("not-well-formed", b"<a xmlns='%%%'/>"),
    ("not-well-formed", b"<a xmlns='b}c'/>"),
    # §4.9.3.22, §11.6
    ("unsupported-encoding", b"\xff"),
    ("unsupported-encoding", b"caf\xe9 "),
    ("unsupported-encoding", b"\xc3\xc3"),
    ("unsupported-encoding", b"\xc0\x80"),
    ("unsupported-encoding", b"\xed\xa0\x80"),
    ("unsupported-encoding", b"\xf5\x80\x80\x80"),
    ("unsupported-encoding", b"<a b='\xff'/>"),
]


@pytest.mark.parametrize(("condition", "data"), INSIDE)
@pytest.mark.parametrize("freely", [True, False])
def test_a_fault_inside_a_stanza(condition: str, data: bytes, freely: bool) -> None:
    said = b"<presence/><message>" + data + b"</message><presence/>"
    expected = [("stanza", "<presence/>"), ("failed", condition)]
    assert after_header(said, freely=freely) == expected
    assert play([HEADER, *bytewise(said)], freely=freely)[1:] == expected


BETWEEN = [
    ("restricted-xml", b"<!-- hello -->"),
    ("restricted-xml", b"<?php hello?>"),
    ("restricted-xml", b"<!DOCTYPE html>"),
    ("restricted-xml", b"&nbsp;"),
    ("not-well-formed", b"</iq>"),
    ("not-well-formed", b"<1a/>"),
    ("not-well-formed", b"\0"),
    ("not-well-formed", b"<a:message/>"),
    ("unsupported-encoding", b"\xff"),
    ("bad-format", b"hello"),
    ("bad-format", b"&lt;"),
    ("bad-format", b"<![CDATA[hello]]>"),
    ("bad-format", "\u00a0".encode()),
    ("bad-format", "\ufeff".encode()),
    ("unsupported-stanza-type", b"<hello/>"),
    ("unsupported-stanza-type", b"<hello xmlns='jabber:client'/>"),
    ("unsupported-stanza-type", b"<message xmlns='jabber:server'/>"),
    ("unsupported-stanza-type", b"<stream:stream>"),
    ("unsupported-stanza-type", b"<stream:stream/>"),
    ("unsupported-stanza-type", HEADER),
]


@pytest.mark.parametrize(("condition", "data"), BETWEEN)
def test_a_fault_between_stanzas(condition: str, data: bytes) -> None:
    said = b"<presence/> " + data + b"<presence/>"
    expected = [("stanza", "<presence/>"), ("failed", condition)]
    assert after_header(said) == expected
    assert play([HEADER, *bytewise(said)])[1:] == expected


def test_an_element_of_no_interest_is_refused_before_its_end() -> None:
    assert after_header(b"<hello xmlns='urn:example'>") == [("failed", "unsupported-stanza-type")]


def test_a_namespace_name_that_is_no_absolute_uri_is_in_order() -> None:
    said = b'<iq><vCard xmlns="vcard-temp"/></iq>'
    assert after_header(said * 2) == [("stanza", said.decode())] * 2
