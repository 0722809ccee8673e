from __future__ import annotations

import pytest

from net.xmpp.errors import STANZA_CONDITIONS, STREAM_CONDITIONS, StanzaError, StreamError
from net.xmpp.xml import STREAM, element, parse

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
STREAMS = "{urn:ietf:params:xml:ns:xmpp-streams}"

# RFC 6120 §8.3.3.1 to §8.3.3.22, with the error types that each section recommends.
RECOMMENDED = [
    ("bad-request", {"modify"}),
    ("conflict", {"cancel"}),
    ("feature-not-implemented", {"cancel", "modify"}),
    ("forbidden", {"auth"}),
    ("gone", {"cancel"}),
    ("internal-server-error", {"cancel"}),
    ("item-not-found", {"cancel"}),
    ("jid-malformed", {"modify"}),
    ("not-acceptable", {"modify"}),
    ("not-allowed", {"cancel"}),
    ("not-authorized", {"auth"}),
    ("policy-violation", {"modify", "wait"}),
    ("recipient-unavailable", {"wait"}),
    ("redirect", {"modify"}),
    ("registration-required", {"auth"}),
    ("remote-server-not-found", {"cancel"}),
    ("remote-server-timeout", {"wait"}),
    ("resource-constraint", {"wait"}),
    ("service-unavailable", {"cancel"}),
    ("subscription-required", {"auth"}),
    ("undefined-condition", {"auth", "cancel", "continue", "modify", "wait"}),
    ("unexpected-request", {"wait", "modify"}),
]

# RFC 6120 §4.9.3.1 to §4.9.3.25
OF_STREAMS = """
    bad-format bad-namespace-prefix conflict connection-timeout host-gone host-unknown improper-addressing
    internal-server-error invalid-from invalid-namespace invalid-xml not-authorized not-well-formed policy-violation
    remote-connection-failed reset resource-constraint restricted-xml see-other-host system-shutdown
    undefined-condition unsupported-encoding unsupported-feature unsupported-stanza-type unsupported-version
"""


def test_the_conditions_are_those_of_the_rfc() -> None:
    assert set(STANZA_CONDITIONS) == {condition for condition, _ in RECOMMENDED}
    assert set(OF_STREAMS.split()) == STREAM_CONDITIONS


@pytest.mark.parametrize(("condition", "types"), RECOMMENDED)
def test_each_condition_of_a_stanza_has_a_type_that_the_rfc_recommends(condition: str, types: set[str]) -> None:
    node = parse(StanzaError(condition).xml())
    assert node.tag == "error"
    assert node.get("type") in types
    assert [child.tag for child in node] == [STANZAS + condition]


@pytest.mark.parametrize("type", ["auth", "cancel", "continue", "modify", "wait"])
def test_another_type_may_be_given(type: str) -> None:
    assert parse(StanzaError("policy-violation", type=type).xml()).get("type") == type


def test_an_unknown_condition_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        StanzaError("no-such-condition")
    with pytest.raises(AssertionError):
        StreamError("no-such-condition")


def test_the_condition_comes_first_then_the_text_then_the_detail() -> None:
    detail = element("{urn:example}too-many", "a < b")
    node = parse(StanzaError("conflict", 'no "more" <than> 3', detail=detail).xml())
    assert [child.tag for child in node] == [f"{STANZAS}conflict", f"{STANZAS}text", "{urn:example}too-many"]
    assert [child.text for child in node] == [None, 'no "more" <than> 3', "a < b"]
    assert node[1].get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


@pytest.mark.parametrize("condition", OF_STREAMS.split())
def test_each_stream_error_stands_in_the_namespace_of_streams(condition: str) -> None:
    data = StreamError(condition, "<why>").xml()
    node = parse(f"<r xmlns:stream='{STREAM}'>".encode() + data + b"</r>")[0]
    assert node.tag == f"{{{STREAM}}}error"
    assert [child.tag for child in node] == [STREAMS + condition, f"{STREAMS}text"]
    assert node[1].text == "<why>"


def test_an_error_without_text_has_none() -> None:
    assert b"<text" not in StanzaError("conflict").xml() + StreamError("conflict").xml()


def test_a_stream_error_can_say_more_after_its_text() -> None:
    error = StreamError("undefined-condition", "why", detail=element("{urn:x}more", None, n="1"))
    xml = error.xml().decode()
    assert xml.index("<undefined-condition") < xml.index("why</text>") < xml.index('<more xmlns="urn:x" n="1"/>')
