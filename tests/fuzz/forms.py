"""Data forms that come back: each is refused, or read into what its fields can hold."""

from __future__ import annotations

from net.xmpp.forms import BOOLEANS, Field, Form, FormRefused, Option, X
from net.xmpp.xml import Element, serialise
from tests.fuzz.repair import elements
from tests.net.xmpp.streams import tree

LISTED = ("one", "two")
OPTIONS = tuple(map(Option, LISTED))
FORM = Form(
    "urn:test",
    "A form",
    "Fill it in.",
    (
        Field("boolean", "boolean"),
        Field("hidden", "hidden"),
        Field("jid-multi", "jid-multi"),
        Field("jid-single", "jid-single", required=True),
        Field("list-multi", "list-multi", options=OPTIONS),
        Field("list-single", "list-single", options=OPTIONS),
        Field("text-multi", "text-multi"),
        Field("text-private", "text-private"),
        Field("text-single", "text-single"),
    ),
)


def _submitted(*fields: tuple[str, str]) -> bytes:
    written = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields)
    return f"<x xmlns='jabber:x:data' type='submit'>{written}</x>".encode()


_VALUES = ("true", "x", "a@b/c", "d@e", "two", "one", "1&#10;2", "secret", "text")
_FILLED_IN = tuple((field.var, value) for field, value in zip(FORM.fields, _VALUES, strict=True))
SEEDS = (
    _submitted(("FORM_TYPE", "urn:test"), *_FILLED_IN),
    _submitted(("jid-single", "a@b"), ("jid-multi", "a@b</value><value>A@B</value><value>c"), ("boolean", "0")),
    _submitted(("jid-single", "@"), ("text-single", "1</value><value>2"), ("list-single", "three")),
    _submitted(("jid-single", "a@b"), ("list-multi", "three")),
    b"<x xmlns='jabber:x:data' type='cancel'/>",
    b"<x xmlns='jabber:x:data' type='submit'><field/><field var='boolean'/><field><value/></field></x>",
    b"<x xmlns='jabber:x:data' type='form'><title/><reported><field/></reported><item/><field var='a'/></x>",
)


def attempt(data: bytes) -> None:
    for node in elements(data):
        for x in node.iter(X):
            _read(x)


def _read(x: Element) -> None:
    try:
        entered = FORM.read(x)
    except FormRefused:
        return
    assert entered.text("jid-single") or x.get("type") == "cancel"
    assert len(entered.jids("jid-single")) == len(entered.texts("jid-single")) <= 1
    assert len(set(entered.jids("jid-multi"))) == len(entered.texts("jid-multi"))
    assert set(entered.texts("boolean")) <= set(BOOLEANS.values())
    assert entered.flag("boolean") == (entered.text("boolean") == "true")
    assert {*entered.texts("list-multi"), *entered.texts("list-single")} <= set(LISTED)
    assert len(entered.texts("text-single")) <= 1

    shown = FORM.xml(entered)
    assert tree(elements(serialise(shown))[0]) == tree(shown)
    shown.set("type", "submit")
    again = FORM.read(shown)
    for field in FORM.fields:
        if field.type != "text-private":
            assert again.texts(field.var) == entered.texts(field.var)
