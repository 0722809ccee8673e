"""The process around a server: its log, signals, limits, and the service manager."""

from __future__ import annotations

import gc
import logging
import resource
import signal
from collections.abc import Callable
from functools import partial

import gevent

from actors import logs
from actors.config import Config
from actors.reload import CannotReload
from actors.server import CannotStart, Server
from actors.systemd import Systemd
from net.cores import cores
from net.stalls import Stalls

log = logging.getLogger(__name__)


def serve(config: Config, reread: Callable[[], Config] | None = None) -> int:
    """Runs a server in the foreground until SIGTERM or SIGINT; SIGHUP reloads. Returns the exit code.

    `reread`: the configuration as it is written at that time, see `Server`.
    """
    logs.start(config.log)
    _allow_most_files()
    try:
        server = Server(config, reread=reread)
        server.start()
    except CannotStart as error:
        log.error("cannot start: %s", error)
        return 1
    systemd = Systemd()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stopping.set)
    gevent.signal_handler(signal.SIGHUP, partial(_reload, server, systemd))
    _spare_collections()
    _announce(server)
    systemd.ready(_status(server))
    stalls = Stalls()
    cores.watch()
    server.stopping.wait()
    log.info("stopping")
    systemd.stopping()
    server.stop()
    cores.stop()
    stalls.stop()
    log.info("stopped")
    return 0


def _spare_collections() -> None:
    """No full collections: they look at all that every client has in memory (half a second for 10,000 of them).

    What lives that long is not garbage in the end: `tests/actors/test_garbage.py`.
    """
    gc.freeze()
    gc.set_threshold(10_000, 2, 1_000_000)


def _allow_most_files() -> None:
    """A socket is a file: the default of 1024, kept low for the sake of select(), is a thousand clients."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _reload(server: Server, systemd: Systemd) -> None:
    systemd.reloading()
    try:
        server.reload()
    except CannotReload as error:
        log.error("not reloaded: %s", " ".join(str(error).split()))
    finally:
        systemd.ready(_status(server))


def _status(server: Server) -> str:
    return "Serving " + ", ".join(domain.name for domain in server.router.domains)


def _announce(server: Server) -> None:
    for domain in server.router.domains:
        log.info("serving %s", domain.name)
        if next(iter(domain.accounts), None) is None:
            log.info("no account yet; to add one: bin/parleyctl account add you@%s", domain.name)
    for name, listeners in server.listeners.items():
        for listener in listeners:
            log.info("listening for %s on %s port %d", name, listener.host, listener.port)
