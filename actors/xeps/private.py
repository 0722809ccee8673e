"""XEP-0049: Private XML Storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from lxml import etree

from actors.hooks import XEP, Feature, asks
from actors.host import Domain
from actors.storage import Map
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element, parse, serialise

NAMESPACE = "jabber:iq:private"
QUERY = f"{{{NAMESPACE}}}query"

# §2.3: the protocol's own; one of them is what children without a namespace of their own inherit.
RESERVED = ("jabber:", "http://jabber.org/", "vcard-temp")
MOST_BYTES = 1023  # of a namespace


class PrivateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`namespaces`: how many different ones a user may store something in."""

    namespaces: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100


class Private(Feature):
    """Keeps elements for a user's clients, by namespace, as they are."""

    implements = (XEP(49, "1.2", "Private XML Storage"),)
    advertises = (NAMESPACE,)
    Options = PrivateOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._stored = domain.storage.store("private", Map, of=list[str])

    @asks("get", QUERY, of=User, own=True)
    def get(self, user: User, iq: Stanza) -> Stanza:
        """What is stored in the namespace asked for; where nothing is, the question as it was: an empty element."""
        asked = _by_namespace(iq)
        if len(asked) > 1:
            raise StanzaError("not-acceptable", "one namespace at a time, XEP-0049 §2.3")
        ((namespace, question),) = asked.items()
        stored = self._stored.get(user.jid, namespace) or []
        found: Sequence[Element] = [parse(one.encode()) for one in stored] or question
        return iq.result(element(QUERY, None, *found))

    @asks("set", QUERY, of=User, own=True)
    def set(self, user: User, iq: Stanza) -> Stanza:
        """Replaces what is stored in each namespace that occurs; an empty element takes it away, and reads the same."""
        changes = {
            namespace: None if all(map(_is_empty, children)) else [serialise(child).decode() for child in children]
            for namespace, children in _by_namespace(iq).items()
        }
        new = [name for name, kept in changes.items() if kept and self._stored.get(user.jid, name) is None]
        if new and len({*self._stored.items(user.jid), *new}) > self.options.namespaces:
            raise StanzaError("resource-constraint", "too many namespaces")
        self._stored.change(user.jid, changes)
        return iq.result()


def _by_namespace(iq: Stanza) -> dict[str, list[Element]]:
    """The children of the <query/>. Raises StanzaError not-acceptable where there is none, or a reserved namespace.

    §2.3 asks for "bad format" too where there is none; that is no condition of RFC 6120.
    """
    query = iq.payload
    assert query is not None
    found: dict[str, list[Element]] = {}
    for child in query:
        namespace = etree.QName(child).namespace or ""
        if not namespace or namespace.startswith(RESERVED) or len(namespace.encode()) > MOST_BYTES:
            raise StanzaError("not-acceptable", "nothing can be stored in this namespace")
        found.setdefault(namespace, []).append(child)
    if not found:
        raise StanzaError("not-acceptable", "an element in a namespace of its own is needed, XEP-0049 §2.3")
    return found


def _is_empty(stored: Element) -> bool:
    return not len(stored) and not stored.text and not stored.attrib
