"""What is known of a server and of the machine it is on. Nothing here judges, and nothing here looks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from actors.storage import SchemaState
from net.chain import Chain
from net.dns import Service


class Port(msgspec.Struct, frozen=True):
    """One place to listen, as `listen.OPTION` has it. `errno`, `error`: why it could not be bound; 0 if it could.

    `ours`: the server that runs listens there; `reached` are the addresses of this machine at which it could be
    connected to, `unreached` those at which it could not, each with the reason.
    """

    option: str
    host: str
    port: int
    ours: bool = False
    errno: int = 0
    error: str = ""
    reached: tuple[str, ...] = ()
    unreached: dict[str, str] = {}


class Certificate(msgspec.Struct, frozen=True):
    """What is shown for a domain, from where. `problem`: why it cannot be used, and then there is no `chain`.

    `made`: whether the files are there; the next start makes a self-signed one. `exposed`: everybody on this machine
    may read the key. `stale`: the server that runs shows another one than the files now hold.
    """

    domain: str
    kind: Literal["own", "default", "self-signed"]
    file: Path
    key: Path
    made: bool = True
    problem: str = ""
    names: tuple[str, ...] = ()
    covers: bool = False
    chain: Chain | None = None
    exposed: bool = False
    stale: bool = False


class Folder(msgspec.Struct, frozen=True):
    """The data folder. `mode` is None where there is none yet. `free` is in bytes, of the nearest folder there is."""

    path: Path
    mode: int | None
    writable: bool
    free: int


class Storage(msgspec.Struct, frozen=True):
    """The storage, its URL without a password. `problem`: why it cannot be opened."""

    url: str
    schema: SchemaState = "current"
    problem: str = ""


class Records(msgspec.Struct, frozen=True):
    """What DNS says of a domain, by its A-labels, and at which ports clients find it on this server.

    `ports`, `services`: by the name of the service, as "_xmpp-client._tcp". `addresses`: of the domain and of each host
    that a service leads to. `problem`: why nobody could be asked; "" for a domain that is not looked for in DNS too.
    """

    domain: str
    ports: dict[str, tuple[int, ...]]
    public: bool = True
    services: dict[str, tuple[Service, ...]] = {}
    addresses: dict[str, tuple[str, ...]] = {}
    problem: str = ""


class Facts(msgspec.Struct, frozen=True):
    """All of it, at the time `now`. `pid`: the process that runs as the server, None if none does.

    `pending`: how the configuration file differs from what the server that runs goes by, a line for each option;
    `unreadable`: why it cannot be read any more. `files`: how many a process may have open.
    """

    now: datetime
    pid: int | None
    pending: tuple[str, ...]
    unreadable: str
    ports: tuple[Port, ...]
    certificates: tuple[Certificate, ...]
    folder: Folder
    storage: Storage
    files: int
    records: tuple[Records, ...]
