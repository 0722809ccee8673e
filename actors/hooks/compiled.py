"""The features of a domain, compiled for use: who is called at which moment, in which order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from actors.hooks.feature import Feature
from actors.hooks.logins import Inline, Task
from actors.hooks.moments import FREQUENT, MOMENTS, PASSING, Found, Store
from actors.hooks.requests import Answer, Stranger
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import Offer
from net.xmpp.stanza import KINDS, Kind, Stanza
from net.xmpp.xml import Element, serialise

if TYPE_CHECKING:
    from actors.actor import Actor
    from actors.adhoc import Command
    from actors.host import Host
    from actors.resource import Resource
    from actors.sasl2 import Request
    from actors.session import Session
    from actors.user import User
    from net.xmpp import sasl


H = TypeVar("H")

Needing: TypeAlias = tuple[str | None, H]
"""A handler, behind the name of what has to be in the `state` of a User for it to be called; None: nothing has."""


class Hooks:
    """The features of one domain, compiled: for each moment the handlers in their order, and nothing besides.

    `outbound`, `inbound`: by kind of stanza. `nonzas`: by Clark name, those of the elements that are no stanzas. `due`:
    by feature.

    Raises ValueError where two features want to come after each other, to answer the same request, or the same element.
    """

    awakes: tuple[tuple[Any, tuple[Store, ...]], ...]
    outbound: dict[str, tuple[Needing[Callable[[User, Stanza], Stanza | None]], ...]]
    inbound: dict[str, tuple[Needing[Callable[[User, Stanza], Stanza | None]], ...]]
    delivered: tuple[Needing[Callable[[User, Stanza, list[Resource]], list[Resource]]], ...]
    accepted: tuple[Needing[Callable[[User, Stanza, bool], Stanza]], ...]
    copied: tuple[Callable[[User, Stanza], Stanza], ...]
    undeliverable: tuple[Callable[[User, Stanza], Stanza | None], ...]
    known: tuple[Callable[[User, Resource, Stanza], bool], ...]
    overtaking: tuple[Callable[[User, Resource], None], ...]
    receptive: tuple[Callable[[User, Resource], None], ...]
    unavailable: tuple[Callable[[User, Stanza], None], ...]
    revoked: tuple[Callable[[User, str, Sequence[Resource]], None], ...]
    unbound: tuple[Callable[[User, Resource], None], ...]
    bound: tuple[Callable[[User, Resource], Element | None], ...]
    hibernates: tuple[Callable[[User, Resource], None], ...]
    unacknowledged: tuple[Callable[[User, Resource, Collection[Stanza]], None], ...]
    resumed: tuple[Callable[[User, Resource], None], ...]
    saves: tuple[Callable[[User, Resource], None], ...]
    unresumable: tuple[Callable[[User, str], int | None], ...]
    shuns: tuple[Needing[Callable[[User, JID], bool]], ...]
    serving: tuple[Callable[[], None], ...]
    commands: tuple[Callable[[], Iterable[Command]], ...]
    describes: tuple[Callable[[], Iterable[Element]], ...]
    describes_account: tuple[Callable[[User], Iterable[Element]], ...]
    describes_node: tuple[Callable[[Host | User, str, JID], Found], ...]
    lists: tuple[Callable[[Host | User, str, JID], Found], ...]
    offered_inline: tuple[Callable[[sasl.Offer], Element | None], ...]
    offered_tasks: tuple[Callable[[sasl.Offer, JID | None], Iterable[Element]], ...]
    tasks: tuple[Callable[[Request, str], Iterable[Task]], ...]
    authenticates: dict[str, Callable[[Request, bytes | None], sasl.Answer]]
    revives: tuple[Callable[[], None], ...]

    def __init__(self, features: Iterable[Feature]) -> None:
        self.features = in_order(_without_lacking(feature for feature in features if feature.wanted))
        self._compile_moments()
        self.awakes = tuple((handler, stores(handler.__self__)) for handler, stores in self._handlers("awakes"))
        self._asks: dict[tuple[type[Actor], str, str], tuple[Callable[[Any, Stanza], Answer], bool]] = {}
        self._asked_by_strangers: dict[tuple[str, str], Callable[[Stranger, Stanza], Stanza]] = {}
        for handler, asked in self._handlers("asks_as_stranger"):
            if asked in self._asked_by_strangers:
                raise ValueError(f"two handlers for {' '.join(asked)} before the login")
            self._asked_by_strangers[asked] = handler
        self.authenticates = {
            mechanism: handler for handler, names in self._handlers("authenticates") for mechanism in names
        }
        self._inline: dict[tuple[bool, tuple[str, ...]], bytes] = {}
        self._authenticate_inline: list[tuple[Inline, tuple[str, ...]]] = self._handlers("authenticate_inline")
        self._bind_inline: dict[tuple[type[Actor], str], Callable[[Any, Any, Element], Element | None]] = {}
        self.bindable: dict[str, None] = {}
        self._compile_bind_inline()
        self.due: dict[str, Callable[[User, str], None]] = {
            handler.__self__.name: handler for handler, _ in self._handlers("due")
        }
        self.nonzas: dict[str, Callable[[Session, Element], None]] = {}
        for handler, tag in self._handlers("nonza"):
            if tag in self.nonzas:
                raise ValueError(f"two handlers for {tag} on a stream")
            self.nonzas[tag] = handler
        for handler, declared in self._handlers("asks"):
            for ask in declared:
                for kind in ask.of:
                    key = kind, ask.iq_type, ask.payload
                    if key in self._asks:
                        raise ValueError(f"two handlers for {ask.iq_type} {ask.payload} to a {kind.__name__}")
                    self._asks[key] = handler, ask.own

    def _compile_moments(self) -> None:
        for moment in MOMENTS:
            setattr(self, moment, tuple(handler for handler, _ in self._handlers(moment)))
        for moment in FREQUENT:
            setattr(self, moment, tuple(_needing(handler) for handler, _ in self._handlers(moment)))
        for moment in PASSING:
            setattr(self, moment, {kind: self._passing(moment, kind) for kind in KINDS})

    def _compile_bind_inline(self) -> None:
        for handler, inlines in self._handlers("bind_inline"):
            for inline in inlines:
                if (inline.of, inline.tag) in self._bind_inline:
                    raise ValueError(f"two handlers for {inline.tag} along with a resource")
                self._bind_inline[inline.of, inline.tag] = handler
                self.bindable[inline.var] = None

    def __contains__(self, name: str) -> bool:
        """Whether the domain has the feature of this name."""
        return name in self.names

    @cached_property
    def names(self) -> frozenset[str]:
        """Of the features."""
        return frozenset(feature.name for feature in self.features)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """The stream features of the features. Made when first wanted, by when the domain is complete."""
        return tuple(handler() for handler, _ in self._handlers("offered"))

    def _passing(self, moment: str, kind: Kind) -> tuple[Needing[Any], ...]:
        return tuple(_needing(handler) for handler, kinds in self._handlers(moment) if kind in kinds)

    def _handlers(self, moment: str) -> list[tuple[Any, Any]]:
        found = []
        for feature in self.features:
            for name, method in vars(type(feature)).items():
                if isinstance(method, FunctionType) and moment in method.__dict__:
                    found.append((getattr(feature, name), method.__dict__[moment]))
        return found

    def answer(self, actor: Actor, jid: JID, iq: Stanza) -> Answer:
        """What the features answer to an iq request to `actor`, whose address is `jid`.

        Raises StanzaError: service-unavailable where no feature knows the payload (RFC 6120 §8.4), or what it raises.
        """
        payload = iq.payload
        handler = self._asks.get((type(actor), iq.type, payload.tag)) if payload is not None else None
        if handler is None:
            raise StanzaError("service-unavailable")
        answer, own = handler
        if own and (iq.from_ is None or iq.from_.bare != jid):
            raise StanzaError("forbidden")
        return answer(actor, iq)

    def inline(self, offer: sasl.Offer) -> bytes:
        """What can be asked for along with the login, on a stream with this offer: the content of `<inline/>`."""
        kind = offer.secure, tuple(offer.bindings)
        if kind not in self._inline:
            nodes = [handler(offer) for handler in self.offered_inline]
            self._inline[kind] = b"".join(serialise(node) for node in nodes if node is not None)
        return self._inline[kind]

    def authenticate_inline(self, request: Request) -> Iterator[Inline]:
        """Those that this login asks something of, in their order."""
        for handler, tags in self._authenticate_inline:
            if any(request.find(tag) is not None for tag in tags):
                yield handler

    def bind_inline(self, actor: Actor, resource: Any, asked: Iterable[Element]) -> list[Element]:
        """What the features that act in this actor answer to what was asked for along with a resource."""
        answers = []
        for node in asked:
            handler = self._bind_inline.get((type(actor), node.tag))
            answer = handler(actor, resource, node) if handler is not None else None
            if answer is not None:
                answers.append(answer)
        return answers

    def answer_stranger(self, stranger: Stranger, iq: Stanza) -> Stanza | None:
        """What the features answer to an iq request before the login; None where nobody listens to it.

        Raises the StanzaError of the feature that does.
        """
        payload = iq.payload
        handler = self._asked_by_strangers.get((iq.type, payload.tag)) if payload is not None else None
        return None if handler is None else handler(stranger, iq)


def _needing(handler: Any) -> Needing[Any]:
    feature: Feature = handler.__self__
    return feature.name if feature.for_some else None, handler


def _without_lacking(features: Iterable[Feature]) -> list[Feature]:
    """The features whose requirements are all there too."""
    left = list(features)
    while True:
        names = {feature.name for feature in left}
        complete = [feature for feature in left if names.issuperset(feature.requires)]
        if len(complete) == len(left):
            return left
        left = complete


def in_order(features: Iterable[Feature]) -> list[Feature]:
    """The features, each behind those it names in `after`, otherwise by name. Raises ValueError for a cycle."""
    by_name = {feature.name: feature for feature in features}
    sorter = TopologicalSorter({name: by_name.keys() & feature.after for name, feature in by_name.items()})
    try:
        sorter.prepare()
    except CycleError as cycle:
        raise ValueError("features that each want to come after the other: " + ", ".join(cycle.args[1])) from None
    ordered: list[Feature] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted((*ready, *sorter.get_ready()))
        ordered.append(by_name[ready[0]])
        sorter.done(ready.pop(0))
    return ordered
