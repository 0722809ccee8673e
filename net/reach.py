"""Whether a port of this machine can be had, and whether it can be reached."""

from __future__ import annotations

import socket
from contextlib import suppress

import gevent.socket

# Those of nobody (RFC 5737, RFC 3849): which way a packet to them would go is the way to everybody.
FAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ANY = {"0.0.0.0": socket.AF_INET, "::": socket.AF_INET6}  # noqa: S104 - as what others listen on

PATIENCE = 3.0


def places(host: str) -> list[str]:
    """The addresses of this machine at which a socket that is bound to `host` is reached; of many, the important two.

    None for "::" on a machine without IPv6. Nothing is sent.
    """
    if host not in ANY:
        return [host]
    family, found = ANY[host], []
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((LOOPBACK[family], 0))
        found.append(LOOPBACK[family])
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((FAR[family], 9))
        found.append(sock.getsockname()[0])
    return found


def reach(host: str, port: int) -> str:
    """Connects and goes away again. Returns why it cannot be done, or ""."""
    try:
        gevent.socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
