"""A whole server without sockets: memory storage, a clock that stands still, and clients over an in-memory wire.

    world = World("romeo", "juliet")
    romeo = world.connect("romeo")             # logged in, bound, nothing more
    romeo.says("<presence/>")
    assert romeo.hears() == [...]              # what has been delivered since the last look, parsed

Everything runs on the real actors, the real parser and the real features; only sockets, time and disk are missing.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from lxml import etree

from actors.server import Server, configure
from actors.session import Session
from net.client_certificates import PeerCertificate
from net.greenlets import greenlets
from net.transport import Disconnected, Secured
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID
from net.xmpp.stream import Event, Failed, Limits, Stream

STREAM = "http://etherx.jabber.org/streams"
PASSWORD = "secret"


class StoppedClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self._timers: dict[int, tuple[float, Callable[[], None]]] = {}
        self._numbers = itertools.count()

    def now(self) -> float:
        return self.time

    def after(self, seconds: float, do: Callable[[], None]) -> StoppedTimer:
        number = next(self._numbers)
        self._timers[number] = self.time + seconds, do
        return StoppedTimer(self, number)

    def cancel(self, number: int) -> None:
        self._timers.pop(number, None)

    @property
    def timers(self) -> int:
        """How many things are yet to happen."""
        return len(self._timers)

    def advance(self, seconds: float) -> None:
        """Lets so much time pass, and what was to happen in it."""
        self.time += seconds
        for number, (due, do) in sorted(self._timers.items()):
            if due <= self.time:
                self.cancel(number)
                do()
        settle()


class StoppedTimer:
    def __init__(self, clock: StoppedClock, number: int) -> None:
        self._clock, self._number = clock, number

    def cancel(self) -> None:
        self._clock.cancel(self._number)


def settle() -> None:
    """Returns when no actor has anything left to do."""
    with gevent.Timeout(20):
        while not greenlets.idle:
            gevent.sleep(0 if not greenlets.waiting else 0.0005)


class Wire:
    """The in-memory transport: the verbs of `net.transport.Transport`, and the client's end of them.

    `end_point`: channel-binding data, as if TLS were in force (with `secured`); `certified` likewise.
    """

    def __init__(self, limits: Limits, *, secured: bool, end_point: bytes | None = None) -> None:
        self.peer = "wire"
        self.secured = secured
        self.end_point = end_point
        self.certified: PeerCertificate | None = None
        self.receiver: Any = None
        self.said = b""
        self.closed = False
        self._stream = Stream(limits)

    # the server's end

    def send(self, data: bytes) -> None:
        if not self.closed:
            self.said += data

    def restart(self) -> None:
        self._tell(self._stream.restart())

    def proceed(self, *, freely: bool = False) -> None:
        self._tell(self._stream.proceed(freely=freely))

    def secure(self, domain: str = "") -> None:
        if self._stream.leftover:
            self._tell([Failed(StreamError("policy-violation"))])
            return
        self.secured = True
        self.receiver.tell(Secured())
        self.restart()

    def close(self) -> None:
        self.closed = True
        self._stream.stop()

    # the client's end

    def hear(self, data: bytes) -> None:
        """The client sends these bytes."""
        self._tell(self._stream.feed(data))

    def cut(self) -> None:
        """The connection breaks."""
        self.close()
        self.receiver.tell(Disconnected("cut"))

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self.receiver.tell(event)


class Client:
    """A client on a wire. `says` bytes or text; `hears` elements; `raw` is all that was heard since the last look."""

    def __init__(self, world: World, wire: Wire, session: Session) -> None:
        self.world = world
        self.wire = wire
        self.session = session
        self.jid: JID | None = None

    def says(self, text: str | bytes) -> Client:
        """Sends this, and lets the server do all that it causes."""
        self.wire.hear(text if isinstance(text, bytes) else text.encode())
        settle()
        return self

    @property
    def raw(self) -> str:
        """What was heard since the last look, as text."""
        settle()
        said, self.wire.said = self.wire.said, b""
        return said.decode()

    def hears(self) -> list[etree._Element]:
        """What was heard since the last look, as elements with "jabber:client" for their namespace.

        Stream headers and the closing tag are left out.
        """
        return list(elements_of(self.raw))

    def hears_one(self) -> etree._Element:
        """The one element that was heard since the last look."""
        heard = self.hears()
        assert len(heard) == 1, [etree.tostring(node) for node in heard]
        return heard[0]

    def hears_the_end(self) -> str:
        """The condition of the last stream error, "" for none; the stream is closed, and so is the wire."""
        text = self.raw
        assert self.wire.closed
        assert text.endswith("</stream:stream>")
        errors = [node for node in elements_of(text) if node.tag == f"{{{STREAM}}}error"]
        return etree.QName(errors[-1][0]).localname if errors else ""

    def opens(self, to: str = "localhost", **attributes: str) -> Client:
        """Sends a stream header."""
        written = "".join(f" {name}='{value}'" for name, value in {"version": "1.0", **attributes}.items())
        return self.says(f"<stream:stream to='{to}' xmlns='jabber:client' xmlns:stream='{STREAM}'{written}>")

    def logs_in(self, user: str, password: str = PASSWORD, *, to: str = "localhost", **attributes: str) -> Client:
        """Authenticates with PLAIN on an open stream, and opens the stream, to the domain `to`, again."""
        initial = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.says(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{initial}</auth>")
        return self.opens(to, **attributes)

    def binds(self, resource: str = "") -> Client:
        """Binds a resource, and forgets what was heard so far."""
        wanted = f"<resource>{resource}</resource>" if resource else ""
        self.says(f"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{wanted}</bind></iq>")
        self.jid = self.session.full_jid
        self.hears()
        return self

    def asks(self, type: str, payload: str, to: str = "", id: str = "ask") -> etree._Element:
        """Sends an iq request and returns its answer. Whatever else was heard is dropped."""
        address = f" to='{to}'" if to else ""
        self.says(f"<iq type='{type}' id='{id}'{address}>{payload}</iq>")
        answers = [node for node in self.hears() if node.tag.endswith("}iq") and node.get("id") == id]
        assert len(answers) == 1
        return answers[0]


class World:
    """A server for `localhost` with an account for each of `users`. `sets` are options, as `--set` takes them."""

    def __init__(self, *users: str, sets: tuple[str, ...] = ()) -> None:
        self.clock = StoppedClock()
        config = configure(None, ['storage.url="memory:"', "sasl.iterations=4096", 'data_dir="/nonexistent"', *sets])
        self.server = Server(config, clock=self.clock)
        self.router = self.server.router
        self.domain = next(self.router.domains)
        for user in users:
            self.domain.accounts.create(self.domain.accounts.jid(user), PASSWORD, self.clock.now())

    def wire(self, *, secured: bool = True, end_point: bytes | None = None) -> Client:
        """A client that has connected and said nothing."""
        limits = self.server.config.limits
        wire = Wire(Limits(limits.stanza_before_login, limits.stanza), secured=secured, end_point=end_point)
        session = Session(self.router, wire)
        wire.receiver = session.actor_inbox
        return Client(self, wire, session)

    def connect(self, user: str, resource: str = "") -> Client:
        """A client of this user's that has logged in and bound a resource: a connected one."""
        return self.wire().opens().logs_in(user).binds(resource)

    def available(self, user: str, resource: str = "", presence: str = "<presence/>") -> Client:
        """A client that has also asked for the roster and sent presence: an interested and available one."""
        client = self.connect(user, resource)
        client.says("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>").says(presence)
        client.hears()
        return client

    def befriend(self, one: str, other: str) -> None:
        """Gives two users the subscription "both" to each other."""
        for user, contact in ((one, other), (other, one)):
            client = self.available(user)
            client.says(f"<presence type='subscribe' to='{contact}@localhost'/>")
            client.says(f"<presence type='subscribed' to='{contact}@localhost'/>")
            client.says("</stream:stream>")


def failure(node: etree._Element) -> tuple[str | None, str]:
    """The type and the condition of the error in a stanza."""
    error = node[-1]
    assert node.get("type") == "error"
    assert etree.QName(error).localname == "error"
    return error.get("type"), etree.QName(error[0]).localname


def elements_of(text: str) -> Iterator[etree._Element]:
    """The top-level elements of what may be several streams one after the other."""
    for piece in text.split('<?xml version="1.0"?>'):
        body = piece.removesuffix("</stream:stream>")
        if body.startswith("<stream:stream"):
            body = body[body.index(">") + 1 :]
        yield from etree.fromstring(f"<r xmlns='jabber:client' xmlns:stream='{STREAM}'>{body}</r>")
