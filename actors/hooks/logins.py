"""What goes along with a login (XEP-0388), and with the resource bound in it (XEP-0386)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.hooks.marks import H, marked
from net.xmpp.jid import JID
from net.xmpp.xml import Element

if TYPE_CHECKING:
    from actors.actor import Actor
    from actors.negotiation import Negotiation
    from actors.sasl2 import Request
    from net.xmpp import sasl


class Later:
    """What an `authenticate_inline` handler returns that has no answer yet: see there."""


LATER = Later()

Inline = Callable[["Negotiation", "Request"], "Element | Later | None"]


def offered_inline(handler: Callable[[Any, sasl.Offer], Element | None]) -> Callable[[Any, sasl.Offer], Element | None]:
    """A stream opens: what can be asked of this feature along with the login, as its element for `<inline/>`.

    It may depend on whether the stream is `secure`, and on the types of its `bindings`, and on nothing else of the
    offer: for streams that are alike in these it is made once. None: nothing, on such a stream.
    """
    return marked(handler, "offered_inline")


def offered_tasks(
    handler: Callable[[Any, sasl.Offer, JID | None], Iterable[Element]],
) -> Callable[[Any, sasl.Offer, JID | None], Iterable[Element]]:
    """A stream opens: tasks that clients can ask to be given when they log in, as elements for `<authentication/>`.

    The JID is whom the stream's header says it is from, None for nobody; what is said may not tell whether there is
    such an account. It may wait for storage.
    """
    return marked(handler, "offered_tasks")


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
    return marked(handler, "tasks")


def authenticates(*mechanisms: str) -> Callable[[H], H]:
    """Marks what begins exchanges with SASL mechanisms of the feature's own, for SASL2 alone:
    `handler(self, request, data) -> sasl.Answer`, or it raises SASLError.

    `data` is the initial response, None without one. It runs in the mailbox of the client's Session.
    """
    return lambda handler: marked(handler, "authenticates", mechanisms)


def authenticate_inline(*tags: str) -> Callable[[H], H]:
    """Marks what acts when a login has been granted whose `<authenticate/>` has one of these elements (Clark names):
    `handler(self, session, request) -> Element | Later | None`; the element goes into the `<success/>`.

    It runs in the mailbox of the client's Session, whose `username` is known, in the order of the features. With LATER
    nothing goes on until, in a later message, `session.go_on(element)` does. Or whoever goes on with the connection in
    place of this Session is given `session.welcome()`, to end the login by (a stream that is resumed needs no resource
    bound). A failure is an element too: nothing is raised, for the login itself has succeeded.
    """
    return lambda handler: marked(handler, "authenticate_inline", tags)


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
    return lambda handler: marked(handler, "bind_inline", [BindInline(var, tag, of) for tag in tags])
