"""docs/rfc.md: what it names is there. And what is about the whole server, and no part of it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from actors.config import ConfigError, Limits
from actors.server import configure
from tests.couple import JULIET, ROMEO, relate
from tests.world import World

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "rfc.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)))
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line[:1] == "|"]
DEMANDS = [row for row in ROWS if row[0] not in ("feature", "demand", "---")]


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_that_the_table_names_exists(file: str, name: str) -> None:
    assert name in names_in(file)


@pytest.mark.parametrize("row", DEMANDS, ids=lambda row: row[0])
def test_each_row_names_a_test_or_says_why_there_is_none(row: list[str]) -> None:
    name, section, level, *what, proof = row
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert re.fullmatch(r"\d+(\.\d+)*", section)
    assert level in ("MUST", "SHOULD", "MAY", "N/A")
    assert [bool(text) for text in what] in ([], [True])
    tests = r"`[\w/]+\.py::test_\w+`"
    assert re.fullmatch(rf"({tests}, )*{tests}(; .+)?|not: .+|not yet: federation", proof)


def test_each_demand_has_one_row() -> None:
    names = [row[0] for row in DEMANDS]
    assert len(names) > 200
    assert len(names) == len(set(names))


def test_each_section_of_the_security_considerations_has_a_row_or_is_said_to_demand_nothing() -> None:
    part = TABLE.partition("## RFC 6120 §13")[2].partition("\n## ")[0]
    mentioned = {int(number) for number in re.findall(r"\b13\.(\d+)", part)}
    assert mentioned == set(range(1, 16))


# -- languages (RFC 6120 §4.7.4, §4.9.2, §6.5, §8.3.2)


@pytest.mark.parametrize("asked", ["", " xml:lang='de'"])
def test_the_answer_says_in_which_language_the_server_speaks(asked: str) -> None:
    client = World().wire()
    stream = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    client.says(f"<stream:stream to='localhost' version='1.0' {stream}{asked}>")
    assert ' xml:lang="en"' in client.raw.partition("<stream:features>")[0]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("<message to='@' xml:lang='de'/>", "jid-malformed"),
        ("<presence xml:lang='de'><priority>x</priority></presence>", "bad-request"),
        ("<iq type='get' xml:lang='de'/>", "bad-request"),
        ("<starttls/>", "unsupported-stanza-type"),
    ],
)
def test_the_text_of_each_error_says_that_it_is_english(said: str, error: str) -> None:
    client = World("romeo").wire().opens(**{"xml:lang": "de"})
    client.hears()
    client.says("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    refused = client.raw
    assert "<malformed-request/>" in refused
    heard = refused + client.logs_in("romeo").binds().says(said).raw
    assert f"<{error} " in heard
    texts = re.findall(r"<text[^>]*>", heard)
    assert len(texts) == 2
    assert all(' xml:lang="en"' in text for text in texts)


# -- addresses (RFC 6120 §13.10.1)

QUESTIONS = (
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "<query xmlns='jabber:iq:last'/>",
    "<query xmlns='jabber:iq:version'/>",
    "<query xmlns='jabber:iq:roster'/>",
    "<query xmlns='jabber:iq:register'/>",
    "<vCard xmlns='vcard-temp'/>",
    "<time xmlns='urn:xmpp:time'/>",
    "<ping xmlns='urn:xmpp:ping'/>",
)


def test_nobody_learns_from_which_address_somebody_is_connected() -> None:
    world = World("romeo", "juliet", "tybalt")
    relate(world, ROMEO, JULIET, "both")
    others = [world.available("juliet"), world.available("tybalt")]
    romeo = world.wire()
    romeo.wire.peer = romeo.session._peer = "192.0.2.77:4711"
    romeo.opens().logs_in("romeo").binds("orchard").says("<presence/><presence to='tybalt@localhost'/>")
    for other in others:
        romeo.says(f"<message to='{other.jid}'><body>hi</body></message>")
        for to in ("romeo@localhost", romeo.jid, "localhost"):
            for question in QUESTIONS:
                other.says(f"<iq type='get' id='q' to='{to}'>{question}</iq>")
    asked = romeo.hears()
    for question in asked:
        if question.get("type") == "get":
            romeo.says(f"<iq type='result' id='q' to='{question.get('from')}'/>")
    romeo.wire.cut()
    for other in others:
        heard = other.raw
        assert "unavailable" in heard
        assert "hi</body>" in heard
        assert len(etree.fromstring(f"<r>{heard}</r>").findall("iq")) == 3 * len(QUESTIONS)
        assert "192.0.2.77" not in heard


# -- sizes (RFC 6120 §13.12)


@pytest.mark.parametrize("option", ["stanza", "stanza_before_login"])
def test_no_limit_of_a_stanza_can_be_below_what_everybody_is_granted(option: str) -> None:
    with pytest.raises(ConfigError, match="from 10000"):
        configure(None, [f"limits.{option}=9999"])
    assert getattr(Limits(), option) >= 10_000
