"""The server: builds storage, domains, listeners and admin socket, starts them in order and stops them in reverse."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import gevent
from gevent.event import Event

from actors import commands
from actors.actor import Clock, WallClock
from actors.config import Address, Config, load
from actors.hooks import Feature, discover
from actors.host import Domain
from actors.mailbox import Close
from actors.router import Router
from actors.session import Session
from actors.storage import StorageError, open_storage
from net.connection import Connection, Timeouts
from net.control import Claim, Claimed, Control
from net.greenlets import greenlets
from net.listener import Listener
from net.tls import Identities, Identity, TLSError, self_signed
from net.xmpp.errors import StreamError
from net.xmpp.stream import Limits

log = logging.getLogger(__name__)


# The file name of the admin socket, in the data folder.
CONTROL = "control.sock"


class CannotStart(Exception):
    """Something outside of the configuration is in the way: a port in use, a file that cannot be read."""


def configure(path: Path | None, sets: Sequence[str]) -> Config:
    """The configuration, with the options of every feature there is. Raises ConfigError."""
    return load(path, sets, features={name: feature.Options for name, feature in discover().items()})


class Server:
    """One server of this configuration. `start` and `stop` once each. Raises CannotStart.

    Before `start` it has storage, domains and all their actors, and nobody to talk to. It has its data folder to itself
    from when it opens a file there: from the beginning, or with storage in memory from `start`.
    """

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self.config = config
        self.router = Router(clock or WallClock(), mailbox=config.limits.mailbox)
        self.listeners: dict[str, list[Listener]] = {}
        self.stopping = Event()
        self.started = self.router.clock.now()
        self._control: Control | None = None
        self._claim: Claim | None = None
        if config.storage.url != "memory:":
            self._claim_folder()
        features: dict[str, type[Feature]] = dict(discover())
        try:
            self.storage = open_storage(config.storage.url)
            for name in config.hosts:
                self.router.add(Domain(name, config, self.storage, self.router, features))
        except StorageError as error:
            self._release_folder()
            raise CannotStart(f"storage {config.storage.url}: {error}") from error

    def _claim_folder(self) -> None:
        folder = self.config.data_dir
        if self._claim is None:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._claim = Claim(folder)
            except Claimed:
                raise CannotStart(f"another server is running in {folder}") from None
            except OSError as error:
                raise CannotStart(f"data_dir {folder}: {error.strerror}") from error

    def _release_folder(self) -> None:
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    # -- start

    def start(self) -> None:
        """Begins to listen, and to take commands. A server that cannot has stopped."""
        try:
            self._claim_folder()
            self._identities = Identities(self._identity())
            for name, addresses, direct_tls in (
                ("c2s", self.config.listen.c2s, False),
                ("c2s_tls", self.config.listen.c2s_tls, True),
            ):
                self.listeners[name] = []
                for address in addresses:
                    self._listen(name, address, direct_tls)
            self._control = self._open_control()
        except CannotStart:
            self.stop()
            raise
        for listener in self._all_listeners():
            listener.start()

    def _open_control(self) -> Control:
        path = self.config.data_dir / CONTROL
        try:
            return Control(path, partial(commands.run, self))
        except OSError as error:
            raise CannotStart(f"{path}: {error.strerror or error}") from error

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

    def _listen(self, name: str, address: Address, direct_tls: bool) -> None:
        def accept(sock: socket.socket, peer: str) -> None:
            self._accept(sock, peer, direct_tls)

        try:
            self.listeners[name].append(Listener(address.host, address.port, accept))
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
        """Stops accepting, says goodbye to every client, lets what is under way end, and stores; within the bound.

        The admin socket goes last: until then nobody may take this server for one that has gone.
        """
        self._stop_listening()
        with gevent.Timeout(self.config.limits.stop_seconds, False):
            for session in list(self.router.sessions):
                session.tell(Close(StreamError("system-shutdown")))
            while self.router.sessions or Connection.count or not greenlets.idle:
                gevent.sleep(0.01)
        if self.router.sessions:
            log.warning("%d sessions did not end in time", len(self.router.sessions))
        self.storage.close()
        if self._control is not None:
            self._control.stop()
        self._release_folder()

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
