"""The storage: whether it is sound, and its backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors.commands.declaration import CommandError, Parameter, command
from actors.commands.parameters import absolute

if TYPE_CHECKING:
    from actors.server import Server


@command("storage check", columns=("problem",), needs_server=False, lasts=True)
def storage_check(server: Server) -> list[dict[str, Any]]:
    """Read all that is stored, and list what is broken.

    With nothing listed, it is sound. After a hundred problems no more are looked for.
    """
    return [{"problem": problem} for problem in server.storage.check()]


@command("storage vacuum", needs_server=False, lasts=True)
def storage_vacuum(server: Server) -> str:
    """Give the room of what was deleted back to the disk.

    SQLite stores nothing else meanwhile, and so everybody waits: seconds for each gigabyte.
    """
    server.storage.vacuum()
    return "vacuumed"


@command(
    "backup",
    Parameter("file", absolute, "The file to make, which is not there yet.", file=True),
    needs_server=False,
    lasts=True,
)
def backup(server: Server, file: Path) -> str:
    """Copy all that is stored at this moment to a file.

    The server writes it while it goes on. It is an SQLite database, whatever storage.url says.
    """
    server.storage.backup(file)
    return f"{file} made, {file.stat().st_size} bytes"


@command("restore", Parameter("file", absolute, "The file of a backup.", file=True), needs_server=False, lasts=True)
def restore(server: Server, file: Path) -> str:
    """Put what is in a backup in place of all that is stored.

    No server may run. The backup may be of an earlier version, or of a server with another storage.url.
    """
    if server.running:
        raise CommandError("a server is running: stop it first")
    server.storage.restore(file)
    return f"{file} restored"
