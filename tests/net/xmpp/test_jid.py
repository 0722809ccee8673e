import copy
import gc
import ipaddress
import pickle
import string
import time
import unicodedata

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from precis_i18n import get_profile

from net.xmpp.jid import JID, JIDMalformed, prepare_domain, prepare_local, prepare_resource

USERNAME = get_profile("UsernameCaseMapped")
OPAQUE = get_profile("OpaqueString")

ASCII = st.text(st.characters(max_codepoint=0x7F), max_size=20)
SEPARATED = st.text(st.sampled_from("aA1@/.[]:%-\u212a\uff20\uff0f\uff0e\u3002\u0130\u05d0\ud800 "), max_size=20)
ANYTHING = st.text(st.characters(codec=None), max_size=20)
# Letters and marks that contextual rules look at, and the characters that ask for a look.
CONTEXTUAL = st.text(
    st.sampled_from(
        "\u30fb\u0660\u0669\u06f0\u06f9\u00b7\u0375\u05f3\u200c\u200dl0\u03b1\u05d0\u6f22\u0915\u094d\u0628"
    )
)


def test_a_full_address_has_three_parts():
    jid = JID.parse("juliet@example.com/balcony")
    assert (jid.local, jid.domain, jid.resource) == ("juliet", "example.com", "balcony")


def test_an_absent_part_is_an_empty_string():
    jid = JID.parse("example.com")
    assert (jid.local, jid.domain, jid.resource) == ("", "example.com", "")


def test_a_domain_may_have_a_resource_and_no_local():
    jid = JID.parse("example.com/room")
    assert (jid.local, jid.domain, jid.resource) == ("", "example.com", "room")


def test_separators_within_the_resource_belong_to_it():
    assert JID.parse("example.com/a@b/c").resource == "a@b/c"


def test_an_address_is_its_prepared_string():
    assert JID.parse("Juliet@EXAMPLE.com./Balcony") == "juliet@example.com/Balcony"


def test_spellings_of_one_address_are_one_key():
    assert {JID.parse("JULIET@example.com"): 1}[JID.parse("juliet@Example.Com")] == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("example.com", "is_domain"),
        ("juliet@example.com", "is_bare"),
        ("juliet@example.com/x", "is_full"),
        ("example.com/x", "is_full"),
    ],
)
def test_an_address_is_of_one_kind(text, kind):
    jid = JID.parse(text)
    assert [name for name in ("is_domain", "is_bare", "is_full") if getattr(jid, name)] == [kind]


def test_the_bare_address_drops_the_resource():
    bare = JID.parse("juliet@example.com/balcony").bare
    assert bare == "juliet@example.com"
    assert bare.is_bare


@pytest.mark.parametrize("text", ["juliet@example.com", "example.com"])
def test_an_address_without_resource_is_its_own_bare_address(text):
    jid = JID.parse(text)
    assert jid.bare is jid


def test_resources_of_one_account_share_the_bare_address():
    assert JID.parse("juliet@example.com/a").bare is JID.parse("juliet@example.com/b").bare


def test_a_resource_can_be_replaced():
    assert JID.parse("juliet@example.com/balcony").with_resource("chamber") == "juliet@example.com/chamber"


def test_an_empty_resource_cannot_be_set():
    with pytest.raises(JIDMalformed, match="resourcepart is empty"):
        JID.parse("juliet@example.com").with_resource("")


def test_an_address_is_made_of_unprepared_parts():
    assert JID.of("Juliet", "Example.com.", "Balcony") == JID.parse("juliet@example.com/Balcony")


def test_parts_may_be_left_out():
    assert JID.of("", "example.com").is_domain
    assert JID.of("juliet", "example.com").is_bare


@pytest.mark.parametrize(
    "parts", [("a@b", "example.com"), ("a/b", "example.com"), ("a", "b@c"), ("a", "b/c"), ("a", "")]
)
def test_parts_cannot_bring_separators_of_their_own(parts):
    with pytest.raises(JIDMalformed):
        JID.of(*parts)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "domainpart"),
        ("/", "domainpart"),
        ("@", "localpart"),
        ("@example.com", "localpart"),
        ("juliet@", "domainpart"),
        ("juliet@/balcony", "domainpart"),
        ("juliet@example.com/", "resourcepart"),
        ("/balcony", "domainpart"),
    ],
)
def test_an_empty_part_is_refused_by_name(text, part):
    with pytest.raises(JIDMalformed, match=f"{part} is empty"):
        JID.parse(text)


@pytest.mark.parametrize("prepare", [prepare_local, prepare_resource])
@pytest.mark.parametrize("character", ["a", "\u00e9", "\u6f22"])
def test_a_part_of_1023_bytes_is_accepted(prepare, character):
    text = character * (1023 // len(character.encode()))
    text += "a" * (1023 - len(text.encode()))
    assert prepare(text) == text


@pytest.mark.parametrize("prepare", [prepare_local, prepare_resource, prepare_domain])
@pytest.mark.parametrize("text", ["a" * 1024, "\u00e9" * 512, "\U00010400" * 256])
def test_a_part_of_1024_bytes_is_refused(prepare, text):
    with pytest.raises(JIDMalformed, match="exceeds 1023"):
        prepare(text)


def test_a_resource_that_preparation_makes_too_long_is_refused():
    # U+0958 is two bytes longer once it has been decomposed, and NFC never composes it again.
    text = "\u0958" * 341
    with pytest.raises(JIDMalformed, match="exceeds 1023"):
        prepare_resource(text)


@pytest.mark.parametrize("character", "\"&'/:<>@")
def test_the_eight_excluded_characters_are_refused_in_a_localpart(character):
    with pytest.raises(JIDMalformed, match="localpart"):
        prepare_local(f"a{character}b")


@pytest.mark.parametrize("character", "\uff02\uff06\uff07\uff0f\uff1a\uff1c\uff1e\uff20")
def test_a_wide_form_of_an_excluded_character_is_refused(character):
    with pytest.raises(JIDMalformed, match="excluded"):
        prepare_local(f"a{character}b")


def test_a_localpart_is_mapped_in_width_and_case_and_normalised():
    assert prepare_local("\uff21\u0301B\u00c9") == "\u00e1b\u00e9"


@pytest.mark.parametrize("text", ["a b", "\u2163", "\u265a", "\u05d0a", "a\x00", "a\x7f", "\ud800"])
def test_what_usernames_may_not_contain_is_refused(text):
    with pytest.raises(JIDMalformed, match="localpart"):
        prepare_local(text)


def test_a_resource_keeps_case_and_symbols_and_gets_plain_spaces():
    assert prepare_resource("Foo\u00a0\u265a e\u0301") == "Foo \u265a \u00e9"


@pytest.mark.parametrize("text", ["a\tb", "a\n", "\x00", "\x7f", "\x85", "\ud800", "\ufffe", "\u200b"])
def test_what_opaque_strings_may_not_contain_is_refused(text):
    with pytest.raises(JIDMalformed, match="resourcepart"):
        prepare_resource(text)


@pytest.mark.parametrize("text", ["localhost", "a", "xmpp.example.com", "1.2.3.4", "a-b.c-d", "3com.example"])
def test_ordinary_names_are_kept(text):
    assert prepare_domain(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "b\u00fccher.example",
        "B\u00dcCHER.EXAMPLE",
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.example.",
        "bu\u0308cher.example",
    ],
)
def test_every_form_of_an_international_name_becomes_u_labels(text):
    assert prepare_domain(text) == "b\u00fccher.example"


def test_wide_letters_and_dots_are_mapped_in_a_domain():
    assert prepare_domain("\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff43\uff4f\uff4d") == "example.com"


@pytest.mark.parametrize(
    "text",
    [
        ".", "..", "a..b", ".a", "a..", "a.\uff0e", "\u3002", "-a", "a-", "ab--c", "a_b", "a b", "a@b", "a:5222",
        "xn--", "xn--a", "xn--a-", "xn--zzzzzzzz", "xn--bcher-kva-", "\u265a.example", "\x00", "\ud800",
        "a" * 64, "\u00e9" * 63, ".".join(["a" * 63] * 4),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text):
    with pytest.raises(JIDMalformed, match="domainpart"):
        prepare_domain(text)


def test_a_name_of_253_bytes_is_accepted():
    name = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert prepare_domain(name) == name


@pytest.mark.parametrize("text", ["[2001:DB8::0:1]", "[2001:db8:0:0:0:0:0:1]"])
def test_an_ipv6_literal_has_one_spelling(text):
    assert prepare_domain(text) == "[2001:db8::1]"


@pytest.mark.parametrize(
    "text", ["[", "[]", "[::1", "::1", "[1.2.3.4]", "[fe80::1%eth0]", "[v1.x]", "[::1].example", "[g::]"]
)
def test_what_is_no_ipv6_literal_is_refused(text):
    with pytest.raises(JIDMalformed, match="domainpart"):
        prepare_domain(text)


@given(st.ip_addresses())
def test_every_ip_address_is_a_domainpart(address):
    literal = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
    assert prepare_domain(literal) == literal


def slow_local(text):
    prepared = USERNAME.enforce(text)
    if set(prepared) & set("\"&'/:<>@"):
        raise ValueError(text)
    return prepared


def slow_domain(text):
    text = text.removesuffix(".")
    if text.endswith("."):
        raise ValueError(text)
    return idna.decode(idna.encode(text.lower(), strict=True), strict=True)


def result(prepare, text):
    try:
        return prepare(text)
    except ValueError:
        return None


@given(ASCII)
def test_an_ascii_localpart_comes_out_as_by_precis(text):
    assert result(prepare_local, text) == result(slow_local, text)


@given(ASCII)
def test_an_ascii_resource_comes_out_as_by_precis(text):
    assert result(prepare_resource, text) == result(OPAQUE.enforce, text)


@given(st.text(st.sampled_from("aZ09-.x_n"), max_size=80) | ASCII)
@example("a" * 63)
@example("a" * 64)
@example(".".join(["a" * 63] * 3 + ["a" * 61]))
@example(".".join(["a" * 63] * 3 + ["a" * 62]))
def test_an_ascii_domain_comes_out_as_by_idna(text):
    assert result(prepare_domain, text) == result(slow_domain, text)


@pytest.mark.parametrize("character", string.printable + "\x00\x7f")
def test_each_ascii_character_comes_out_as_by_the_libraries(character):
    for text in (character, f"a{character}", f"a{character}b"):
        assert result(prepare_local, text) == result(slow_local, text)
        assert result(prepare_resource, text) == result(OPAQUE.enforce, text)
        assert result(prepare_domain, text) == result(slow_domain, text)


@given(CONTEXTUAL | ANYTHING)
def test_any_string_comes_out_as_by_precis(text):
    assert result(prepare_local, text) == result(slow_local, text)
    assert result(prepare_resource, text) == result(OPAQUE.enforce, text)


def seconds(prepare, text):
    def once():
        started = time.process_time()
        result(prepare, text)
        return time.process_time() - started

    return min(once() for _ in range(5))


@pytest.mark.parametrize("prepare", [prepare_local, prepare_resource])
@pytest.mark.parametrize("text", ["\u30fb" * 340 + "\u6f22", "\u0628" + "\u0660" * 510, "\u0628" + "\u06f0" * 510])
def test_contextual_rules_do_not_take_quadratic_time(prepare, text):
    # About twice the time of plain letters; asked at every character they take thirty times as long.
    assert seconds(prepare, text) < 10 * seconds(prepare, "\u6f22" * 341)


@given(ANYTHING | SEPARATED | ASCII)
def test_any_text_is_an_address_or_is_refused(text):
    try:
        jid = JID.parse(text)
    except JIDMalformed:
        return
    assert JID.parse(str(jid)) == jid
    assert JID.of(jid.local, jid.domain, jid.resource) == jid
    assert unicodedata.is_normalized("NFC", jid.local + jid.domain + jid.resource)


@pytest.mark.parametrize("text", ["\ud800" * 300, "\u265a" * 60, "[" + "\ud800" * 300 + "]", "a@b/" + "\ud800" * 300])
def test_a_refusal_is_short_and_can_be_sent(text):
    with pytest.raises(JIDMalformed) as refusal:
        JID.parse(text)
    assert len(str(refusal.value).encode()) < 600


@given(
    SEPARATED | ANYTHING, SEPARATED | st.sampled_from(["example.com", "[::1]", "\u05d0.example"]), SEPARATED | ANYTHING
)
def test_parts_survive_being_joined_and_parsed(local, domain, resource):
    jid = result(lambda _: JID.of(local, domain, resource), None)
    if jid is not None:
        again = JID.parse(str(jid))
        assert (again.local, again.domain, again.resource) == (jid.local, jid.domain, jid.resource)
        assert (bool(again.local), bool(again.resource)) == (bool(local), bool(resource))


@given(st.text(st.sampled_from("a&<>\"' ;\u00e9")) | ASCII | ANYTHING)
def test_an_address_survives_an_xml_attribute(resource):
    jid = result(lambda text: JID.of("juliet", "example.com", text), resource)
    if jid is not None:
        assert etree.fromstring(f'<a to="{jid.xml}"/>').get("to") == jid


def test_an_address_without_special_characters_is_its_own_xml():
    jid = JID.parse("juliet@example.com/balcony")
    assert jid.xml is jid


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda jid: pickle.loads(pickle.dumps(jid))])
def test_a_copy_has_all_parts(again):
    jid = JID.parse("juliet@example.com/a&b")
    twin = again(jid)
    assert (type(twin), twin, twin.resource, twin.bare, twin.xml) == (JID, jid, jid.resource, jid.bare, jid.xml)


def test_an_address_is_parsed_once():
    assert JID.parse("juliet@example.com/balcony") is JID.parse("juliet@example.com/balcony")


def test_an_overlong_address_is_not_held_by_the_cache():
    jid = JID.parse("juliet@example.com/" + "a" * 1000)
    assert JID.parse(str(jid)) is not jid


@pytest.mark.parametrize("text", ["juliet@example.com", "juliet@example.com/balcony", "example.com/a&b"])
def test_an_address_is_in_no_reference_cycle(text):
    jid = JID.parse(text)
    assert jid not in [part for part in gc.get_referents(jid) if type(part) is JID]
