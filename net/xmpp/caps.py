"""The verification string of XEP-0115: what an entity says of itself, as a hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

from net.xmpp.xml import XML_LANG, Element

INFO = "http://jabber.org/protocol/disco#info"
DATA = "jabber:x:data"


def verification(children: Iterable[Element]) -> str:
    """The `ver` (hash "sha-1") of a disco#info answer, given the children of its <query/> (§5.1).

    Forms without a hidden FORM_TYPE do not count (§5.4).
    """
    identities: list[list[str]] = []
    features: list[str] = []
    forms: list[list[str]] = []
    for child in children:
        if child.tag == f"{{{INFO}}}identity":
            identities.append([child.get(name, "") for name in ("category", "type", XML_LANG, "name")])
        elif child.tag == f"{{{INFO}}}feature":
            features.append(child.get("var", ""))
        elif child.tag == f"{{{DATA}}}x":
            forms += _form(child)
    # Sorting by code points is "i;octet" of their UTF-8.
    parts = ["/".join(identity) for identity in sorted(identities)]
    parts += sorted(features)
    for form in sorted(forms):
        parts += form
    text = "".join(f"{part}<" for part in parts)
    return base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()


def _form(form: Element) -> Iterator[list[str]]:
    """What a form adds, its FORM_TYPE first; nothing if it has none."""
    form_type = None
    fields = []
    for field in form.iterfind(f"{{{DATA}}}field"):
        values = sorted(value.text or "" for value in field.iterfind(f"{{{DATA}}}value"))
        if field.get("var") != "FORM_TYPE":
            fields.append([field.get("var", ""), *values])
        elif field.get("type") == "hidden" and values:
            form_type = values[0]
    if form_type is not None:
        yield [form_type, *(part for field in sorted(fields) for part in field)]
