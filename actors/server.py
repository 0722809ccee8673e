"""The server: builds storage, domains, listeners and admin socket, starts them in order and stops them in reverse."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from actors import certificates, commands, logs
from actors.clock import Clock, WallClock
from actors.config import Address, Config, ConfigError, load
from actors.hooks import Feature, discover
from actors.host import Domain
from actors.mailbox import Close, Enabled, HostGone
from actors.reload import CannotReload, changes, changes_of_certificates, frozen
from actors.router import Router
from actors.session import Session
from actors.storage import StorageError, open_storage, public
from net.connection import Connection
from net.control import Claim, Claimed, Control
from net.greenlets import greenlets
from net.limits import Crowd, Rate
from net.listener import Listener
from net.tls import Identities, Identity, TLSError
from net.transport import Terms
from net.xmpp.errors import StreamError
from net.xmpp.stream import Limits

log = logging.getLogger(__name__)


# The file name of the admin socket, in the data folder.
CONTROL = "control.sock"

# Of the time for a stop, so much is kept for what has to be stored, however long clients take.
FOR_STORAGE = 0.2


class CannotStart(Exception):
    """Something outside of the configuration is in the way: a port in use, a file that cannot be read."""


def configure(path: Path | None, sets: Sequence[str]) -> Config:
    """The configuration, with the options of every feature there is. Raises ConfigError."""
    return load(path, sets, features={name: feature.Options for name, feature in discover().items()})


class Server:
    """One server of this configuration. `start` and `stop` once each. Raises CannotStart.

    `reread`: returns the configuration as it is written now, for `reload`; it may raise ConfigError.

    Before `start` it has storage, domains and all their actors, and nobody to talk to. It has its data folder to itself
    from when it opens a file there: from the beginning, or with storage in memory from `start`.
    """

    def __init__(
        self, config: Config, *, clock: Clock | None = None, reread: Callable[[], Config] | None = None
    ) -> None:
        self.config = config
        self.reread = reread or (lambda: self.config)
        self._reloading = BoundedSemaphore()
        self.router = Router(clock or WallClock(), mailbox=config.limits.mailbox)
        self._listeners: dict[tuple[str, Address], Listener] = {}
        self.identities: Identities | None = None
        limits = config.limits
        self._crowd = Crowd(most=limits.connections_per_address, most_half_open=limits.half_open_per_address)
        self._terms = _terms(config)
        self.stopping = Event()
        self.started = self.router.clock.now()
        self._control: Control | None = None
        self._claim: Claim | None = None
        if config.storage.url != "memory:":
            self._claim_folder()
        self._features: dict[str, type[Feature]] = dict(discover())
        try:
            self.storage = open_storage(config.storage.url)
            for name in config.hosts:
                self.router.add(self._domain(name, config))
        except StorageError as error:
            self._release_folder()
            raise CannotStart(f"storage {public(config.storage.url)}: {error}") from error

    def _domain(self, name: str, config: Config) -> Domain:
        return Domain(name, config, self.storage, self.router, self._features, administer=partial(commands.run, self))

    @property
    def listeners(self) -> dict[str, list[Listener]]:
        """Who listens, by the name of the option that says where."""
        found: dict[str, list[Listener]] = {name: [] for name in self.config.listen.__struct_fields__}
        for (name, _), listener in self._listeners.items():
            found[name].append(listener)
        return found

    @property
    def running(self) -> bool:
        """Whether it has been started."""
        return self._control is not None

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
            self.identities = Identities(*self._certificates(self.config))
            self._listeners = self._bind(self.config)
            self._control = self._open_control()
        except CannotStart:
            self.stop()
            raise
        try:
            self.storage.rehearse()
            self.revive()
        except StorageError as error:
            self.stop()
            raise CannotStart(f"storage {public(self.config.storage.url)}: {error}") from error
        for listener in self._listeners.values():
            listener.start()
        for domain in self.router.domains:
            domain.serve()

    def revive(self) -> None:
        """Everything is as it was in the last life of the server."""
        for domain in self.router.domains:
            domain.revive()

    def _open_control(self) -> Control:
        path = self.config.data_dir / CONTROL
        try:
            return Control(path, partial(commands.run, self))
        except OSError as error:
            raise CannotStart(f"{path}: {error.strerror or error}") from error

    def _certificates(self, config: Config) -> tuple[Identity, dict[str, Identity]]:
        try:
            return certificates.load(config)
        except TLSError as error:
            raise CannotStart(str(error)) from error

    def _bind(self, config: Config) -> dict[tuple[str, Address], Listener]:
        """A listener for each address, those there are already among them. After a failure there are no new ones."""
        bound: dict[tuple[str, Address], Listener] = {}
        for name in config.listen.__struct_fields__:
            for address in getattr(config.listen, name):
                try:
                    bound[name, address] = self._listeners.get((name, address)) or self._listen(name, address)
                except OSError as error:
                    self._stop_listening(bound, but=self._listeners)
                    raise CannotStart(f"listen.{name}: {address}: {error.strerror or error}") from error
        return bound

    def _listen(self, name: str, address: Address) -> Listener:
        return Listener(address.host, address.port, partial(self._accept, direct_tls=name == "c2s_tls"))

    @staticmethod
    def _stop_listening(
        listeners: dict[tuple[str, Address], Listener], but: dict[tuple[str, Address], Listener] | None = None
    ) -> None:
        for place in listeners.keys() - (but or {}).keys():
            listeners[place].stop()

    def _accept(self, sock: socket.socket, peer: str, *, direct_tls: bool) -> None:
        guest = self._crowd.enter(peer, monotonic())
        if guest is None:
            log.debug("%s: too many connections from there", peer)
            sock.close()
            return
        assert self.identities is not None
        conn = Connection(
            sock,
            peer,
            terms=self._terms,
            guest=guest,
            identities=self.identities,
        )
        conn.receiver = Session(self.router, conn).actor_inbox
        conn.start(direct_tls=direct_tls)

    # -- reload

    def reload(self) -> list[str]:
        """Goes by the configuration and the certificates as their files are now. Returns what has changed, in lines.

        Sessions stay, but for those of domains that are served no more. What a connection may send and receive stays as
        it was when it came. Raises CannotReload, and then nothing has changed.
        """
        with self._reloading:
            try:
                new = self.reread()
                if restart := frozen(self.config, new):
                    raise CannotReload(f"only a restart changes {', '.join(restart)}; nothing has been changed")
                added = [
                    self.router.former(name) or self._domain(name, new)
                    for name in new.hosts
                    if self.router.domain(name) is None
                ]
                listeners = self._bind(new)
            except (ConfigError, CannotStart) as error:
                raise CannotReload(str(error)) from error
            except StorageError as error:
                raise CannotReload(f"storage: {error}") from error
            try:
                identities = self._certificates(new)
                if self.stopping.is_set():
                    raise CannotStart("the server is stopping")
            except CannotStart as error:
                self._stop_listening(listeners, but=self._listeners)
                raise CannotReload(str(error)) from error
            lines = self._change(new, added, listeners, identities)
            try:
                for domain in added:
                    domain.revive()
            except StorageError as error:
                log.error("earlier streams could not be read: %s", error)
            return lines

    def _change(
        self,
        new: Config,
        added: list[Domain],
        listeners: dict[tuple[str, Address], Listener],
        identities: tuple[Identity, dict[str, Identity]],
    ) -> list[str]:
        """The change itself: nothing in it waits, nothing in it fails."""
        assert self.identities is not None
        shown = Identities(*identities)
        lines = [*changes(self.config, new), *changes_of_certificates(self.identities, shown, new.hosts)]
        removed = [domain for domain in self.router.domains if domain.name not in new.hosts]
        self.config = new
        for domain in removed:
            self.router.remove(domain)
            for session in self.router.sessions:
                session.tell(HostGone(domain.name))
        for domain in added:
            self.router.add(domain)
        logs.set_level(new.log.level)
        limits = new.limits
        self.router.mailbox = limits.mailbox
        self._crowd.limit(most=limits.connections_per_address, most_half_open=limits.half_open_per_address)
        self._terms = _terms(new)
        for domain in self.router.domains:
            before = domain.hooks.names
            domain.configure(new)
            domain.serve()
            if enabled := domain.hooks.names - before:
                self.router.tell_users(domain.name, Enabled(enabled))
        self.identities.replace(*identities)
        self._stop_listening(self._listeners, but=listeners)
        for place in listeners.keys() - self._listeners.keys():
            listeners[place].start()
        self._listeners = listeners
        log.info("reloaded: %s", "; ".join(lines) or "nothing has changed")
        return lines

    # -- stop

    def stop(self) -> None:
        """Stops accepting, says goodbye to every client, lets what is under way end, and stores; within the bound.

        The admin socket goes last: until then nobody may take this server for one that has gone.
        """
        self._stop_listening(self._listeners)
        self._listeners = {}
        ends = monotonic() + self.config.limits.stop_seconds
        with gevent.Timeout(self.config.limits.stop_seconds * (1 - FOR_STORAGE), False):
            for session in list(self.router.sessions):
                session.tell(Close(StreamError("system-shutdown")))
            while self.router.sessions or Connection.count or not greenlets.idle:
                gevent.sleep(0.01)
        if self.router.sessions:
            log.warning("%d sessions did not end in time", len(self.router.sessions))
        self.storage.close(max(0.0, ends - monotonic()))
        if self._control is not None:
            self._control.stop()
        self._release_folder()


def _terms(config: Config) -> Terms:
    limits = config.limits
    return Terms(
        Limits(limits.stanza_before_login, limits.stanza),
        Rate(limits.bytes_per_second, limits.burst_seconds),
        Rate(limits.stanzas_per_second, limits.burst_seconds),
        limits.outbox,
        limits.write_seconds,
    )
