"""The SASL profile of XEP-0388: a login without a restart of the stream, and all that is asked for along with it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from actors.sasl1 import text_of
from actors.storage import StorageError
from net.xmpp import sasl
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID
from net.xmpp.offers import SASL, SASL2, Offer, authentication
from net.xmpp.xml import Element, escape, serialise

if TYPE_CHECKING:
    from actors.hooks import Inline, Task
    from actors.host import Domain
    from actors.login import Login

log = logging.getLogger(__name__)

AUTHENTICATE = f"{{{SASL2}}}authenticate"
RESPONSE = f"{{{SASL2}}}response"
ABORT = f"{{{SASL2}}}abort"
USER_AGENT = f"{{{SASL2}}}user-agent"

NEXT = f"{{{SASL2}}}next"
TASK_DATA = f"{{{SASL2}}}task-data"

TAGS = frozenset((AUTHENTICATE, RESPONSE, ABORT, NEXT, TASK_DATA))

# Characters of what a client says about itself that are kept.
LONGEST_NAME = 100

# RFC 9562 §5.4
_UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class UserAgent(msgspec.Struct, frozen=True):
    """What a client says about itself. `id`: a UUID that is always the same for it, in lower case, "" without one."""

    id: str = ""
    software: str = ""
    device: str = ""

    @classmethod
    def read(cls, node: Element | None) -> UserAgent:
        """That of a `<user-agent/>`. Raises SASLError malformed-request for an id that is no UUID of version 4."""
        if node is None:
            return cls()
        id = node.get("id", "").lower()
        if id and _UUID4.fullmatch(id) is None:
            raise sasl.SASLError("malformed-request", "The id of a user agent is a UUID of version 4.")
        return cls(id, *((node.findtext(f"{{{SASL2}}}{name}") or "")[:LONGEST_NAME] for name in ("software", "device")))


class Request:
    """An `<authenticate/>`: the name of the mechanism, who the client is, and what else it wants.

    `offer`: what it was offered, and what the stream is like.
    """

    def __init__(self, node: Element, offer: sasl.Offer) -> None:
        self.mechanism = node.get("mechanism", "")
        self.offer = offer
        self.user_agent = UserAgent.read(node.find(USER_AGENT))
        self._node = node

    def find(self, tag: str) -> Element | None:
        """The first child with this Clark name."""
        return self._node.find(tag)

    def texts(self, tag: str) -> set[str]:
        """What is in the children with this Clark name."""
        return {(node.text or "").strip() for node in self._node.iterfind(tag)}

    @property
    def initial(self) -> bytes | None:
        """The initial response, None without one. Raises SASLError."""
        node = self.find(f"{{{SASL2}}}initial-response")
        return None if node is None else decode(node)


class Authentication:
    """SASL2 on one stream: an organ of the Session. `sender`: whom the client's header says it is from, if anybody; it
    may be no JID.

    `request`: what the client has asked for last, None at first. `granted`: whether it has logged in by that.
    """

    def __init__(self, domain: Domain, login: Login, sender: str | None) -> None:
        self._domain = domain
        self._login = login
        self._sender = sender
        self._data: bytes | None = None
        self._tasks: list[Task] = []
        self._task: Task | None = None
        self._continued = False
        self._answers: list[Element] = []
        self._left: Iterator[Inline] = iter(())
        self.request: Request | None = None
        self.granted = False

    def offer(self) -> Offer:
        """The stream feature (§2.1). It waits for storage, if there are tasks; where that fails none is offered."""
        hooks, offer = self._domain.hooks, self._login.offer
        tasks = b""
        sender = self._sender if isinstance(self._sender, JID) else None
        try:
            for handler in hooks.offered_tasks:
                tasks += b"".join(map(serialise, handler(offer, sender)))
        except StorageError as error:
            log.error("tasks of logins to %s: %s", self._domain.name, error)
        return authentication(offer.mechanisms, hooks.inline(offer), tasks)

    @property
    def under_way(self) -> bool:
        """Whether the client has begun, and nothing but its next move is expected."""
        return self._continued or (self._login.challenged and self.request is not None)

    def answer(self, node: Element) -> bytes:
        """What to send back to an element of the client's; nothing yet when that has `granted` the login.

        Waits, as the moves of a Login do. Raises StreamError for what must not come now (§2.4, §4.8).
        """
        if self.under_way and node.tag == AUTHENTICATE:
            raise StreamError("policy-violation", "a login is under way")
        if self._continued and not self._tasks:
            raise StreamError("policy-violation", "the login has failed")
        try:
            return self._work(node) if self._continued else self._move(node)
        except sasl.SASLError as error:
            return self._fail(error)
        except StorageError:
            log.exception("a login to %s could not be decided", self._domain.name)
            return self._fail(sasl.SASLError("temporary-auth-failure"))

    def _fail(self, error: sasl.SASLError) -> bytes:
        self.request = None
        self._tasks.clear()
        condition = f'<{error.condition} xmlns="{SASL}"/>'
        return f'<failure xmlns="{SASL2}">{condition}{text_of(error)}</failure>'.encode()

    # -- the exchange

    def _move(self, node: Element) -> bytes:
        if node.tag == ABORT:
            reply = self._login.abort()
        elif node.tag == AUTHENTICATE:
            reply = self._login.begin(self._start, lambda: self._read(node).initial)
        elif self.request is None:
            reply = self._login.out_of_turn()  # should there be a challenge, it is one of RFC 6120
        else:  # which is out of turn, if it is no response
            reply = self._login.respond(lambda: decode(node))
        if isinstance(reply, sasl.Challenge):
            return f'<challenge xmlns="{SASL2}">{sasl.encode(reply.data)}</challenge>'.encode()
        assert self.request is not None and self._login.username is not None
        self._data = reply.data
        for handler in self._domain.hooks.tasks:
            self._tasks += handler(self.request, self._login.username)
        return self._go_on()

    def _read(self, node: Element) -> Request:
        if not self._login.offer.secure:
            raise sasl.SASLError("encryption-required")  # §3
        self.request = Request(node, self._login.offer)
        return self.request

    def _start(self, offer: sasl.Offer, data: bytes | None) -> sasl.Answer:
        request = self.request
        assert request is not None
        handler = self._domain.hooks.authenticates.get(request.mechanism)
        if handler is not None:
            return handler(request, data)
        return replace(offer, sender=self._sender).begin(request.mechanism, data)

    # -- tasks (§2.6.3)

    def _go_on(self) -> bytes:
        """Asks for the first of the tasks that are left; grants the login when there are none."""
        if not self._tasks:
            assert self.request is not None
            if self._continued:
                self._login.confirm()
            self.granted, self._continued = True, False
            self._left = self._domain.hooks.authenticate_inline(self.request)
            return b""
        self._continued = True
        data, self._data = self._additional(), None
        return f'<continue xmlns="{SASL2}">{data}<tasks><task>{self._tasks[0].name}</task></tasks></continue>'.encode()

    def _work(self, node: Element) -> bytes:
        if node.tag == ABORT:
            raise sasl.SASLError("aborted")
        task = self._tasks[0]
        if node.tag == NEXT and node.get("task") != task.name:
            raise sasl.SASLError("invalid-mechanism", "It is not the task that was asked for.")
        if node.tag != (NEXT if self._task is None else TASK_DATA):
            raise sasl.SASLError("malformed-request", "A task is begun by <next/> and gone on with by <task-data/>.")
        try:
            told = next(task.steps) if self._task is None else task.steps.send(node)
        except StopIteration:
            self._task = None
            del self._tasks[0]
            return self._go_on()
        self._task = task
        return f'<task-data xmlns="{SASL2}">'.encode() + serialise(told) + b"</task-data>"

    # -- once it is granted

    def next_inline(self) -> Inline | None:
        """The next feature that something was asked of along with the login; None when there is none left."""
        return next(self._left, None)

    def add(self, answer: Element | None) -> None:
        """Puts this into the `<success/>`."""
        if answer is not None:
            self._answers.append(answer)

    def welcome(self) -> Welcome:
        """What ends the login."""
        return Welcome(self._additional(), b"".join(map(serialise, self._answers)))

    def _additional(self) -> str:
        return "" if self._data is None else f"<additional-data>{sasl.encode(self._data)}</additional-data>"


class Welcome(NamedTuple):
    """The end of a login, but for who the client is now. A value that one Session may hand to another."""

    data: str
    answers: bytes

    def xml(self, jid: JID, more: bytes = b"") -> bytes:
        """The `<success/>` for who is now this, with `more` in it."""
        identity = f"<authorization-identifier>{escape(jid)}</authorization-identifier>"
        success = f'<success xmlns="{SASL2}">{self.data}{identity}'.encode()
        return success + self.answers + more + b"</success>"


def decode(node: Element) -> bytes:
    """The data in an element (§2.2); an empty one is zero bytes. Raises SASLError, as `sasl.decode`."""
    text = (node.text or "").strip()
    if text == "=":
        raise sasl.SASLError("incorrect-encoding", "XEP-0388 §2.2")
    return sasl.decode(text) or b""
