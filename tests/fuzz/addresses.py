"""Texts as addresses: each is refused, or prepared into a form that stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from lxml import etree

from net.xmpp.jid import JID, JIDMalformed, prepare_domain, prepare_local, prepare_resource
from net.xmpp.sasl import PasswordRefused, derive

SEEDS = tuple(
    text.encode()
    for text in (
        "juliet@example.com/balcony",
        "example.com",
        "\u03a3\u00df@xn--strae-oqa.example./\u2163 \u3000'&<>\"",
        "Fu\u00dfball@\u30d5\u30a1.\u3002com",
        "a\u0660\u06f0@[2001:DB8::1]/\u30fb\u0308",
        "king@[::ffff:1.2.3.4]",
        "l\u00b7l@\u05d0\u05f3\u05d1\u05f4/\u200d\u0915\u094d\u200d",
        "a\uff20b@example/\uff0f",
        "@",
        "a@@b//",
        "\ufb01\u212b\uff21@\uff45xample\uff0ecom",
    )
)

PREPARE = (prepare_local, prepare_domain, prepare_resource)


def attempt(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    for prepare in PREPARE:
        with suppress(JIDMalformed):
            _is_settled(prepare, prepare(text))
    with suppress(JIDMalformed):
        _is_sound(JID.parse(text))
    with suppress(PasswordRefused):
        derive("SHA-1", text, b"salt", 1)


def _is_settled(prepare: Callable[[str], str], prepared: str) -> None:
    assert 0 < len(prepared.encode()) <= 1023
    try:
        assert prepare(prepared) == prepared
    except JIDMalformed as malformed:
        raise AssertionError(prepared) from malformed


def _is_sound(jid: JID) -> None:
    try:
        assert JID.parse(jid) == JID.of(jid.local, jid.domain, jid.resource) == jid
    except JIDMalformed as malformed:
        raise AssertionError(jid) from malformed
    assert jid.bare == JID.of(jid.local, jid.domain)
    assert jid.bare.bare is jid.bare
    assert jid.domain
    assert etree.fromstring(f'<a b="{jid.xml}"/>'.encode()).get("b") == jid
