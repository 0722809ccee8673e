"""Whether the server can do its work where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from actors.commands.declaration import command

if TYPE_CHECKING:
    from actors.config import Config
    from actors.server import Server


def alone(config: Config) -> dict[str, Any]:
    """What is found where no server runs."""
    return _checked(config, None)


@command("check", columns=("what", "state", "text"), needs_server=False, alone=alone, findings=True)
def check_server(server: Server) -> dict[str, Any]:
    """Look for what is wrong with configuration, ports, certificates, data folder, storage and DNS.

    Below stand the records that DNS should have, as lines of a zone file. The status is 1 when anything is an error. A
    server that runs is asked. Nothing is changed.
    """
    return _checked(server.config, server if server.running else None)


def _checked(config: Config, server: Server | None) -> dict[str, Any]:
    # 5 MB of memory that a server can do without until somebody asks: dnspython most of all.
    from actors.check import check  # noqa: PLC0415
    from net.dns import Resolver  # noqa: PLC0415

    told: dict[str, Any] = msgspec.to_builtins(check(config, Resolver(), server))
    return told
