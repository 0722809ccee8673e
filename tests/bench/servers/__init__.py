"""The servers that can be measured, by name. The others are compared with the first."""

from __future__ import annotations

from pathlib import Path

from net.tls import self_signed
from tests.bench import users
from tests.bench.servers.ejabberd import Ejabberd
from tests.bench.servers.parley import Parley
from tests.bench.servers.prosody import GenerationalProsody, Prosody
from tests.bench.servers.server import CannotRun, Certificate, Server

SERVERS: dict[str, type[Server]] = {server.name: server for server in (Parley, Prosody, GenerationalProsody, Ejabberd)}


def prepare(name: str, folder: Path, count: int) -> Server:
    """One of them, in a folder of its own in `folder`, with at least so many accounts. Raises CannotRun."""
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
    if not certificate.chain.exists():
        self_signed(certificate.chain, certificate.key, [users.DOMAIN])
    own = folder / name
    own.mkdir()
    whole_groups = -(-count // users.GROUP) * users.GROUP
    return SERVERS[name](own, whole_groups, certificate)


__all__ = ["SERVERS", "CannotRun", "Server", "prepare"]
