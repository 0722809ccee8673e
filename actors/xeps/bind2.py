"""XEP-0386: Bind 2."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from actors.hooks import LATER, XEP, Feature, Later, authenticate_inline, offered_inline
from actors.mailbox import Bound
from actors.negotiation import Binding, Negotiation
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JIDMalformed, prepare_resource
from net.xmpp.xml import Element, element

if TYPE_CHECKING:
    from actors.sasl2 import Request
    from net.xmpp import sasl

NAMESPACE = "urn:xmpp:bind:0"
BIND = f"{{{NAMESPACE}}}bind"

# Characters of a tag that go into a resource.
LONGEST_TAG = 100


class Bind2(Feature):
    """Binds a resource along with the login, and begins with it what the features let a client ask for."""

    implements = (XEP(386, "1.1.0", "Bind 2"),)
    requires = ("sasl2",)
    after = ("fast", "stream_management")  # and after whatever may make a resource unnecessary (§3.2)

    @offered_inline
    def offer(self, offer: sasl.Offer) -> Element:
        """§3.1"""
        features = [element(f"{{{NAMESPACE}}}feature", var=var) for var in self.domain.hooks.bindable]
        inline = [element(f"{{{NAMESPACE}}}inline", None, *features)] if features else []
        return element(BIND, None, *inline)

    @authenticate_inline(BIND)
    def bind(self, session: Negotiation, request: Request) -> Later:
        """§3.2: the User is asked, and the login goes on when it has answered."""
        asked = request.find(BIND)
        assert asked is not None
        binding = Binding(partial(self._bound, session, tuple(asked)), _refused)
        session.bind(self._resource(session, asked, request.user_agent.id), binding, tuple(asked))
        return LATER

    def _resource(self, session: Negotiation, asked: Element, client: str) -> str:
        """§3.2.1: the client's tag, and behind it what is always the same for this client, or cannot be guessed."""
        tag = _tag(asked)
        who = f"{session.username}@{session.host}\0{client}\0{tag}"
        own = self.domain.accounts.pseudonym("resource", who) if client else secrets.token_urlsafe(9)
        return f"{tag}/{own}" if tag else own

    def _bound(self, session: Negotiation, asked: tuple[Element, ...], bound: Bound) -> None:
        """§3.2.1: what the client is told."""
        answers = self.domain.hooks.bind_inline(session, bound.resource, asked)
        session.go_on(element(f"{{{NAMESPACE}}}bound", None, *bound.inline, *answers))


def _tag(asked: Element) -> str:
    """What the client wants its resource to begin with; "" for nothing, or for what no resource can have in it."""
    try:
        return prepare_resource((asked.findtext(f"{{{NAMESPACE}}}tag") or "")[:LONGEST_TAG])
    except JIDMalformed:
        return ""


def _refused(error: StanzaError) -> None:
    """The XEP has no answer for this. A client that asked for a resource can do nothing without one."""
    condition = "resource-constraint" if error.condition == "resource-constraint" else "not-authorized"
    raise StreamError(condition, error.text)
