"""The server as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors import logs
from actors.commands.asking import served
from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import log_level, traceable_jid
from actors.commands.results import utc
from actors.reload import CannotReload
from actors.trace import trace as stanzas
from actors.version import VERSION
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.server import Server
    from net.listener import Listener


@command("status")
def status(server: Server) -> dict[str, Any]:
    """Show how the server is."""
    return {
        "version": VERSION,
        "pid": os.getpid(),
        "started": utc(server.started),
        "uptime_seconds": int(server.router.clock.now() - server.started),
        "memory_bytes": _memory(),
        "domains": [served.name for served in server.router.domains],
        "listeners": {name: [_place(each) for each in listening] for name, listening in server.listeners.items()},
        "sessions": len(server.router.sessions),
        "users_awake": server.router.awake,
    }


@command(
    "trace",
    Parameter("jid", traceable_jid, "An account's address, or the full address of one session."),
    columns=("time", "full_jid", "way", "stanza", "left_out"),
    goes_on=True,
)
def trace(server: Server, jid: JID) -> Iterator[dict[str, Any] | None]:
    """Show every stanza of an account's or a session's, in and out, until it is interrupted.

    It shows what people say to each other: use it with their consent.
    """
    served(server, jid)
    return stanzas(jid, server.router.clock)


@command("reload")
def reload(server: Server) -> str:
    """Read the configuration and the certificates again, and say what has changed.

    Sessions stay, except those of domains that are served no more. If anything is wrong, nothing changes.
    """
    try:
        changed = server.reload()
    except CannotReload as error:
        raise CommandError(" ".join(str(error).split())) from None
    return "\n".join(changed) or "nothing has changed"


@command(
    "log", Parameter("level", log_level, "One of debug, info, warning, error: what is less than that is not logged.")
)
def log(server: Server, level: str) -> str:  # noqa: ARG001 - there is one log
    """Change how much is logged, until the next reload or start."""
    logs.set_level(level)
    return f"what is logged is {level} and above"


@command("stop", ends_server=True)
def stop(server: Server) -> str:
    """Stop the server.

    It does what it does on SIGTERM: says goodbye to its clients, and stores what is left to store.
    """
    server.stopping.set()
    return "stopped"


def _place(listener: Listener) -> str:
    return f"[{listener.host}]:{listener.port}" if ":" in listener.host else f"{listener.host}:{listener.port}"


def _memory() -> int:
    """What the process holds in memory (its resident set), in bytes."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
