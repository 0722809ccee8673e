"""pykka on borrowed greenlets: the house rules for mailboxes, errors and supervision.

An actor at rest is an object with an empty list: it owns no greenlet. When a message comes it asks for a turn, and
handles in it whatever has come by then. Handlers are methods marked with `@told(MessageClass)`.

Where this differs from pykka's own runtimes, and why, is told in docs/design/0001-actor-runtime.md.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, TypeVar, cast

import pykka
from gevent.event import AsyncResult
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from net.greenlets import greenlets

log = logging.getLogger(__name__)

# With more messages than this waiting for an actor, nothing more is read from the socket that feeds it.
CONGESTED = 200

# An actor handles so many messages in one turn; then others get theirs.
MOST_AT_ONCE = 100

Handler = TypeVar("Handler", bound=Callable[..., Any])


def told(*kinds: type) -> Callable[[Handler], Handler]:
    """Marks the method that handles messages of these classes (exactly these, not their subclasses)."""

    def mark(method: Handler) -> Handler:
        method.__dict__["told"] = kinds
        return method

    return mark


class Future(pykka.Future[Any]):
    """What `ask` waits on, at the edges: control socket, HTTP, tests. Waits without holding up other greenlets."""

    def __init__(self) -> None:
        super().__init__()
        self._result: AsyncResult[Any] = AsyncResult()

    def get(self, *, timeout: float | None = None) -> Any:
        """The answer. Raises what the actor raised, or pykka.Timeout after `timeout` seconds."""
        try:
            return super().get(timeout=timeout)
        except NotImplementedError:  # pykka's way to say that no hook was set
            pass
        # Not get(timeout): a gevent.Timeout of the asker's own has to be told from ours.
        self._result.wait(timeout)
        if not self._result.ready():
            raise pykka.Timeout(f"{timeout} seconds")
        return self._result.get()

    def set(self, value: Any = None) -> None:
        self._result.set(value)

    def set_exception(self, exc_info: Any = None) -> None:
        self._result.set_exception((exc_info or sys.exc_info())[1])


class Inbox:
    """An actor's mailbox, and its address: whoever holds it can `tell`."""

    __slots__ = ("__weakref__", "_rest", "actor", "closed", "messages", "scheduled")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.messages: list[Any] = []
        self.scheduled = False
        self.closed = False
        self._rest: Callable[[], None] | None = None

    def tell(self, message: Any) -> None:
        """Puts a message at the end. What is told to an actor that has stopped is dropped."""
        if self.closed:
            self.actor.refuse(message)
            return
        self.messages.append(message)
        if not self.scheduled:
            self.scheduled = True
            greenlets.ready(self)

    def put(self, envelope: Envelope[Any]) -> None:
        """pykka's way in: `ActorRef.tell` and `ask`."""
        self.tell(envelope if envelope.reply_to is not None else envelope.message)

    def get(self) -> Envelope[Any]:
        """pykka's way out: the oldest message. Turns do not use it, they take all there is."""
        return _enveloped(self.messages.pop(0))

    def empty(self) -> bool:
        return not self.messages

    @property
    def address(self) -> str:
        """Whose mailbox it is, for the log."""
        return self.actor.address

    @property
    def congested(self) -> bool:
        """Whether so much waits that nothing more should be read for this actor now."""
        return self.actor.congested

    def turn(self) -> None:
        """Handles what is in the mailbox; what comes meanwhile waits for the next turn."""
        if self._rest is not None:
            self._go_on()
        messages = self.messages
        self.messages = messages[MOST_AT_ONCE:]
        del messages[MOST_AT_ONCE:]
        try:
            self.handle(messages)
            if self.actor.unfinished:
                self._finish()
            if self._rest is None and not self.messages and not self.closed:
                self.actor.on_idle()
        finally:
            if self._rest is None:
                if self.messages:
                    greenlets.ready(self)
                else:
                    self.scheduled = False

    def handle(self, messages: Sequence[Any]) -> None:
        """Handles these, in the actor's turn, which finishes later what they leave unfinished. Should one of them crash
        it, the others go to whoever takes its place.
        """
        actor = self.actor
        receive = actor.receive
        rest = iter(messages)
        for message in rest:
            try:
                receive(message)
            except KeyboardInterrupt:
                raise
            except BaseException as crash:
                # An escaped gevent.Timeout or GreenletExit is this actor's failure, and nobody else's.
                actor.fail(message, list(rest), crash)
            if self.closed:
                for late in rest:
                    actor.refuse(late)

    def _finish(self) -> None:
        """At the end of a turn. What takes long is waited for without a greenlet: another turn goes on with it."""
        try:
            if self.closed:
                self.actor.finish()
            else:
                self._rest = self.actor.finish_later(self._wake)
        except KeyboardInterrupt:
            raise
        except BaseException as crash:
            self.actor.fail(None, [], crash)
        if self._rest is not None:
            greenlets.left += 1

    def _wake(self) -> None:
        greenlets.ready(self)

    def _go_on(self) -> None:
        greenlets.left -= 1
        rest, self._rest = self._rest, None
        assert rest is not None
        try:
            rest()
        except KeyboardInterrupt:
            raise
        except BaseException as crash:
            self.actor.fail(None, [], crash)

    def close(self) -> list[Any]:
        """Takes nothing more; returns what is left."""
        self.closed = True
        left, self.messages = self.messages, []
        return left

    def __repr__(self) -> str:
        return f"<Inbox of {self.actor!r}>"


class _FormerInbox:
    """The mailbox of an actor that has ended, as long as somebody else knows it. An actor that lives has its own, which
    is found first; so nothing else that is read of actors takes any longer for it, as it would with `__getattr__`.
    """

    def __get__(self, actor: Actor | None, _owner: type) -> Inbox:
        inbox = actor._former_inbox() if actor is not None else None
        if inbox is None:
            raise AttributeError(f"{actor!r} has no mailbox")
        return inbox


class Actor(pykka.Actor):
    """An actor that borrows its greenlet. `handlers` is made from the marked methods of the class.

    Messages of the classes that it `batches` may leave something `unfinished`, to be finished for many of them at once:
    before one of another class is handled, and at the end of each turn.
    """

    handlers: ClassVar[dict[type, Callable[..., Any]]] = {}
    batches: ClassVar[frozenset[type]] = frozenset()
    unfinished: Sequence[Any] = ()
    actor_inbox = cast("Inbox", _FormerInbox())

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.handlers = {**cls.handlers}
        for method in vars(cls).values():
            for kind in getattr(method, "told", ()):
                cls.handlers[kind] = method

    def __init__(self) -> None:
        # Instead of pykka's own: a URN made of random numbers and a threading.Event for each actor cost more time and
        # memory than all the rest of it, and the reference is for the edges, so it is made when it is asked for.
        self.actor_inbox = Inbox(self)
        self.started = False

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        return f"urn:parley:{type(self).__name__.lower()}:{id(self)}"

    @property
    def actor_stopped(self) -> _Stopped:  # type: ignore[override]
        return _Stopped(self.actor_inbox)

    @property
    def actor_ref(self) -> pykka.ActorRef[Any]:
        return pykka.ActorRef(self)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Any]:
        """Makes the actor. Nothing runs, and nothing else gets to run, before this returns."""
        return cls(*args, **kwargs).actor_ref

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise AssertionError("the inbox is made in __init__")

    @staticmethod
    def _create_future() -> Future:
        return Future()

    def _start_actor_loop(self) -> None:
        """There is none: a turn is asked for by the first message."""

    @property
    def address(self) -> str:
        """Whose actor it is, for the log: a JID or, while there is none, a peer's address."""
        return ""

    @property
    def congested(self) -> bool:
        """Whether nothing more should be read for this actor now."""
        return len(self.actor_inbox.messages) > CONGESTED

    def receive(self, message: Any) -> Any:
        """Handles one message; `on_start` runs before the first. Returns what an asker gets."""
        if not self.started:
            self.on_start()
            self.started = True
        if self.unfinished and message.__class__ not in self.batches:
            self.finish()
        handler = self.handlers.get(message.__class__)
        if handler is not None:
            return handler(self, message)
        if message.__class__ is Envelope:
            return self._answer(message)
        return self._handle_receive(message)

    def _answer(self, envelope: Envelope[Any]) -> None:
        """An asker gets the exception, and the actor lives (pykka's rule)."""
        assert envelope.reply_to is not None
        try:
            envelope.reply_to.set(self.receive(envelope.message))
        except Exception:
            envelope.reply_to.set_exception()

    def _stop(self) -> None:
        """Ends the actor after the message it is handling."""
        inbox = self.actor_inbox
        if inbox.closed:
            return
        for message in inbox.close():
            self.refuse(message)
        with _contained("%r failed to stop", self):
            self.on_stop()
        self._let_go(inbox)

    def _let_go(self, inbox: Inbox) -> None:
        """The mailbox keeps the actor for what comes late. A ring of the two would wait for a full collection."""
        self._former_inbox = weakref.ref(inbox)
        del self.actor_inbox  # from now on it is found by `_FormerInbox`

    def fail(self, message: Any, rest: list[Any], crash: BaseException) -> None:
        """Handling `message` (None: finishing) raised `crash`; `rest` came with it and has not been handled.

        Ends the actor and calls `on_failure`. A kind of actor that is to be started again says so in `succeed`.
        """
        log.error("%r crashed on %r", self, message, exc_info=crash)
        if self.unfinished:
            with _contained("%r failed to finish", self):
                self.finish()
        inbox = self.actor_inbox
        left = rest + inbox.close()
        if message.__class__ is Envelope:
            _answer_dead(message)
        with _contained("%r failed to clean up", self):
            self.on_failure(type(crash), crash, crash.__traceback__)
        with _contained("nothing could take the place of %r", self):
            self.succeed(message, left)
        self._let_go(inbox)

    def finish(self) -> None:
        """Does what has been left `unfinished`."""

    def finish_later(self, _wake: Callable[[], None]) -> Callable[[], None] | None:
        """Does what has been left `unfinished`, or begins to, at the end of a turn.

        Returns None, or what is left to be done. That has a turn of its own, the actor's next one, after `_wake` has
        been called once; until then the actor handles nothing.
        """
        self.finish()
        return None

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cleans up after a crash."""

    def succeed(self, message: Any, left: list[Any]) -> None:
        """What becomes of the message on which this actor crashed, and of those that were `left`: nothing, here."""
        for late in left:
            self.refuse(late)

    def refuse(self, message: Any) -> None:
        """This actor has ended and will not handle the message: whoever asks is told so, the rest is dropped."""
        if message.__class__ is Envelope:
            _answer_dead(message)

    def on_idle(self) -> None:
        """The mailbox is empty after a turn."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class _Stopped:
    """pykka's `actor_stopped`, an event that only ever is set."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def is_set(self) -> bool:
        return self._inbox.closed

    def set(self) -> None:
        self._inbox.closed = True


def _enveloped(message: Any) -> Envelope[Any]:
    return message if message.__class__ is Envelope else Envelope(message)


@contextmanager
def _contained(what: str, actor: Actor) -> Iterator[None]:
    """Whatever is raised inside is logged and goes no further."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        log.exception(what, actor)


def _answer_dead(envelope: Envelope[Any]) -> None:
    assert envelope.reply_to is not None
    if isinstance(envelope.message, _ActorStop):
        envelope.reply_to.set(None)
    else:
        dead = pykka.ActorDeadError("stopped before it had answered")
        envelope.reply_to.set_exception((pykka.ActorDeadError, dead, None))
