"""The TCP and TLS transport: reading, a bounded outbox, writing in batches.

At rest a connection is this object, a socket and a watcher: it borrows a greenlet while its socket is readable, and
its stream a parser while an element is half read. What is sent during one round of the event loop goes
out in one write.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar

from gevent import get_hub

from net.client_certificates import PeerCertificate
from net.greenlets import greenlets, one_by_one
from net.limits import FULL, Guest
from net.tls import Identities, TLSSocket
from net.transport import Disconnected, Receiver, Secured, Terms
from net.xmpp.errors import StreamError
from net.xmpp.stream import Event, Failed, Stream

log = logging.getLogger(__name__)

READ, WRITE = 1, 2
READ_BYTES = 65536

# One buffer for all: between a read and the copy of what came, no other greenlet runs.
_buffer = bytearray(READ_BYTES)
_view = memoryview(_buffer)

# What has been read is charged for when it is as much as this: each time would cost more than it is worth.
MOST_UNPAID = 16384
MOST_UNPAID_ELEMENTS = 25

# A reader whose receiver has more to do than it can is looked at again after so many seconds.
CONGESTION_PAUSE = 0.02

# After the last byte went out, the peer gets so many seconds to close its side (RFC 6120 §4.4).
LINGER = 5.0

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """One accepted socket. `receiver` is set before `start`; every event goes to it.

    `count`: how many there are in this process, with those that have been closed and wait for their peer. `secured`:
    TLS is in force. `end_point`: the tls-server-end-point binding data (RFC 5929) or None. `certified`: what the peer's
    certificate says, None without one. `peer`: the peer's address for the log. `guest`: its place among those of its
    address, which it gives free.
    """

    __slots__ = (
        "_bytes",
        "_closing",
        "_dirty",
        "_domain",
        "_elements",
        "_ended",
        "_guest",
        "_handshaking",
        "_identities",
        "_lingering",
        "_outbox",
        "_pause",
        "_queued",
        "_reading",
        "_sock",
        "_stream",
        "_terms",
        "_timer",
        "_unpaid_bytes",
        "_unpaid_elements",
        "_writing",
        "certified",
        "end_point",
        "peer",
        "receiver",
        "secured",
        "waiting",
    )

    count: ClassVar[int] = 0
    receiver: Receiver

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        *,
        terms: Terms,
        guest: Guest | None = None,
        identities: Identities | None,
    ) -> None:
        self.peer = peer
        self.secured = False
        self.end_point: bytes | None = None
        self.certified: PeerCertificate | None = None
        self.waiting = 0
        self._sock: socket.socket | TLSSocket | None = sock
        self._stream = Stream(terms.stanza)
        self._terms = terms
        self._bytes = self._elements = FULL
        self._unpaid_bytes = self._unpaid_elements = 0
        self._guest = guest
        self._identities = identities
        self._domain = ""
        self._outbox: list[bytes] = []
        self._dirty = self._queued = self._handshaking = self._ended = self._closing = self._lingering = False
        self._reading = get_hub().loop.io(sock.fileno(), READ)
        self._writing: Any = None
        self._pause: Any = None
        self._timer: Any = None
        Connection.count += 1

    def start(self, *, direct_tls: bool = False) -> None:
        """Begins to read; `direct_tls`: with a TLS handshake (XEP-0368)."""
        if direct_tls and self._sock is not None and not self._closing:
            self._handshake(alpn=("xmpp-client",))
        else:
            self._listen()

    # -- the verbs

    def send(self, data: bytes) -> None:
        """Puts bytes into the outbox. A peer that does not take them is cut off when the outbox is full."""
        if self._closing or self._handshaking or self._sock is None:
            return
        self._outbox.append(data)
        self.waiting += len(data)
        if self.waiting > self._terms.outbox:
            self._flush()  # much may have come at once, before there was a chance to write
            if self.waiting > self._terms.outbox:
                self._gone(f"{self.waiting} bytes wait for a peer that does not read")
        elif not self._dirty:
            self._dirty = True
            get_hub().loop.run_callback(self._flush)

    def restart(self) -> None:
        """Expects a new stream header (RFC 6120 §4.3.3)."""
        self._tell(self._stream.restart())
        self._listen()

    def secure(self, domain: str = "") -> None:
        """Starts TLS when what was sent is out. Anything the peer sent ahead of it breaks the stream.

        `domain`: what the stream is addressed to; a client that names none in the handshake is shown its certificate.
        """
        if self._stream.leftover:
            self._tell([Failed(StreamError("policy-violation", "data after <starttls/>"))])
            return
        self._flush()
        if self._sock is not None:
            self._domain = domain
            if self._outbox:
                self._handshaking = True  # _flush goes on with it
                self._reading.stop()
            else:
                self._handshake()

    def proceed(self, *, freely: bool = False) -> None:
        """Reads on in the same stream; `freely`: without a pause after each element, as its user has logged in."""
        if freely and self._guest is not None:
            self._guest.known()
        self._tell(self._stream.proceed(freely=freely))
        self._listen()

    def close(self) -> None:
        """Lets what was sent go out, ends the connection and waits a little for the peer to do so too."""
        if self._sock is None or self._closing:
            return
        if self._handshaking:
            self._gone("closed during the TLS handshake")  # there is no way to say anything
            return
        self._closing = True
        self._reading.stop()
        self._flush()

    # -- reading

    def _readable(self) -> None:
        """In the hub: asks for a greenlet to read on."""
        if self._queued:
            return
        self._queued = True
        if self._handshaking:
            # That takes a millisecond, and a stanza a few hundredths of it: others may be before it.
            self._reading.stop()
            one_by_one.ready(self)
        else:
            greenlets.ready(self)

    def turn(self) -> None:
        """Reads once (with TLS: until nothing is left in its buffer), and tells what came."""
        self._queued = False
        if self._sock is None:
            return
        if self._handshaking:
            if isinstance(self._sock, TLSSocket):  # or what was sent before it has not gone out
                self._shake_hands()
        elif self._lingering:
            self._read_to_the_end()
        elif self._stream.paused:
            self._reading.stop()  # not at once: mostly the stream goes on before more comes
        elif not self._closing:
            self._read()

    def _read(self) -> None:
        assert self._sock is not None
        if self.receiver.congested:
            self._reading.stop()
            self._pause = _timer(CONGESTION_PAUSE, self._listen)
            return
        try:
            count = self._sock.recv_into(_view)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._gone(str(error))
            return
        if not count:
            self._ended = True
            self.close()
            return
        events = self._stream.feed(bytes(_view[:count]))
        self._tell(events)
        self._unpaid_bytes += count
        self._unpaid_elements += len(events)
        wait = self._pay() if self._unpaid_bytes > MOST_UNPAID or self._unpaid_elements > MOST_UNPAID_ELEMENTS else 0.0
        if wait and not self._stream.paused:
            self._reading.stop()
            self._pause = _timer(wait, self._listen)
        elif isinstance(self._sock, TLSSocket) and self._sock.pending():
            self._readable()

    def _pay(self) -> float:
        """Takes the tokens for what has been read; returns the seconds until more may be."""
        now = monotonic()
        terms = self._terms
        self._bytes = terms.bytes.take(self._bytes, self._unpaid_bytes, now)
        self._elements = terms.elements.take(self._elements, self._unpaid_elements, now)
        self._unpaid_bytes = self._unpaid_elements = 0
        return max(terms.bytes.debt(self._bytes, now), terms.elements.debt(self._elements, now))

    def _tell(self, events: list[Event]) -> None:
        tell = self.receiver.tell
        for event in events:
            tell(event)

    def _listen(self) -> None:
        if self._sock is not None and not self._closing and not self._stream.paused and not self._handshaking:
            if not self._reading.active:
                self._reading.start(self._readable)
            if isinstance(self._sock, TLSSocket) and self._sock.pending():
                self._readable()

    # -- TLS

    def _handshake(self, alpn: tuple[str, ...] = ()) -> None:
        assert self._identities is not None and self._sock is not None and not isinstance(self._sock, TLSSocket)
        self._handshaking = True
        self._reading.stop()
        self._reading.close()
        self._sock = self._identities.wrap(self._sock, alpn=alpn, domain=self._domain)
        self._reading = get_hub().loop.io(self._sock.fileno(), READ)
        # It is the client that speaks first. What it has said already waits for its turn among the handshakes.
        self._reading.start(self._readable)

    def _shake_hands(self) -> None:
        assert isinstance(self._sock, TLSSocket)
        try:
            self._sock.do_handshake()
            self.certified = self._sock.certified()
        except ssl.SSLWantReadError:
            self._reading.start(self._readable)
        except ssl.SSLWantWriteError:
            self._pause = _timer(CONGESTION_PAUSE, self._readable)
        except (OSError, ValueError) as error:
            self._gone(f"TLS handshake: {error!s}")
        else:
            self._handshaking = False
            self.secured = True
            self.end_point = self._sock.identity.end_point
            self.receiver.tell(Secured())
            self.restart()

    # -- writing

    def _flush(self) -> None:
        """Writes what is in the outbox, as much as the socket takes."""
        self._dirty = False
        if self._sock is None or (self._writing is not None and self._writing.active):
            return
        self._write()

    def _write(self) -> None:
        assert self._sock is not None
        data = memoryview(b"".join(self._outbox))
        sent = 0
        try:
            while sent < len(data):
                sent += self._sock.send(data[sent:])
        except WOULD_BLOCK:
            pass
        except OSError as error:
            self._gone(str(error))
            return
        self.waiting -= sent
        if self.waiting:
            self._outbox = [bytes(data[sent:])]
            self._wait_to_write(progress=sent > 0)
        else:
            self._outbox.clear()
            self._written()

    def _wait_to_write(self, *, progress: bool) -> None:
        assert self._sock is not None
        if self._writing is None:
            self._writing = get_hub().loop.io(self._sock.fileno(), WRITE)
        if not self._writing.active:
            self._writing.start(self._write)
        elif not progress or self._closing:
            return  # once closed, a peer that takes a byte now and then gets no more time for it
        self._deadline(self._terms.write_seconds, "the peer takes nothing")

    def _written(self) -> None:
        """The outbox is empty: goes on with what waited for that."""
        if self._writing is not None and self._writing.active:
            self._writing.stop()
            self._stop_timer()
        if self._handshaking and not isinstance(self._sock, TLSSocket):
            self._handshake()
        elif self._closing and not self._lingering:
            self._lingering = True
            self._say_goodbye()

    # -- the end

    def _say_goodbye(self) -> None:
        """Half-closes, so that a last error reaches the peer before the connection is reset under it."""
        assert self._sock is not None
        try:
            if isinstance(self._sock, TLSSocket):
                self._sock.unwrap()
        except (*WOULD_BLOCK, OSError, ValueError):
            pass
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._ended = True
        if self._ended:
            self._gone("closed by the peer")
            return
        self._reading.start(self._readable)
        self._deadline(LINGER, "closed; the peer did not close its side")

    def _read_to_the_end(self) -> None:
        """Lets go by what still comes: a socket closed with something unread in it is reset, last words and all."""
        assert self._sock is not None
        try:
            # From beneath TLS, which takes data after close_notify for an error.
            if os.readv(self._sock.fileno(), [_buffer]):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._gone("closed")

    def _gone(self, reason: str) -> None:
        """The only place where a socket is closed."""
        if self._sock is None:
            return
        self._stop_timer()
        for watcher in (self._reading, self._writing, self._pause):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        sock, self._sock = self._sock, None
        sock.close()
        Connection.count -= 1
        if self._guest is not None:
            self._guest.leaves()
        self._outbox.clear()
        self.waiting = 0
        self._stream.stop()
        self.receiver.tell(Disconnected(reason))

    def _deadline(self, seconds: float, reason: str) -> None:
        """Ends the connection after so long, in place of any deadline set before."""
        self._stop_timer()
        self._timer = _timer(seconds, self._gone, reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    @property
    def address(self) -> str:
        """Whose connection it is, for the log."""
        return self.peer

    def __repr__(self) -> str:
        return f"<Connection {self.peer}>"


def _timer(seconds: float, do: Callable[..., None], *args: Any) -> Any:
    timer = get_hub().loop.timer(seconds)
    timer.start(do, *args)
    return timer
