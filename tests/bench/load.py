"""The load: many raw connections in one loop. It looks for bytes and parses nothing, so that the server is what is
measured."""

from __future__ import annotations

import errno
import itertools
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Generator
from typing import Self

READ = 1 << 14
"""Bytes read at once: no less than a TLS record has, and no more, since room for more is dear to get each time."""

PATIENCE = 60.0
"""Seconds without a sign of life after which nothing more is expected."""

QUIET = 0.5
"""Seconds without a byte after which a server has done what it was asked to."""

Script = Generator[bytes, bytes, None]
"""What a client does: it yields the bytes that it waits for, and is sent all that was heard up to their end."""

EPOLLIN, EPOLLOUT = select.EPOLLIN, select.EPOLLOUT
IP_BIND_ADDRESS_NO_PORT = 24  # Linux; not in the socket module of Python 3.11

# A port is free again a minute after its connection has ended, and one address has some 28,000 of them.
SOURCES = [f"127.0.1.{number}" for number in range(1, 255)]


class Stuck(Exception):
    """The server has not done what the load waits for."""


class Load:
    """A loop and its clients. `address`: where the server listens; `tls`: whether it expects TLS from the start.

    Close it when done: a context manager does.
    """

    def __init__(self, address: tuple[str, int], *, tls: bool = False) -> None:
        self.address = address
        self.context = _trusting() if tls else None
        self.clients: dict[int, Client] = {}
        self.epoll = select.epoll()
        self._sources = itertools.cycle(SOURCES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for client in list(self.clients.values()):
            client.close()
        self.epoll.close()

    def connect(self, script: Callable[[Client], Script], done: Callable[[Client], None] = lambda _: None) -> Client:
        """Connects another client, from one source address after the other; its script goes on as the loop runs.

        `done` is called with the client once the script has ended.
        """
        return Client(self, next(self._sources), script, done)

    def run(self, until: Callable[[], bool]) -> None:
        """Runs the loop until this is so. Raises Stuck when nothing has come for PATIENCE."""
        while not until():
            if not self._turn(PATIENCE):
                waiting = next((client for client in self.clients.values() if client.awaits), "nobody waits")
                raise Stuck(f"nothing has come for {PATIENCE:.0f} s; {waiting}")

    def run_for(self, seconds: float, until: Callable[[], bool] = lambda: True) -> None:
        """Runs the loop for so long, and longer if that takes more. Raises Stuck."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._turn(left)
        self.run(until)

    def settle(self) -> None:
        """Runs the loop until the server has been silent for QUIET. Raises Stuck if it does not stop."""
        deadline = time.monotonic() + PATIENCE
        while self._turn(QUIET):
            if time.monotonic() > deadline:
                raise Stuck(f"the server is not silent after {PATIENCE:.0f} s")

    def _turn(self, timeout: float) -> bool:
        clients = self.clients
        events = self.epoll.poll(timeout)
        for number, mask in events:
            client = clients[number]
            if mask & EPOLLOUT:
                client.writable()
            if mask != EPOLLOUT and number in clients:
                client.readable()
        return bool(events)


class Client:
    """One connection. `hear` is given all bytes that come once the script has ended; it may be replaced."""

    __slots__ = (
        *("_done", "_epoll", "_heard", "_load", "_recv", "_script", "_sock", "_unsent"),
        *("awaits", "hear", "readable", "writable"),
    )

    def __init__(
        self, load: Load, source: str, script: Callable[[Client], Script], done: Callable[[Client], None]
    ) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))
        failed = sock.connect_ex(load.address)
        if failed not in (0, errno.EINPROGRESS):
            raise Stuck(f"cannot connect: {os.strerror(failed)}")
        self._sock: socket.socket = sock
        self._recv = sock.recv
        self._load = load
        self._epoll = load.epoll
        self._script = script(self)
        self._done = done
        self._heard = b""
        self._unsent = b""
        self.awaits = b"a connection"
        self.hear: Callable[[bytes], None] = self._follow
        self.readable: Callable[[], None] = self._connected
        self.writable: Callable[[], None] = self._connected
        load.clients[sock.fileno()] = self
        load.epoll.register(sock.fileno(), EPOLLIN | EPOLLOUT)

    def __str__(self) -> str:
        heard = self._heard[-500:].decode(errors="replace")
        return f"one client waits for {self.awaits.decode() or 'nothing'} and has heard {heard!r}"

    def send(self, data: bytes) -> None:
        """Sends as much as the server takes, and the rest when it takes more."""
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            self._lose()
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self._epoll.modify(self._sock.fileno(), EPOLLIN | EPOLLOUT)

    def close(self) -> None:
        """Cuts the connection off."""
        if self._load.clients.pop(self._sock.fileno(), None):
            self._sock.close()

    # -- connecting

    def _connected(self) -> None:
        if failed := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Stuck(f"cannot connect: {os.strerror(failed)}")
        self.writable = self._flush
        if self._load.context is None:
            self._begin()
            return
        number = self._sock.fileno()
        self._sock = self._load.context.wrap_socket(
            self._sock, server_hostname="localhost", do_handshake_on_connect=False
        )
        assert self._sock.fileno() == number
        self._recv = self._sock.recv
        self.awaits = b"TLS"
        self.readable = self._handshake
        self._epoll.modify(number, EPOLLIN)
        self._handshake()

    def _handshake(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:
            self._lose()
            return
        self._begin()

    def _begin(self) -> None:
        self.readable = self._read
        self._epoll.modify(self._sock.fileno(), EPOLLIN)
        self._heard = b""
        self.awaits = next(self._script)

    # -- connected

    def _read(self) -> None:
        # All of a TLS record is read: nothing of it stays behind without an event to tell.
        try:
            data = self._recv(READ)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if data:
            self.hear(data)
        else:
            self._lose()

    def _lose(self) -> None:
        raise Stuck(f"the server has closed a connection; {self}")

    def _flush(self) -> None:
        data, self._unsent = self._unsent, b""
        self._epoll.modify(self._sock.fileno(), EPOLLIN)
        if data:
            self.send(data)

    def _follow(self, data: bytes) -> None:
        """The script goes on whenever it has heard what it waits for."""
        self._heard += data
        while (found := self._heard.find(self.awaits)) >= 0:
            end = found + len(self.awaits)
            heard, self._heard = self._heard[:end], self._heard[end:]
            try:
                self.awaits = self._script.send(heard)
            except StopIteration:
                self.awaits = self._heard = b""
                self.hear = ignore
                self._done(self)
                return
        if b"</failure>" in self._heard or b"</stream:error>" in self._heard:
            raise Stuck(f"the server refuses; {self}")


def ignore(data: bytes) -> None:
    """A client that waits for nothing."""


def counting(token: bytes, found: Callable[[int], None]) -> Callable[[bytes], None]:
    """Something to `hear` with that tells `found` how often the token has come, also where reads divide it."""
    overlap = 1 - len(token)
    tail = b""

    def hear(data: bytes) -> None:
        nonlocal tail
        data = tail + data
        tail = data[overlap:]
        if count := data.count(token):
            found(count)

    return hear


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
