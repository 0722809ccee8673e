"""Iq requests, and elements that are no stanzas, for a feature to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from actors.hooks.marks import H, marked
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.actor import Actor
    from actors.mailbox import Deliver


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
    return lambda handler: marked(handler, "asks", [*getattr(handler, "asks", []), Ask(type, payload, kinds, own)])


class Stranger(NamedTuple):
    """Somebody on a stream who has not logged in: the address and port of the peer, and whether TLS is in force."""

    peer: str
    secured: bool


def asks_as_stranger(type: str, payload: str) -> Callable[[H], H]:
    """Marks the handler of iq requests before the login: `handler(self, stranger, iq) -> Stanza`, or StanzaError.

    It runs in the mailbox of the stranger's Session, which may wait for it. `iq` has no addresses.
    """
    return lambda handler: marked(handler, "asks_as_stranger", (type, payload))


def nonza(tag: str) -> Callable[[H], H]:
    """Marks the handler of an element on a client's stream that is no stanza: `handler(self, session, element)`.

    `tag` is its Clark name. It runs in the mailbox of the Session, however far that has got: look at its fields. Until
    a resource is bound nothing more is read before `session.conn.proceed()`. Raising StreamError ends the stream.
    """
    return lambda handler: marked(handler, "nonza", tag)


class Gate(Protocol):
    """What a feature may put between a Session and its client (`Session.put_gate`): it says what goes out when.

    A client for which none has put one pays nothing for it. All of it runs in the Session's mailbox.
    """

    def admit(self, delivery: Deliver) -> Iterable[Deliver]:
        """This is for the client: what is to be written now, in its order. What is not among it is held, or dropped."""

    def empty(self) -> Iterable[Deliver]:
        """All that is held, in its order: the gate is about to be taken away."""
