"""Looking: at files, sockets and name servers. Nothing is changed, and a server that runs is not disturbed."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from actors import certificates, reload
from actors.check.facts import Certificate, Facts, Folder, Port, Records, Storage
from actors.check.records import SERVICES
from actors.config import Config, ConfigError
from actors.storage import StorageError, examine, public
from net import chain
from net.dns import CannotAsk, Resolver
from net.listener import Listener
from net.reach import places, reach
from net.tls import Identities, Identity, TLSError, a_label

if TYPE_CHECKING:
    from actors.server import Server


def gather(config: Config, server: Server | None, resolver: Resolver) -> Facts:
    """The facts about a server of this configuration: `server` where it runs, None where none does."""
    pending, unreadable = _written(server) if server is not None else ((), "")
    ports = _listened(server) if server is not None else _free(config)
    shown = server.identities if server is not None else None
    return Facts(
        now=datetime.now(UTC),
        pid=os.getpid() if server is not None else None,
        pending=pending,
        unreadable=unreadable,
        ports=tuple(ports),
        certificates=tuple(_certificate(config, domain, shown) for domain in config.hosts),
        folder=_folder(config.data_dir),
        storage=_storage(config.storage.url),
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        records=tuple(_records(domain, _by_service(ports), resolver) for domain in config.hosts),
    )


def _written(server: Server) -> tuple[tuple[str, ...], str]:
    """How the configuration differs from what it was when it was read last, or why it cannot be read."""
    try:
        return tuple(reload.changes(server.config, server.reread())), ""
    except ConfigError as error:
        return (), " ".join(str(error).split())


# -- ports


def _listened(server: Server) -> list[Port]:
    return [
        _reached(Port(option, listener.host, listener.port, ours=True))
        for option, listeners in server.listeners.items()
        for listener in listeners
    ]


def _reached(port: Port) -> Port:
    tried = {place: reach(place, port.port) for place in places(port.host)}
    unreached = {place: reason for place, reason in tried.items() if reason}
    reached = tuple(place for place, reason in tried.items() if not reason)
    return Port(port.option, port.host, port.port, ours=True, reached=reached, unreached=unreached)


def _free(config: Config) -> list[Port]:
    """Each is taken for as long as it takes to try the others, which have to be free beside it."""
    found = []
    with ExitStack() as stack:
        for option in SERVICES:
            for address in getattr(config.listen, option):
                port = Port(option, address.host, address.port)
                try:
                    listener = Listener(address.host, address.port, lambda sock, peer: sock.close())
                except OSError as error:
                    why = error.strerror or str(error)
                    port = Port(option, address.host, address.port, errno=error.errno or -1, error=why)
                else:
                    stack.callback(listener.stop)
                found.append(port)
    return found


def _by_service(ports: Iterable[Port]) -> dict[str, tuple[int, ...]]:
    some = list(ports)
    return {
        service: tuple(dict.fromkeys(port.port for port in some if port.option == option and port.port))
        for option, service in SERVICES.items()
    }


# -- certificates


def _certificate(config: Config, domain: str, shown: Identities | None) -> Certificate:
    kind, file, key = certificates.source(config, domain)
    if kind == "self-signed" and not file.exists():
        return Certificate(domain, kind, file, key, made=False)
    try:
        identity = Identity.load(file, key, minimum=config.tls.minimum, authorities=config.tls.client_certificates)
        found = chain.Chain.read(file, chain.authorities())
        exposed = bool(key.stat().st_mode & 0o007)
    except (TLSError, OSError, ValueError) as error:
        return Certificate(domain, kind, file, key, problem=str(error))
    if kind == "self-signed" and shown is None and not all(map(identity.covers, config.hosts)):
        return Certificate(domain, kind, file, key, made=False)
    now = (shown.named(domain) or shown.default) if shown is not None else identity
    return Certificate(
        domain,
        kind,
        file,
        key,
        names=identity.names,
        covers=identity.covers(domain),
        chain=found,
        exposed=exposed,
        stale=now.fingerprint != identity.fingerprint,
    )


# -- the machine


def _folder(path: Path) -> Folder:
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    mode = path.stat().st_mode & 0o7777 if path.exists() else None
    return Folder(path, mode, os.access(there, os.W_OK | os.X_OK), shutil.disk_usage(there).free)


def _storage(url: str) -> Storage:
    try:
        return Storage(public(url), examine(url))
    except StorageError as error:
        return Storage(public(url), problem=str(error))


# -- DNS


def _records(domain: str, ports: dict[str, tuple[int, ...]], resolver: Resolver) -> Records:
    if not _in_dns(domain):
        return Records(domain, ports, public=False)
    try:
        name = a_label(domain)
    except TLSError as error:
        return Records(domain, ports, problem=str(error))
    try:
        services = {service: tuple(resolver.services(f"{service}.{name}")) for service in ports}
        targets = (each.target for found in services.values() for each in found if each.target)
        addresses = {host: tuple(resolver.addresses(host)) for host in dict.fromkeys((name, *targets))}
    except CannotAsk as error:
        return Records(name, ports, problem=str(error))
    return Records(name, ports, services=services, addresses=addresses)


def _in_dns(domain: str) -> bool:
    """Not an address, and not the name of the machine itself (RFC 6761 §6.3)."""
    try:
        ip_address(domain.strip("[]"))
    except ValueError:
        return domain != "localhost" and not domain.endswith(".localhost")
    return False
