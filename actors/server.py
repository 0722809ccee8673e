"""The server: builds storage, domains and listeners, starts them in order and stops them in reverse."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import gevent
from gevent.event import Event

from actors.actor import Clock, WallClock
from actors.config import Address, Config, load
from actors.hooks import Feature, discover
from actors.host import Domain
from actors.mailbox import Close
from actors.router import Router
from actors.session import Session
from actors.storage import Storage, StorageError, open_storage
from net.connection import Connection, Timeouts
from net.greenlets import greenlets
from net.listener import Listener
from net.tls import Identities, Identity, TLSError, self_signed
from net.xmpp.errors import StreamError
from net.xmpp.stream import Limits

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """Something outside of the configuration is in the way: a port in use, a file that cannot be read."""


def configure(path: Path | None, sets: Sequence[str]) -> Config:
    """The configuration, with the options of every feature there is. Raises ConfigError."""
    return load(path, sets, features={name: feature.Options for name, feature in discover().items()})


class Server:
    """One server of this configuration. `start` and `stop` once each. Raises CannotStart."""

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self.config = config
        self.router = Router(clock or WallClock(), mailbox=config.limits.mailbox)
        self.listeners: dict[str, list[Listener]] = {}
        self.stopping = Event()
        self.started = self.router.clock.now()
        self.storage = self._open_storage()
        features: dict[str, type[Feature]] = dict(discover())
        for name in config.hosts:
            self.router.add(Domain(name, config, self.storage, self.router, features))

    def _open_storage(self) -> Storage:
        try:
            self.config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            return open_storage(self.config.storage.url)
        except (OSError, StorageError) as error:
            raise CannotStart(f"storage {self.config.storage.url}: {error}") from error

    # -- start

    def start(self) -> None:
        """Begins to listen."""
        self._identities = Identities(self._identity())
        try:
            for name, addresses, direct_tls in (
                ("c2s", self.config.listen.c2s, False),
                ("c2s_tls", self.config.listen.c2s_tls, True),
            ):
                self.listeners[name] = [self._listener(name, address, direct_tls) for address in addresses]
        except CannotStart:
            self._stop_listening()
            raise
        for listener in self._all_listeners():
            listener.start()

    def _identity(self) -> Identity:
        tls = self.config.tls
        certificate, key = tls.certificate, tls.key
        try:
            if certificate is None or key is None:
                certificate, key = self.config.data_dir / "self-signed.crt", self.config.data_dir / "self-signed.key"
                if not (certificate.exists() and key.exists()):
                    self_signed(certificate, key, list(self.config.hosts))
                    log.info("made a self-signed certificate, %s", certificate)
            identity = Identity.load(certificate, key, minimum=tls.minimum)
        except TLSError as error:
            raise CannotStart(str(error)) from error
        if identity.expired:
            log.warning("%s has expired on %s", certificate, identity.not_after)
        return identity

    def _listener(self, name: str, address: Address, direct_tls: bool) -> Listener:
        def accept(sock: socket.socket, peer: str) -> None:
            self._accept(sock, peer, direct_tls)

        try:
            return Listener(address.host, address.port, accept)
        except OSError as error:
            raise CannotStart(f"listen.{name}: {address}: {error.strerror or error}") from error

    def _accept(self, sock: socket.socket, peer: str, direct_tls: bool) -> None:
        limits = self.config.limits
        conn = Connection(
            sock,
            peer,
            limits=Limits(limits.stanza_before_login, limits.stanza),
            timeouts=Timeouts(limits.write_seconds, limits.outbox),
            identities=self._identities,
        )
        conn.receiver = Session(self.router, conn).actor_inbox
        conn.start(direct_tls=direct_tls)

    def _all_listeners(self) -> list[Listener]:
        return [listener for listeners in self.listeners.values() for listener in listeners]

    # -- stop

    def stop(self) -> None:
        """Stops accepting, says goodbye to every client, lets what is under way end, and stores; within the bound."""
        self._stop_listening()
        with gevent.Timeout(self.config.limits.stop_seconds, False):
            for session in list(self.router.sessions):
                session.tell(Close(StreamError("system-shutdown")))
            while self.router.sessions or not greenlets.idle:
                gevent.sleep(0.01)
        if self.router.sessions:
            log.warning("%d sessions did not end in time", len(self.router.sessions))
        self.storage.close()

    def _stop_listening(self) -> None:
        for listener in self._all_listeners():
            listener.stop()
        self.listeners.clear()


def serve(config: Config) -> int:
    """Runs a server in the foreground until SIGTERM or SIGINT; returns the exit code."""
    logging.basicConfig(
        level=config.log.level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        server = Server(config)
        server.start()
    except CannotStart as error:
        log.error("cannot start: %s", error)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stopping.set)
    gc.freeze()
    _announce(server)
    server.stopping.wait()
    log.info("stopping")
    server.stop()
    log.info("stopped")
    return 0


def _announce(server: Server) -> None:
    for domain in server.router.domains:
        log.info("serving %s", domain.name)
        if next(iter(domain.accounts), None) is None:
            log.info("no account yet; to add one: bin/parleyctl account add you@%s", domain.name)
    for name, listeners in server.listeners.items():
        for listener in listeners:
            log.info("listening for %s on %s port %d", name, listener.host, listener.port)
