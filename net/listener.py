"""Listening sockets: bind, accept, count, refuse."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from gevent import get_hub, monkey

log = logging.getLogger(__name__)

# The plain non-blocking socket of the standard library, whether or not it has been monkey-patched.
_socket = monkey.get_original("socket", "socket")

BACKLOG = 4096
ACCEPTS_AT_ONCE = 100

# Out of file descriptors or memory, nothing can be accepted for a while (seconds).
PAUSE = 1.0
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

# A silent peer is asked by TCP itself whether it is still there; a vanished one is noticed after about five minutes.
KEEPALIVE = ((socket.TCP_KEEPIDLE, 120), (socket.TCP_KEEPINTVL, 30), (socket.TCP_KEEPCNT, 6))


class Listener:
    """Accepts connections on one address and gives each, non-blocking, with its peer's "address:port", to `accept`.

    Raises OSError when the address cannot be bound. `port` is the bound one, also when 0 was asked for.
    """

    def __init__(self, host: str, port: int, accept: Callable[[socket.socket, str], None]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._sock = _socket(family, kind, protocol)
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._sock.bind(address)
            self._sock.listen(BACKLOG)  # here and not in `start`: only this finds an address that is in use for sure
        except OSError:
            self._sock.close()
            raise
        self._sock.setblocking(False)
        self.host, self.port = self._sock.getsockname()[:2]
        self._accept = accept
        self._watcher: Any = get_hub().loop.io(self._sock.fileno(), 1)
        self._pause: Any = None

    def start(self) -> None:
        """Begins to accept."""
        self._watcher.start(self._acceptable)

    def stop(self) -> None:
        """Stops accepting and gives the address free."""
        self._watcher.stop()
        self._watcher.close()
        if self._pause is not None:
            self._pause.stop()
            self._pause.close()
        self._sock.close()

    def _acceptable(self) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            try:
                # Not accept(): in a patched process that makes a gevent socket, even of a plain one.
                number, address = self._sock._accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    log.error("cannot accept on %s:%s: %s", self.host, self.port, error)
                    self._watcher.stop()
                    self._pause = get_hub().loop.timer(PAUSE)
                    self._pause.start(self._watcher.start, self._acceptable)
                return
            sock = _socket(self._sock.family, self._sock.type, self._sock.proto, fileno=number)
            try:
                _prepare(sock)
                host, port = address[:2]
                self._accept(sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            except Exception:
                log.exception("cannot serve %s", address)
                sock.close()


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
