"""XEP-0030: Service Discovery. With the forms of XEP-0128: Service Discovery Extensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from actors.hooks import XEP, Feature, Found, asks, lists
from actors.host import Domain, Host
from actors.roster import ROSTER
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


class Disco(Feature):
    """Tells what domains and accounts are and have, out of what the features declare."""

    implements = (
        XEP(30, "2.5.0", "Service Discovery"),
        XEP(128, "1.0.1", "Service Discovery Extensions"),
    )
    advertises = (INFO, ITEMS)
    advertises_for_accounts = (INFO, ITEMS)

    @asks("get", f"{{{INFO}}}query", of=(Host, User))
    def info(self, actor: Host | User, iq: Stanza) -> Stanza:
        """§3: what the actor is, or a node of it."""
        asker, node = _asked(actor, iq)
        if node:
            return _answer(iq, _of_node(self.domain.hooks.describes_node, actor, node, asker))
        return _answer(iq, account_info(actor) if isinstance(actor, User) else domain_info(self.domain))

    @asks("get", f"{{{ITEMS}}}query", of=(Host, User))
    def items(self, actor: Host | User, iq: Stanza) -> Stanza:
        """§4: what belongs to the actor, or to a node of it."""
        asker, node = _asked(actor, iq)
        return _answer(iq, _of_node(self.domain.hooks.lists, actor, node, asker))

    @lists
    def resources(self, actor: Host | User, node: str, asker: JID) -> Found:
        """§4.1: to an account belong its available resources."""
        if node or not isinstance(actor, User):
            return None
        available = [resource for resource in actor.resources.values() if resource.presence is not None]
        return [element(f"{{{ITEMS}}}item", jid=actor.full_jid(resource)) for resource in available]


def domain_info(domain: Domain) -> list[Element]:
    """What the disco#info of the domain contains: identities, features in order, forms."""
    advertised = chain((ROSTER,), *(feature.advertises for feature in domain.hooks.features))
    described = chain.from_iterable(describe() for describe in domain.hooks.describes)
    return _info(_identity("server", "im", name="Parley"), advertised, described)


def account_info(user: User) -> list[Element]:
    """What the disco#info of the account contains."""
    hooks = user.domain.hooks
    advertised = chain.from_iterable(feature.advertises_for_accounts for feature in hooks.features)
    described = chain.from_iterable(describe(user) for describe in hooks.describes_account)
    kind = "anonymous" if user.jid in user.domain.accounts.guests else "registered"  # XEP-0175 §5
    return _info(_identity("account", kind), advertised, described)


def _identity(category: str, type: str, **name: str) -> Element:
    return element(f"{{{INFO}}}identity", None, category=category, type=type, **name)


def _info(primary: Element, advertised: Iterable[str], described: Iterable[Element]) -> list[Element]:
    identities, forms = [primary], list[Element]()
    for part in described:
        (identities if part.tag == primary.tag else forms).append(part)
    return [*identities, *(element(f"{{{INFO}}}feature", var=var) for var in sorted(set(advertised))), *forms]


def _asked(actor: Host | User, iq: Stanza) -> tuple[JID, str]:
    """Who asks, and about which node ("" for none).

    Raises StanzaError service-unavailable for those who may not see the account's presence (§8). The XEP would have an
    empty list of items instead, for them as for no account at all; but for that RFC 6121 §8.5.1 knows this error
    only, and what matters is that nobody can tell the two from each other.
    """
    asker, query = iq.from_, iq.payload
    assert asker is not None and query is not None
    if isinstance(actor, User) and asker.bare != actor.jid and not actor.roster[asker.bare].sees_user:
        raise StanzaError("service-unavailable")
    return asker, query.get("node", "")


def _of_node(
    handlers: Iterable[Callable[[Host | User, str, JID], Found]], actor: Host | User, node: str, asker: JID
) -> Iterable[Element]:
    """What all features together know of a node. Raises StanzaError item-not-found where none knows it (§7)."""
    found = [part for handler in handlers if (part := handler(actor, node, asker)) is not None]
    if node and not found:
        raise StanzaError("item-not-found")
    return chain.from_iterable(found)


def _answer(iq: Stanza, content: Iterable[Element]) -> Stanza:
    """The result; it repeats the node that was asked for (§3.2)."""
    asked = iq.payload
    assert asked is not None
    node = asked.get("node")
    return iq.result(element(asked.tag, None, *content, **({} if node is None else {"node": node})))
