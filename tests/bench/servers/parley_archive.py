"""Puts messages where a Parley server will find them in an archive: parley_archive.py CONFIG USER COUNT."""

from __future__ import annotations

import sys
from pathlib import Path

from actors.server import Server, configure
from actors.storage import Archive, Entry
from tests.bench.history import remembered


def main(config: str, user: int, count: int) -> None:
    server = Server(configure(Path(config), ()))
    archive = server.storage.store("archive", Archive)
    for message in remembered(user, count, server.router.clock.now()):
        archive.append(message.owner, Entry(message.when, message.peer, message.xml, message.resource), wait=False)
    server.stop()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
