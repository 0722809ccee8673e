"""Whether the server can do its work where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from actors import check
from actors.commands.declaration import command
from net.dns import Resolver

if TYPE_CHECKING:
    from actors.config import Config
    from actors.server import Server


def alone(config: Config) -> dict[str, Any]:
    """What is found where no server runs."""
    return _told(check.check(config, Resolver()))


@command("check", columns=("what", "state", "text"), needs_server=False, alone=alone, findings=True)
def check_server(server: Server) -> dict[str, Any]:
    """Look for what is wrong with configuration, ports, certificates, data folder, storage and DNS.

    Below stand the records that DNS should have, as lines of a zone file. The status is 1 when anything is an error. A
    server that runs is asked. Nothing is changed.
    """
    return _told(check.check(server.config, Resolver(), server if server.running else None))


def _told(report: check.Report) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(report)
    return told
