"""The catalogue: every moment at which a feature may act, and what a feature declares about itself.

A feature is one file in `actors/xeps/`: a subclass of `Feature` whose methods are marked with the decorators of this
file. Nothing is registered anywhere else. A handler runs in the mailbox of the actor it is given, and keeps its state
in that actor's `state` under its own name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

import msgspec

from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import Offer
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, serialise

if TYPE_CHECKING:
    from actors.actor import Actor
    from actors.adhoc import Command
    from actors.host import Domain, Host
    from actors.mailbox import Deliver
    from actors.negotiation import Negotiation
    from actors.resource import Resource
    from actors.sasl2 import Request
    from actors.session import Session
    from actors.user import User
    from net.xmpp import sasl


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


class Gate(Protocol):
    """What a feature may put between a Session and its client (`Session.put_gate`): it says what goes out when.

    A client for which none has put one pays nothing for it. All of it runs in the Session's mailbox.
    """

    def admit(self, delivery: Deliver) -> Iterable[Deliver]:
        """This is for the client: what is to be written now, in its order. What is not among it is held, or dropped."""

    def empty(self) -> Iterable[Deliver]:
        """All that is held, in its order: the gate is about to be taken away."""


# -- moments


def outbound(handler: Callable[[Any, User, Stanza], Stanza | None]) -> Callable[[Any, User, Stanza], Stanza | None]:
    """A stanza of the user's on its way out, stamped. Return it, another in its place, or None to end its way here."""
    return _marked(handler, "outbound")


def inbound(handler: Callable[[Any, User, Stanza], Stanza | None]) -> Callable[[Any, User, Stanza], Stanza | None]:
    """A stanza for the user on its way in. Return it, another in its place, or None to end its way here."""
    return _marked(handler, "inbound")


def delivered(
    handler: Callable[[Any, User, Stanza, Collection[Resource]], bool],
) -> Callable[[Any, User, Stanza, Collection[Resource]], bool]:
    """A message for the user goes to these of the resources; to none where it is kept for later, or has nobody.

    Not for a message that finds another way because it could not be written. Return True to have given it to more.
    """
    return _marked(handler, "delivered")


def accepted(handler: Callable[[Any, User, Stanza, bool], Stanza]) -> Callable[[Any, User, Stanza, bool], Stanza]:
    """A message for the user is about to be given to some of the user's clients or, `waiting`, to be kept for the next
    one that comes. Return it, or another in its place. One that a client could not be given any more comes here again.
    """
    return _marked(handler, "accepted")


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


# -- along with the login (XEP-0388)


class Later:
    """What an `authenticate_inline` handler returns that has no answer yet: see there."""


LATER = Later()

Inline = Callable[["Negotiation", "Request"], "Element | Later | None"]


def offered_inline(handler: Callable[[Any, sasl.Offer], Element | None]) -> Callable[[Any, sasl.Offer], Element | None]:
    """A stream opens: what can be asked of this feature along with the login, as its element for `<inline/>`.

    It may depend on whether the stream is `secure`, and on the types of its `bindings`, and on nothing else of the
    offer: for streams that are alike in these it is made once. None: nothing, on such a stream.
    """
    return _marked(handler, "offered_inline")


def offered_tasks(
    handler: Callable[[Any, sasl.Offer, JID | None], Iterable[Element]],
) -> Callable[[Any, sasl.Offer, JID | None], Iterable[Element]]:
    """A stream opens: tasks that clients can ask to be given when they log in, as elements for `<authentication/>`.

    The JID is whom the stream's header says it is from, None for nobody; what is said may not tell whether there is
    such an account. It may wait for storage.
    """
    return _marked(handler, "offered_tasks")


class Task(NamedTuple):
    """What a client has to do before its login is granted (XEP-0388 §2.6.3).

    `steps` are run by what the client says: each yields the element to send, and gets the `<task-data/>` that comes
    next. The end of them is the end of the task. They may wait, and raise SASLError.
    """

    name: str
    steps: Generator[Element, Element, None]


def tasks(handler: Callable[[Any, Request, str], Iterable[Task]]) -> Callable[[Any, Request, str], Iterable[Task]]:
    """Somebody has proved to be the account of this localpart: what there is to do before the login is granted.

    It runs in the mailbox of the client's Session, and may wait for storage.
    """
    return _marked(handler, "tasks")


def authenticates(*mechanisms: str) -> Callable[[H], H]:
    """Marks what begins exchanges with SASL mechanisms of the feature's own, for SASL2 alone:
    `handler(self, request, data) -> sasl.Answer`, or it raises SASLError.

    `data` is the initial response, None without one. It runs in the mailbox of the client's Session.
    """
    return lambda handler: _marked(handler, "authenticates", mechanisms)


def authenticate_inline(*tags: str) -> Callable[[H], H]:
    """Marks what acts when a login has been granted whose `<authenticate/>` has one of these elements (Clark names):
    `handler(self, session, request) -> Element | Later | None`; the element goes into the `<success/>`.

    It runs in the mailbox of the client's Session, whose `username` is known, in the order of the features. With LATER
    nothing goes on until, in a later message, `session.go_on(element)` does. Or whoever goes on with the connection in
    place of this Session is given `session.welcome()`, to end the login by (a stream that is resumed needs no resource
    bound). A failure is an element too: nothing is raised, for the login itself has succeeded.
    """
    return lambda handler: _marked(handler, "authenticate_inline", tags)


class BindInline(NamedTuple):
    """What can be asked for along with a resource: the name to announce it by, its element, who answers to it."""

    var: str
    tag: str
    of: type[Actor]


def bind_inline(var: str, *tags: str, of: type[Actor]) -> Callable[[H], H]:
    """Marks what acts when a resource has been bound by a `<bind/>` (XEP-0386) with one of these elements in it:
    `handler(self, actor, resource, element) -> Element | None`; what it returns goes into `<bound/>`.

    `var`: the name in the `<inline/>` of the stream feature, as in service discovery. `of`: the actor in whose mailbox
    it runs: `User`, before anything can be delivered to the resource, or `Session`, right before the client is told.
    `resource` is the User's `Resource`, or the name of it. A failure is an element too; nothing is raised.
    """
    return lambda handler: _marked(handler, "bind_inline", [BindInline(var, tag, of) for tag in tags])


def bound(handler: Callable[[Any, User, Resource], Element | None]) -> Callable[[Any, User, Resource], Element | None]:
    """A resource has been bound by XEP-0386, before anything can be delivered to it. What is returned goes into
    `<bound/>`: what a client should know that comes.
    """
    return _marked(handler, "bound")


def serving(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """The server has begun to serve the domain, or goes by another configuration from now on: what a feature does by
    itself begins. It ends when the feature is not among `domain.hooks.features` any more.
    """
    return _marked(handler, "serving")


def commands(handler: Callable[[Any], Iterable[Command]]) -> Callable[[Any], Iterable[Command]]:
    """The first ad-hoc command is asked for: those of this feature, of the domain's."""
    return _marked(handler, "commands")


MOMENTS = (
    "outbound",
    "inbound",
    "delivered",
    "accepted",
    "undeliverable",
    "receptive",
    "unavailable",
    "unbound",
    "bound",
    "hibernates",
    "resumed",
    "saves",
    "unresumable",
    "shuns",
    "offered_inline",
    "offered_tasks",
    "tasks",
    "serving",
    "commands",
    "describes",
    "describes_account",
    "describes_node",
    "lists",
    "served",
)


class Hooks:
    """The features of one domain, compiled: for each moment the handlers in their order, and nothing besides.

    `nonzas`: by Clark name, those of the elements that are no stanzas.

    Raises ValueError where two features want to come after each other, to answer the same request, or the same element.
    """

    outbound: tuple[Callable[[User, Stanza], Stanza | None], ...]
    inbound: tuple[Callable[[User, Stanza], Stanza | None], ...]
    delivered: tuple[Callable[[User, Stanza, Collection[Resource]], bool], ...]
    accepted: tuple[Callable[[User, Stanza, bool], Stanza], ...]
    undeliverable: tuple[Callable[[User, Stanza], bool], ...]
    receptive: tuple[Callable[[User, Resource], None], ...]
    unavailable: tuple[Callable[[User, Stanza], None], ...]
    unbound: tuple[Callable[[User, Resource], None], ...]
    bound: tuple[Callable[[User, Resource], Element | None], ...]
    hibernates: tuple[Callable[[User, Resource], None], ...]
    resumed: tuple[Callable[[User, Resource], None], ...]
    saves: tuple[Callable[[User, Resource], None], ...]
    unresumable: tuple[Callable[[User, str], int | None], ...]
    shuns: tuple[Callable[[User, JID], bool], ...]
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
        self.authenticates = {
            mechanism: handler for handler, names in self._handlers("authenticates") for mechanism in names
        }
        self._inline: dict[tuple[bool, tuple[str, ...]], bytes] = {}
        self._authenticate_inline: list[tuple[Inline, tuple[str, ...]]] = self._handlers("authenticate_inline")
        self._bind_inline: dict[tuple[type[Actor], str], Callable[[Any, Any, Element], Element | None]] = {}
        self.bindable: dict[str, None] = {}
        self._compile_bind_inline()
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

    def _compile_bind_inline(self) -> None:
        for handler, inlines in self._handlers("bind_inline"):
            for inline in inlines:
                if (inline.of, inline.tag) in self._bind_inline:
                    raise ValueError(f"two handlers for {inline.tag} along with a resource")
                self._bind_inline[inline.of, inline.tag] = handler
                self.bindable[inline.var] = None

    def __contains__(self, name: str) -> bool:
        """Whether the domain has the feature of this name."""
        return any(feature.name == name for feature in self.features)

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
