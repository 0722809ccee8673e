"""The catalogue: every moment at which a feature may act, and what a feature declares about itself.

A feature is one file in `actors/xeps/`: a subclass of `Feature` whose methods are marked with the decorators of this
file. Nothing is registered anywhere else. A handler runs in the mailbox of the actor it is given, and keeps its state
in that actor's `state` under its own name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import msgspec

from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import Offer
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element

if TYPE_CHECKING:
    from actors.actor import Actor
    from actors.adhoc import Command
    from actors.host import Domain, Host
    from actors.resource import Resource
    from actors.session import Session
    from actors.user import User


class XEP(NamedTuple):
    """A specification: its number, the version of it that is implemented, its title."""

    number: int
    version: str
    title: str


class Feature:
    """One XEP, in one domain. The class attributes say all that others need to know about it.

    `implements`: the specifications, for docs/xeps.md. `advertises`: the disco#info features of the domain;
    `advertises_for_accounts`: those of a bare JID. `after`: names of features whose handlers come before this one's at
    the same moment. `requires`: names of features without which this one is left out too. `Options`: a struct of
    options, found in the configuration under `[xeps.NAME]`, NAME being the name of the file.
    """

    name: ClassVar[str]
    implements: ClassVar[tuple[XEP, ...]] = ()
    advertises: ClassVar[tuple[str, ...]] = ()
    advertises_for_accounts: ClassVar[tuple[str, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    requires: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[msgspec.Struct] | None] = None

    def __init__(self, domain: Domain, options: Any) -> None:
        self.domain = domain
        self.options = options

    @property
    def wanted(self) -> bool:
        """Whether the domain is to have the feature; False for one that the host's options turn off."""
        return True


H = TypeVar("H", bound=Callable[..., Any])


def _marked(handler: H, moment: str, detail: Any = True) -> H:
    handler.__dict__[moment] = detail
    return handler


# -- requests


class Ask(NamedTuple):
    """What an iq handler answers: requests of this type, with this payload, to these kinds of actor."""

    iq_type: str
    payload: str
    of: tuple[type[Actor], ...]
    own: bool


class Aside(NamedTuple):
    """An answer that takes a while, for which the mailbox of the actor asked does not wait.

    `work` is done in a turn of its own, so it touches no actor's state. It returns the answer or raises StanzaError.
    """

    work: Callable[[], Stanza]


# The answer; later; or none: the handler has seen to it that there is one.
Answer = Stanza | Aside | None


def asks(type: str, payload: str, *, of: type[Actor] | tuple[type[Actor], ...], own: bool = False) -> Callable[[H], H]:
    """Marks the handler of iq requests: `handler(self, actor, iq) -> Answer`, or it raises StanzaError.

    `type` is "get" or "set", `payload` the Clark name of the child, `of` the actors whose address may be asked
    (`Host`, a domain; `User`, a bare JID). `own`: only the account itself may ask; others get "forbidden".
    """
    kinds = of if isinstance(of, tuple) else (of,)
    return lambda handler: _marked(handler, "asks", [*getattr(handler, "asks", []), Ask(type, payload, kinds, own)])


class Stranger(NamedTuple):
    """Somebody on a stream who has not logged in: the address and port of the peer, and whether TLS is in force."""

    peer: str
    secured: bool


def asks_as_stranger(type: str, payload: str) -> Callable[[H], H]:
    """Marks the handler of iq requests before the login: `handler(self, stranger, iq) -> Stanza`, or StanzaError.

    It runs in the mailbox of the stranger's Session, which may wait for it. `iq` has no addresses.
    """
    return lambda handler: _marked(handler, "asks_as_stranger", (type, payload))


# -- streams


def nonza(tag: str) -> Callable[[H], H]:
    """Marks the handler of an element on a client's stream that is no stanza: `handler(self, session, element)`.

    `tag` is its Clark name. It runs in the mailbox of the Session, however far that has got: look at its fields. Until
    a resource is bound nothing more is read before `session.conn.proceed()`. Raising StreamError ends the stream.
    """
    return lambda handler: _marked(handler, "nonza", tag)


def served(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """The domain is about to be served: nobody can have connected to it yet. May wait for storage."""
    return _marked(handler, "served")


# -- moments


def outbound(handler: Callable[[Any, User, Stanza], Stanza | None]) -> Callable[[Any, User, Stanza], Stanza | None]:
    """A stanza of the user's on its way out, stamped. Return it, another in its place, or None to end its way here."""
    return _marked(handler, "outbound")


def inbound(handler: Callable[[Any, User, Stanza], Stanza | None]) -> Callable[[Any, User, Stanza], Stanza | None]:
    """A stanza for the user on its way in. Return it, another in its place, or None to end its way here."""
    return _marked(handler, "inbound")


def undeliverable(handler: Callable[[Any, User, Stanza], bool]) -> Callable[[Any, User, Stanza], bool]:
    """A message that no resource can take now (RFC 6121 §8.5.2.2). Return True to have taken charge of it."""
    return _marked(handler, "undeliverable")


def receptive(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A resource has become available with a priority that is not negative: it can be given what waited."""
    return _marked(handler, "receptive")


def unavailable(handler: Callable[[Any, User, Stanza], None]) -> Callable[[Any, User, Stanza], None]:
    """A resource that was available is not any more; the presence is what says so to others."""
    return _marked(handler, "unavailable")


def unbound(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A resource is not connected any more, and among `user.resources` no longer."""
    return _marked(handler, "unbound")


def hibernates(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A resource has lost its connection. It stays bound and available: its client may come back for what waits."""
    return _marked(handler, "hibernates")


def resumed(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """The client of a hibernating resource has come back, or that of one whose connection was thought to be alive."""
    return _marked(handler, "resumed")


def saves(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """Something that the client of a resumable resource has sent is done with: the resource may be another now.

    Its client is told of it afterwards. May raise StorageError: then it is not told.
    """
    return _marked(handler, "saves")


def unresumable(handler: Callable[[Any, User, str], int | None]) -> Callable[[Any, User, str], int | None]:
    """A client wants to resume, by this id, what is not there. Return how many stanzas it had handled, if known."""
    return _marked(handler, "unresumable")


def shuns(handler: Callable[[Any, User, JID], bool]) -> Callable[[Any, User, JID], bool]:
    """The server is about to act for the user by itself: to show this JID presence or ask for its, to hand over what
    it kept of it. Return True if the user wants nothing to do with it.
    """
    return _marked(handler, "shuns")


# What a node's handler gives: elements, or None where the node is not this feature's.
Found = Iterable[Element] | None


def describes(handler: Callable[[Any], Iterable[Element]]) -> Callable[[Any], Iterable[Element]]:
    """Somebody wants to know what the domain is: more identities and forms for its disco#info (XEP-0128).

    It is asked without an actor and has to say the same each time: XEP-0115 computes a hash of it, once.
    """
    return _marked(handler, "describes")


def describes_account(
    handler: Callable[[Any, User], Iterable[Element]],
) -> Callable[[Any, User], Iterable[Element]]:
    """Somebody who may know it wants to know what the account is: more identities and forms for its disco#info."""
    return _marked(handler, "describes_account")


def describes_node(
    handler: Callable[[Any, Host | User, str, JID], Found],
) -> Callable[[Any, Host | User, str, JID], Found]:
    """Somebody (the JID) wants to know what a node of the actor's is: all that is in its disco#info.

    For a User it is asked only on behalf of those who may see the user's presence. Return None for a node that is not
    this feature's. May raise StanzaError.
    """
    return _marked(handler, "describes_node")


def lists(handler: Callable[[Any, Host | User, str, JID], Found]) -> Callable[[Any, Host | User, str, JID], Found]:
    """Somebody (the JID) wants to know what belongs to the actor (node "") or to a node of it: its disco#items.

    Otherwise as `describes_node`.
    """
    return _marked(handler, "lists")


def offered(handler: Callable[[Any], Offer]) -> Callable[[Any], Offer]:
    """The first stream opens: a stream feature of this feature's own, the same for all streams of the domain."""
    return _marked(handler, "offered")


def commands(handler: Callable[[Any], Iterable[Command]]) -> Callable[[Any], Iterable[Command]]:
    """The first ad-hoc command is asked for: those of this feature, of the domain's."""
    return _marked(handler, "commands")


MOMENTS = (
    "outbound",
    "inbound",
    "undeliverable",
    "receptive",
    "unavailable",
    "unbound",
    "hibernates",
    "resumed",
    "saves",
    "unresumable",
    "shuns",
    "commands",
    "describes",
    "describes_account",
    "describes_node",
    "lists",
    "served",
)


class Hooks:
    """The features of one domain, compiled: for each moment the handlers in their order, and nothing besides.

    Raises ValueError where two features want to come after each other, or to answer the same request.
    """

    outbound: tuple[Callable[[User, Stanza], Stanza | None], ...]
    inbound: tuple[Callable[[User, Stanza], Stanza | None], ...]
    undeliverable: tuple[Callable[[User, Stanza], bool], ...]
    receptive: tuple[Callable[[User, Resource], None], ...]
    unavailable: tuple[Callable[[User, Stanza], None], ...]
    unbound: tuple[Callable[[User, Resource], None], ...]
    hibernates: tuple[Callable[[User, Resource], None], ...]
    resumed: tuple[Callable[[User, Resource], None], ...]
    saves: tuple[Callable[[User, Resource], None], ...]
    unresumable: tuple[Callable[[User, str], int | None], ...]
    shuns: tuple[Callable[[User, JID], bool], ...]
    commands: tuple[Callable[[], Iterable[Command]], ...]
    describes: tuple[Callable[[], Iterable[Element]], ...]
    describes_account: tuple[Callable[[User], Iterable[Element]], ...]
    describes_node: tuple[Callable[[Host | User, str, JID], Found], ...]
    lists: tuple[Callable[[Host | User, str, JID], Found], ...]
    served: tuple[Callable[[], None], ...]

    def __init__(self, features: Iterable[Feature]) -> None:
        self.features = in_order(_without_lacking(feature for feature in features if feature.wanted))
        for moment in MOMENTS:
            setattr(self, moment, tuple(handler for handler, _ in self._handlers(moment)))
        self._asks: dict[tuple[type[Actor], str, str], tuple[Callable[[Any, Stanza], Answer], bool]] = {}
        self._asked_by_strangers: dict[tuple[str, str], Callable[[Stranger, Stanza], Stanza]] = {}
        for handler, asked in self._handlers("asks_as_stranger"):
            if asked in self._asked_by_strangers:
                raise ValueError(f"two handlers for {' '.join(asked)} before the login")
            self._asked_by_strangers[asked] = handler
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

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """The stream features of the features. Made when first wanted, by when the domain is complete."""
        return tuple(handler() for handler, _ in self._handlers("offered"))

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

    def answer_stranger(self, stranger: Stranger, iq: Stanza) -> Stanza | None:
        """What the features answer to an iq request before the login; None where nobody listens to it.

        Raises the StanzaError of the feature that does.
        """
        payload = iq.payload
        handler = self._asked_by_strangers.get((iq.type, payload.tag)) if payload is not None else None
        return None if handler is None else handler(stranger, iq)


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


def discover() -> Mapping[str, type[Feature]]:
    """The feature classes by name, one for each file in `actors/xeps/`.

    Raises TypeError for a file without one, and for a feature that names another which there is not.
    """
    from actors import xeps  # noqa: PLC0415 - the features import this file

    found: dict[str, type[Feature]] = {}
    for module in pkgutil.iter_modules(xeps.__path__):
        full_name = f"{xeps.__name__}.{module.name}"
        features = [
            value
            for value in vars(importlib.import_module(full_name)).values()
            if isinstance(value, type)
            and issubclass(value, Feature)
            and f"{value.__module__}.".startswith(f"{full_name}.")
        ]
        if len(features) != 1:
            raise TypeError(f"actors/xeps/{module.name}: one Feature to a file, not {len(features)}")
        features[0].name = module.name
        found[module.name] = features[0]
    for name, feature in found.items():
        for other in (*feature.after, *feature.requires):
            if other not in found:
                raise TypeError(f"actors/xeps/{name}: there is no feature {other}")
    return found
