"""Ports: whether clients get to the server."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from actors.check.facts import Port
from actors.check.findings import Finding


def judge(ports: Iterable[Port], *, running: bool) -> Iterator[Finding]:
    """A finding for each place to listen."""
    some = list(ports)
    if not some:
        yield Finding("listen", "error", "no client can connect: listen.c2s and listen.c2s_tls are both empty")
    for port in some:
        what = f"listen.{port.option} {place(port)}"
        yield _ours(what, port) if running else _free(what, port)


def place(port: Port) -> str:
    """As it is written in the configuration."""
    return f"[{port.host}]:{port.port}" if ":" in port.host else f"{port.host}:{port.port}"


def _ours(what: str, port: Port) -> Finding:
    if port.unreached:
        failed = "; ".join(f"{address}: {reason}" for address, reason in port.unreached.items())
        text = f"the server listens here, but cannot be connected to ({failed}): look for a packet filter in between"
        return Finding(what, "error", text)
    if not port.reached:
        return Finding(what, "warning", "the server listens here, but this machine has no such address")
    return Finding(what, "ok", f"the server listens here, and can be connected to at {', '.join(port.reached)}")


def _free(what: str, port: Port) -> Finding:
    match port.errno:
        case 0:
            return Finding(what, "ok", "free")
        case errno.EADDRINUSE:
            remedy = f"something listens there already; as root, 'ss -ltnp sport = :{port.port}' says what"
        case errno.EACCES:
            remedy = "not allowed: a port below 1024 needs CAP_NET_BIND_SERVICE; choose another one"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            remedy = f"this machine has no such address: correct listen.{port.option}"
        case _:
            remedy = f"{port.error}: correct listen.{port.option}"
    return Finding(what, "error", remedy)
