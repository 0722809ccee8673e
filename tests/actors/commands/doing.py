"""Carrying out commands in a world, as whoever lets people administer a server does."""

from typing import Any

import gevent

from actors.commands import run
from tests.world import World

TWO_DOMAINS = ("hosts.localhost={}", 'hosts."example.org"={}')


def do(world: World, name: str, **arguments: Any) -> Any:
    """The command's result. Raises CommandError."""
    with gevent.Timeout(20):
        return run(world.server, {"command": name, "arguments": arguments})


def accounts(world: World) -> list[str]:
    """The accounts that are listed."""
    return [row["jid"] for row in do(world, "account list")]
