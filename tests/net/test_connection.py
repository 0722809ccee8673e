"""Connections over real sockets; the peer is a cooperative socket in the same thread."""

import gc
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest
from gevent.event import Event
from greenlet import greenlet

from net import connection
from net.connection import Connection
from net.greenlets import greenlets
from net.limits import Crowd, Rate
from net.listener import Listener
from net.tls import Identities, Identity, self_signed
from net.transport import Disconnected, Secured, Terms
from net.xmpp.stanza import Stanza
from net.xmpp.stream import Closed, Failed, Limits, Nonza, Opened

HEADER = b"<stream:stream to='a' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
MESSAGE = b"<message><body>hello</body></message>"
UNHURRIED = Rate(1e9, 9)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    with gevent.Timeout(20):
        yield


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    folder: Path = tmp_path_factory.mktemp("tls")
    self_signed(folder / "it.pem", folder / "it.key", ["a.example"])
    return Identities(Identity.load(folder / "it.pem", folder / "it.key"))


class Heard:
    """A receiver that writes down what it is told. `react` is called with each event, a little later."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.congested = False
        self.react: Callable[[Any], None] = lambda event: None
        self._more = Event()

    def tell(self, message: Any) -> None:
        self.events.append(message)
        self._more.set()
        gevent.get_hub().loop.run_callback(self.react, message)

    def until(self, kind: type, count: int = 1) -> list[Any]:
        """Waits for so many events of this class, and returns them."""
        while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
            self._more.clear()
            self._more.wait()
        return found

    @property
    def reason(self) -> str:
        """Waits for the end, and returns the reason for it."""
        self.until(Disconnected)
        (end,) = (event for event in self.events if isinstance(event, Disconnected))
        assert self.events[-1] is end
        return str(end.reason)


Opening = Callable[..., tuple[Connection, Heard, gevent.socket.socket]]


@pytest.fixture
def opening(identities: Identities) -> Iterator[Opening]:
    """Makes a connection that has not been started, its receiver and its peer's end."""
    made: list[tuple[Connection, Any]] = []

    def make(
        kind: int = socket.SOCK_STREAM,
        *,
        tcp: bool = False,
        outbox: int = 1 << 22,
        write_seconds: float = 10,
        limits: tuple[int, int] = (10_000, 1 << 18),
        bytes: Rate = UNHURRIED,
        elements: Rate = UNHURRIED,
    ) -> tuple[Connection, Heard, gevent.socket.socket]:
        ours, theirs = tcp_pair() if tcp else socket.socketpair(socket.AF_UNIX, kind)
        ours.setblocking(False)
        conn = Connection(
            ours,
            "peer",
            terms=Terms(Limits(*limits), bytes, elements, outbox, write_seconds),
            identities=identities,
        )
        conn.receiver = heard = Heard()
        peer = gevent.socket.socket(theirs.family, theirs.type, theirs.proto, fileno=theirs.detach())
        made.append((conn, peer))
        return conn, heard, peer

    yield make
    for conn, peer in made:
        peer.close()
        conn._gone("the test is over")


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        return server.accept()[0], theirs


@pytest.fixture
def opened(opening: Opening) -> Opening:
    """Makes a connection whose stream flows freely."""

    def make(*args: Any, **kwargs: Any) -> tuple[Connection, Heard, gevent.socket.socket]:
        conn, heard, peer = opening(*args, **kwargs)
        conn.start()
        peer.sendall(HEADER)
        heard.until(Opened)
        conn.proceed(freely=True)
        return conn, heard, peer

    return make


def everything(peer: gevent.socket.socket) -> bytes:
    data = b""
    while piece := peer.recv(1 << 20):
        data += piece
    return data


def settle() -> None:
    """Returns when the loop has gone round with nothing left to do."""
    for _ in range(5):
        gevent.sleep(0.001)
        while not greenlets.idle:
            gevent.sleep(0)


# -- reading


def test_what_the_peer_says_becomes_events(opened: Opening) -> None:
    _conn, heard, peer = opened()
    peer.sendall(MESSAGE + MESSAGE + b"</stream:stream>")
    heard.until(Closed)
    assert [type(event) for event in heard.events] == [Opened, Stanza, Stanza, Closed]


def test_a_stanza_may_come_in_pieces(opened: Opening) -> None:
    _conn, heard, peer = opened()
    for number in range(len(MESSAGE)):
        peer.sendall(MESSAGE[number : number + 1])
        gevent.sleep(0)
    (stanza,) = heard.until(Stanza)
    assert stanza.text("body") == "hello"


def test_nothing_is_read_while_the_stream_is_paused(opening: Opening) -> None:
    conn, heard, peer = opening()
    conn.start()
    peer.sendall(HEADER)
    heard.until(Opened)
    peer.sendall(STARTTLS)
    settle()
    assert [type(event) for event in heard.events] == [Opened]
    conn.proceed()
    heard.until(Nonza)


def test_a_stanza_beyond_the_limit_is_told_as_failed(opened: Opening) -> None:
    _conn, heard, peer = opened(limits=(1000, 2000))
    peer.sendall(b"<message><body>" + b"x" * 5000)
    (failed,) = heard.until(Failed)
    assert failed.error.condition == "policy-violation"


def test_a_congested_receiver_stops_the_reading_until_it_has_caught_up(opened: Opening) -> None:
    _conn, heard, peer = opened()
    heard.congested = True
    peer.setblocking(False)
    taken = 0
    with suppress(BlockingIOError):
        while True:
            taken += peer.send(MESSAGE[taken % len(MESSAGE) :])
            gevent.sleep(0)
    settle()
    assert [type(event) for event in heard.events] == [Opened]
    heard.congested = False
    peer.setblocking(True)
    peer.sendall(MESSAGE[taken % len(MESSAGE) :])
    assert len(heard.until(Stanza, taken // len(MESSAGE))) >= taken // len(MESSAGE)


# -- writing


def test_what_is_sent_in_one_round_goes_out_in_one_write(opened: Opening) -> None:
    conn, _heard, peer = opened(socket.SOCK_SEQPACKET)
    for number in range(50):
        conn.send(b"%d," % number)
    assert peer.recv(1000) == b"".join(b"%d," % number for number in range(50))


def test_more_than_the_socket_takes_goes_out_bit_by_bit(opened: Opening) -> None:
    conn, _heard, peer = opened()
    data = bytes(range(256)) * 8000
    conn.send(data)
    settle()
    assert conn.waiting
    conn.send(b"and this")
    conn.close()
    assert everything(peer) == data + b"and this"
    assert conn.waiting == 0


def test_a_peer_that_does_not_read_is_cut_off_when_the_outbox_is_full(opened: Opening) -> None:
    conn, heard, _peer = opened(outbox=300_000)
    for _ in range(1000):
        conn.send(b"x" * 1000)
        gevent.sleep(0)
        assert conn.waiting <= 300_000
    assert "does not read" in heard.reason
    assert conn.waiting == 0


def test_others_are_not_disturbed_by_a_peer_that_does_not_read(opened: Opening) -> None:
    deaf, heard, _ = opened(outbox=300_000)
    good, _fine, peer = opened(outbox=300_000)
    received = gevent.spawn(everything, peer)
    for _ in range(1000):
        deaf.send(b"x" * 1000)
        good.send(b"y" * 1000)
        gevent.sleep(0.0001)
    assert heard.reason
    good.close()
    assert received.get() == b"y" * 1_000_000


def test_a_burst_beyond_the_outbox_reaches_a_peer_that_can_take_it(opened: Opening) -> None:
    conn, _heard, peer = opened(outbox=50_000)
    for _ in range(15):
        conn.send(b"x" * 10_000)
    conn.close()
    assert len(everything(peer)) == 150_000


def test_a_peer_that_takes_nothing_for_too_long_is_cut_off(opened: Opening) -> None:
    conn, heard, _ = opened(write_seconds=0.05)
    conn.send(b"x" * 2_000_000)
    assert heard.reason == "the peer takes nothing"


def test_a_peer_that_reads_slowly_is_waited_for(opened: Opening) -> None:
    conn, _heard, peer = opened(write_seconds=0.3)
    conn.send(b"x" * 3_000_000)
    left = 3_000_000
    while left > 1_000_000:
        left -= len(peer.recv(100_000))
        gevent.sleep(0.03)
    conn.close()
    assert len(everything(peer)) == left


# -- closing


def test_a_connection_counts_until_it_is_gone(opened: Opening) -> None:
    before = Connection.count
    conn, heard, peer = opened()
    assert Connection.count == before + 1
    conn.close()
    assert Connection.count == before + 1
    peer.close()
    assert heard.reason
    assert Connection.count == before


def test_a_closed_connection_delivers_what_was_sent_and_waits_for_the_peer_to_close_its_side(opened: Opening) -> None:
    conn, heard, peer = opened()
    conn.send(b"last words")
    conn.close()
    assert everything(peer) == b"last words"
    settle()
    assert Disconnected not in map(type, heard.events)
    peer.close()
    assert heard.reason == "closed"


def test_a_peer_that_does_not_close_its_side_is_not_waited_for_forever(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.02)
    conn, heard, _peer = opened()
    conn.close()
    assert "did not close its side" in heard.reason


def test_a_peer_that_goes_on_talking_to_a_closed_connection_is_not_listened_to(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.05)
    conn, heard, peer = opened()
    conn.close()
    with suppress(ConnectionError):
        while True:
            peer.sendall(MESSAGE)
    assert heard.reason
    assert Stanza not in map(type, heard.events)


def test_a_peer_that_takes_a_byte_now_and_then_cannot_keep_a_closed_connection(opened: Opening) -> None:
    conn, heard, peer = opened(write_seconds=0.1)
    conn.send(b"x" * 4_000_000)
    settle()
    conn.close()
    while not isinstance(heard.events[-1], Disconnected):
        peer.recv(20_000)
        gevent.sleep(0.01)
    assert conn.waiting == 0
    assert len(everything(peer)) < 3_000_000


def test_nothing_is_sent_after_close(opened: Opening) -> None:
    conn, _heard, peer = opened()
    conn.send(b"a")
    conn.close()
    conn.send(b"b")
    assert everything(peer) == b"a"


def test_closing_twice_is_closing_once(opened: Opening) -> None:
    conn, heard, peer = opened()
    conn.close()
    conn.close()
    peer.close()
    assert heard.reason
    conn.close()
    conn.send(b"a")
    conn.proceed()
    conn.restart()
    conn.secure()
    settle()
    assert heard.reason


@pytest.mark.parametrize("direct_tls", [False, True])
def test_a_connection_closed_before_its_start_ends(opening: Opening, direct_tls: bool) -> None:
    conn, heard, peer = opening()
    conn.send(b"no")
    conn.close()
    conn.start(direct_tls=direct_tls)
    assert everything(peer) == b"no"
    peer.close()
    assert heard.reason


def test_a_peer_that_closes_its_side_still_gets_its_answer(opened: Opening) -> None:
    conn, heard, peer = opened()
    answer = b"x" * 1_000_000
    heard.react = lambda event: conn.send(answer) if isinstance(event, Stanza) else None
    peer.sendall(MESSAGE)
    peer.shutdown(socket.SHUT_WR)
    assert everything(peer) == answer
    assert heard.reason == "closed by the peer"


def test_the_end_in_the_middle_of_a_stanza_is_an_end(opened: Opening) -> None:
    _conn, heard, peer = opened()
    peer.sendall(MESSAGE[:10])
    peer.close()
    assert heard.reason == "closed by the peer"
    assert [type(event) for event in heard.events] == [Opened, Disconnected]


@pytest.mark.parametrize("said", [b"", HEADER[:20], HEADER, HEADER + MESSAGE[:10]])
def test_a_reset_ends_the_connection_at_any_time(opening: Opening, said: bytes) -> None:
    conn, heard, peer = opening(tcp=True)
    conn.start()
    heard.react = lambda event: conn.proceed(freely=True) if isinstance(event, Opened) else None
    peer.sendall(said)
    settle()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    assert heard.reason


def test_a_reset_while_much_waits_to_be_written_ends_the_connection(opened: Opening) -> None:
    conn, heard, peer = opened(tcp=True)
    conn.send(b"x" * 4_000_000)
    settle()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    assert heard.reason
    assert conn.waiting == 0


def test_a_reset_after_close_ends_the_connection(opened: Opening) -> None:
    conn, heard, peer = opened(tcp=True)
    conn.close()
    settle()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    assert heard.reason


# -- TLS


Shaking = Callable[..., gevent.ssl.SSLSocket]


@pytest.fixture
def shaking() -> Iterator[Shaking]:
    """Shakes hands from the peer's side."""
    with ExitStack() as made:

        def shake(
            peer: gevent.socket.socket, *, alpn: tuple[str, ...] = (), version: ssl.TLSVersion | None = None
        ) -> gevent.ssl.SSLSocket:
            context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if alpn:
                context.set_alpn_protocols(list(alpn))
            if version is not None:
                context.minimum_version = context.maximum_version = version
            return made.enter_context(context.wrap_socket(peer))

        yield shake


@pytest.fixture
def secured(opening: Opening, shaking: Shaking) -> Opening:
    """Makes a connection with TLS in force."""

    def make(version: ssl.TLSVersion | None = None) -> tuple[Connection, Heard, gevent.ssl.SSLSocket]:
        conn, heard, peer = opening()
        conn.start(direct_tls=True)
        peer = shaking(peer, version=version)
        heard.until(Secured)
        return conn, heard, peer

    return make


def test_direct_tls_begins_with_the_handshake(secured: Opening) -> None:
    conn, heard, peer = secured()
    assert conn.secured
    assert conn.end_point is not None
    peer.sendall(HEADER)
    heard.until(Opened)
    conn.send(b"answer")
    assert peer.recv(100) == b"answer"


def test_direct_tls_agrees_on_the_protocol_of_xmpp_clients(opening: Opening, shaking: Shaking) -> None:
    conn, _heard, peer = opening()
    conn.start(direct_tls=True)
    assert shaking(peer, alpn=("h2", "xmpp-client")).selected_alpn_protocol() == "xmpp-client"


def starts_tls(conn: Connection) -> Callable[[Any], None]:
    """How a Session answers <starttls/>."""

    def react(event: Any) -> None:
        if isinstance(event, Opened):
            conn.proceed()
        elif isinstance(event, Nonza):
            conn.send(PROCEED)
            conn.secure()

    return react


def test_starttls_says_proceed_and_then_shakes_hands(opening: Opening, shaking: Shaking) -> None:
    conn, heard, peer = opening()
    heard.react = starts_tls(conn)
    conn.start()
    peer.sendall(HEADER + STARTTLS)
    assert peer.recv(1000) == PROCEED
    peer = shaking(peer)
    peer.sendall(HEADER)
    heard.until(Opened, 2)
    assert [type(event) for event in heard.events] == [Opened, Nonza, Secured, Opened]


def with_starttls_waiting(opening: Opening) -> tuple[Connection, Heard, gevent.socket.socket]:
    """A connection that is to go on with TLS, when its peer has taken a million bytes."""
    conn, heard, peer = opening()
    heard.react = lambda event: conn.send(b"x" * 1_000_000) if isinstance(event, Opened) else None
    conn.start()
    peer.sendall(HEADER)
    heard.until(Opened)
    heard.react = starts_tls(conn)
    conn.proceed()
    peer.sendall(STARTTLS)
    heard.until(Nonza)
    return conn, heard, peer


def test_starttls_waits_until_all_before_it_has_gone_out(opening: Opening, shaking: Shaking) -> None:
    conn, heard, peer = with_starttls_waiting(opening)
    settle()
    conn.send(b"not between proceed and the handshake")
    data = b""
    while not data.endswith(PROCEED):
        data += peer.recv(100_000)
    shaking(peer)
    heard.until(Secured)
    assert data == b"x" * 1_000_000 + PROCEED


def test_who_talks_on_while_starttls_waits_keeps_nobody_busy(
    opening: Opening, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[Connection] = []
    turn = Connection.turn
    monkeypatch.setattr(Connection, "turn", lambda conn: (turns.append(conn), turn(conn)))
    _conn, _heard, peer = with_starttls_waiting(opening)
    turns.clear()
    peer.sendall(b"!")
    settle()
    assert len(turns) <= 1
    assert not caplog.records


def test_who_waits_for_a_handshake_costs_nothing(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Connection] = []
    readable = Connection._readable
    monkeypatch.setattr(Connection, "_readable", lambda conn: (looks.append(conn), readable(conn)))
    for _ in range(30):
        conn, _heard, peer = opening()
        peer.sendall(b"\x16\x03\x01")
        conn.start(direct_tls=True)
    for _ in range(60):
        settle()
    assert len(looks) == 30


def test_plain_text_after_starttls_breaks_the_stream(opening: Opening) -> None:
    conn, heard, peer = opening()
    heard.react = starts_tls(conn)
    conn.start()
    peer.sendall(HEADER + STARTTLS + MESSAGE)
    (failed,) = heard.until(Failed)
    assert failed.error.condition == "policy-violation"
    assert not conn.secured


def test_plain_text_instead_of_a_handshake_ends_the_connection(opening: Opening) -> None:
    conn, heard, peer = opening()
    heard.react = starts_tls(conn)
    conn.start()
    peer.sendall(HEADER + STARTTLS)
    heard.until(Nonza)
    peer.sendall(MESSAGE)
    assert heard.reason.startswith("TLS handshake")


def test_a_connection_closed_during_the_handshake_is_gone_at_once(opening: Opening) -> None:
    conn, heard, peer = opening()
    conn.start(direct_tls=True)
    peer.sendall(b"\x16\x03\x01")
    settle()
    conn.send(b"this cannot be said")
    conn.close()
    assert heard.reason == "closed during the TLS handshake"
    assert everything(peer) == b""


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 1000])
@pytest.mark.parametrize("reset", [False, True])
def test_a_peer_may_vanish_during_the_handshake(opening: Opening, said: bytes, reset: bool) -> None:
    conn, heard, peer = opening(tcp=True)
    conn.start(direct_tls=True)
    peer.sendall(said)
    if reset:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    assert heard.reason
    assert not conn.secured


def test_a_peer_may_be_gone_before_the_handshake_begins(opening: Opening) -> None:
    conn, heard, peer = opening(tcp=True)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    conn.start(direct_tls=True)
    assert heard.reason


def test_a_tls_peer_may_vanish_without_a_word(secured: Opening) -> None:
    _conn, heard, peer = secured()
    socket.socket(fileno=peer.detach()).close()
    assert heard.reason


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_much_goes_both_ways_over_tls(secured: Opening, version: ssl.TLSVersion) -> None:
    conn, heard, peer = secured(version=version)
    heard.react = lambda event: conn.proceed(freely=True) if isinstance(event, Opened) else None
    data = bytes(range(256)) * 12_000
    sending = gevent.spawn(peer.sendall, HEADER + MESSAGE * 5000)
    conn.send(data[:2_000_000])
    settle()
    conn.send(data[2_000_000:])
    received = b""
    while len(received) < len(data):
        received += peer.recv(1 << 16)
    assert received == data
    sending.get()
    assert len(heard.until(Stanza, 5000)) == 5000


def test_a_tls_peer_is_told_of_the_end(secured: Opening) -> None:
    conn, heard, peer = secured()
    conn.send(b"last words")
    conn.close()
    assert everything(peer) == b"last words"
    peer.unwrap().close()  # raises unless a close_notify came
    assert heard.reason == "closed"


def test_a_tls_peer_that_goes_on_talking_still_gets_the_last_words(secured: Opening) -> None:
    conn, heard, peer = secured()
    peer.sendall(MESSAGE * 100)
    conn.send(b"last words")
    conn.close()
    peer.sendall(MESSAGE * 1000)
    settle()
    peer.sendall(MESSAGE)
    assert everything(peer) == b"last words"
    peer.close()
    assert heard.reason == "closed"


def test_a_tls_peer_that_says_goodbye_is_answered_likewise(secured: Opening) -> None:
    _conn, heard, peer = secured()
    peer.unwrap().close()
    assert heard.reason == "closed by the peer"


def test_what_tls_has_decrypted_already_is_not_forgotten(secured: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_view", memoryview(bytearray(100)))
    conn, heard, peer = secured()
    heard.react = lambda event: conn.proceed(freely=True) if isinstance(event, Opened) else None
    peer.sendall(HEADER + MESSAGE * 100)  # one record
    assert len(heard.until(Stanza, 100)) == 100


def test_what_tls_has_decrypted_already_is_read_on_after_a_pause(
    secured: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_view", memoryview(bytearray(len(HEADER))))
    conn, heard, peer = secured()
    peer.sendall(HEADER + MESSAGE)
    heard.until(Opened)
    settle()
    conn.proceed(freely=True)
    heard.until(Stanza)


def test_what_tls_has_decrypted_already_is_read_on_after_congestion(
    secured: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_view", memoryview(bytearray(100)))
    conn, heard, peer = secured()

    def react(event: Any) -> None:
        if isinstance(event, Opened):
            conn.proceed(freely=True)
        heard.congested = isinstance(event, Stanza)

    heard.react = react
    peer.sendall(HEADER + MESSAGE * 20)
    heard.until(Stanza)
    gevent.spawn_later(0.01, setattr, heard, "congested", False)
    heard.react = lambda event: None
    heard.congested = False
    assert len(heard.until(Stanza, 20)) == 20


# -- at rest


def test_a_connection_at_rest_has_no_greenlet_and_no_parser(opened: Opening) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, greenlet) and not thing.dead for thing in gc.get_objects())

    before = alive()
    made = [opened() for _ in range(50)]
    for _, heard, peer in made:
        peer.sendall(MESSAGE)
        heard.until(Stanza)
    assert not any(conn._stream._reader for conn, _, _ in made)
    assert alive() - before <= 16
    for _, heard, peer in made:
        peer.sendall(MESSAGE)
        heard.until(Stanza, 2)


@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_that_has_ended_leaves_memory(identities: Identities, shaking: Shaking, tls: bool) -> None:
    def live() -> int:
        gc.collect()
        return sum(isinstance(thing, Connection) for thing in gc.get_objects())

    before = live()

    def once() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        conn = Connection(
            ours,
            "peer",
            terms=Terms(Limits(10_000, 10_000), UNHURRIED, UNHURRIED, 9_000_000, 9),
            identities=identities,
        )
        conn.receiver = heard = Heard()
        conn.start(direct_tls=tls)
        peer = gevent.socket.socket(fileno=theirs.detach())
        if tls:
            peer = shaking(peer)
        peer.sendall(HEADER)
        heard.until(Opened)
        conn.send(b"x" * 1_000_000)
        settle()
        peer.close()
        assert heard.reason

    once()
    assert live() == before


# -- the pace


def test_who_sends_too_many_elements_is_read_more_slowly_and_loses_none(opened: Opening) -> None:
    _conn, heard, peer = opened(elements=Rate(100, 0.1))
    begun = time.monotonic()
    peer.sendall(MESSAGE * 40)
    heard.until(Stanza, 40)
    peer.sendall(MESSAGE)
    heard.until(Stanza, 41)
    assert time.monotonic() - begun > 0.25


def test_who_sends_too_many_bytes_is_left_waiting_by_tcp(opened: Opening) -> None:
    _conn, heard, peer = opened(bytes=Rate(200_000, 0.1))
    begun = time.monotonic()
    peer.sendall(MESSAGE * (100_000 // len(MESSAGE)))
    heard.until(Stanza, 100_000 // len(MESSAGE))
    peer.sendall(MESSAGE)
    heard.until(Stanza, 100_000 // len(MESSAGE) + 1)
    assert time.monotonic() - begun > 0.3


def test_a_connection_that_is_made_to_wait_can_be_closed(opened: Opening) -> None:
    conn, heard, peer = opened(elements=Rate(0.01, 0))
    peer.sendall(MESSAGE * 30)
    heard.until(Stanza, 30)
    conn.send(b"goodbye")
    conn.close()
    assert everything(peer) == b"goodbye"
    peer.close()
    assert heard.reason == "closed"


def test_a_connection_gives_its_place_free(opening: Opening) -> None:
    crowd = Crowd(most=2, most_half_open=1)
    conn, heard, peer = opening()
    conn._guest = crowd.enter("192.0.2.1:1", 0.0)
    conn.start()
    peer.sendall(HEADER)
    heard.until(Opened)
    conn.proceed()
    assert crowd.enter("192.0.2.1:2", 0.0) is None
    conn.proceed(freely=True)
    assert crowd.enter("192.0.2.1:2", 0.0) is not None
    peer.close()
    assert heard.reason
    assert len(crowd) == 1


# -- many


def test_a_thousand_connections_come_and_go_without_a_trace(identities: Identities) -> None:
    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    ended: list[Heard] = []

    def accept(sock: socket.socket, peer: str) -> None:
        conn = Connection(
            sock,
            peer,
            terms=Terms(Limits(10_000, 10_000), UNHURRIED, UNHURRIED, 10_000, 9),
            identities=identities,
        )
        conn.receiver = heard = Heard()
        ended.append(heard)
        heard.react = lambda event: conn.send(b"hello") or conn.close() if isinstance(event, Opened) else None
        conn.start(direct_tls=len(ended) % 10 == 0)

    listener = Listener("127.0.0.1", 0, accept)
    listener.start()
    before = files()

    def visit() -> bytes:
        with gevent.socket.create_connection(("127.0.0.1", listener.port)) as peer:
            peer.sendall(HEADER)
            try:
                return everything(peer)
            except ConnectionResetError:
                return b""

    for _ in range(10):
        answers = [visitor.get() for visitor in [gevent.spawn(visit) for _ in range(100)]]
        assert answers.count(b"hello") == 90  # the others were taken for TLS
    for heard in ended:
        heard.until(Disconnected)
    assert len(ended) == 1000
    assert files() == before
    listener.stop()
