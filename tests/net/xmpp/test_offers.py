from __future__ import annotations

import pytest

from net.xmpp.offers import AFTER_LOGIN, Offer, State, after_login, authentication, features, mechanisms, starttls
from net.xmpp.xml import STREAM, parse

NEW, SECURE, AUTHENTICATED, BOUND = State.NEW, State.SECURE, State.AUTHENTICATED, State.BOUND

AFTER = ["bind", "session", "ver", "sub"]


def names(offers: list[Offer], state: State) -> list[str]:
    (node,) = parse(f"<r xmlns:stream='{STREAM}'>".encode() + features(offers, state) + b"</r>")
    assert node.tag == f"{{{STREAM}}}features"
    return [child.tag.rpartition("}")[2] for child in node]


# RFC 6120 §4.3.2, §5.3.1: with TLS required nothing else is offered before it; §5.3.4, §6.3.4, §7.3.2: nothing twice.
@pytest.mark.parametrize(
    ("state", "with_tls_required", "without"),
    [
        (NEW, ["starttls"], ["starttls", "mechanisms"]),
        (SECURE, ["mechanisms"], ["mechanisms"]),
        (AUTHENTICATED, AFTER, AFTER),
        (SECURE | AUTHENTICATED, AFTER, AFTER),
        (AUTHENTICATED | BOUND, [], []),
        (SECURE | AUTHENTICATED | BOUND, [], []),
    ],
)
def test_what_is_offered_in_each_state(state: State, with_tls_required: list[str], without: list[str]) -> None:
    for required, expected in ((True, with_tls_required), (False, without)):
        offers = [starttls(required=required), mechanisms(["PLAIN"], [], secure_first=required), *AFTER_LOGIN]
        assert names(offers, state) == expected


def test_what_an_offer_grants_takes_it_off_the_list() -> None:
    offers = [starttls(required=False), mechanisms(["PLAIN"], [], secure_first=False), *AFTER_LOGIN]
    for offer in offers:
        if offer.grants:
            assert not offer.fits(offer.needs | offer.grants)


def test_starttls_says_whether_it_is_required() -> None:
    assert (
        starttls(required=True).content == b'<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls>'
    )
    assert starttls(required=False).content == b'<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"></starttls>'


def test_mechanisms_are_offered_in_the_order_given() -> None:
    (node,) = parse(b"<r>" + mechanisms(["SCRAM-SHA-256", "PLAIN"], [], secure_first=True).content + b"</r>")
    assert node.tag == "{urn:ietf:params:xml:ns:xmpp-sasl}mechanisms"
    assert [child.text for child in node] == ["SCRAM-SHA-256", "PLAIN"]


def test_types_of_channel_binding_are_offered_with_the_mechanisms() -> None:
    offer = mechanisms(["SCRAM-SHA-256-PLUS"], ["tls-exporter", "tls-server-end-point"], secure_first=True)
    _, node = parse(b"<r>" + offer.content + b"</r>")
    assert node.tag == "{urn:xmpp:sasl-cb:0}sasl-channel-binding"
    assert [child.get("type") for child in node] == ["tls-exporter", "tls-server-end-point"]


def test_without_mechanisms_there_is_nothing_to_offer() -> None:
    assert names([mechanisms([], ["tls-exporter"], secure_first=False)], SECURE) == []


def test_a_feature_after_login_is_offered_until_it_is_bound() -> None:
    offer = after_login("sm", b'<sm xmlns="urn:xmpp:sm:3"/>')
    assert [state for state in (NEW, SECURE, AUTHENTICATED, AUTHENTICATED | BOUND) if offer.fits(state)] == [
        AUTHENTICATED
    ]


def test_establishing_a_session_is_optional() -> None:
    session = next(offer for offer in AFTER_LOGIN if offer.name == "session")
    assert [child.tag for child in parse(session.content)] == ["{urn:ietf:params:xml:ns:xmpp-session}optional"]


def test_what_goes_along_with_a_login_stands_in_the_feature_behind_the_mechanisms() -> None:
    made = authentication(["A", "B"], b"<x/>", b"<y/>")
    assert made.content == (
        b'<authentication xmlns="urn:xmpp:sasl:2"><mechanism>A</mechanism><mechanism>B</mechanism>'
        b"<inline><x/></inline><y/></authentication>"
    )
    assert not made.fits(State.NEW)
    assert made.fits(State.SECURE)
    assert not made.fits(State.SECURE | State.AUTHENTICATED)
    assert b"inline" not in authentication(["A"], b"", b"").content


def test_without_a_mechanism_there_is_nothing_to_go_along_with() -> None:
    assert authentication([], b"<x/>", b"<y/>").content == b""
