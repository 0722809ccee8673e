"""Puts messages where a Parley server will find them in an archive: parley_archive.py CONFIG USER COUNT."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from actors.server import Server, configure
from actors.storage import Archive, Entry
from tests.bench.history import remembered

AT_ONCE = 1000


def main(config: str, user: int, count: int) -> None:
    server = Server(configure(Path(config), ()))
    archive = server.storage.store("archive", Archive)
    messages = remembered(user, count, server.router.clock.now())
    while some := list(islice(messages, AT_ONCE)):
        owner = some[0].owner
        entries = [Entry(message.when, message.peer, message.xml, message.resource) for message in some]
        archive.put(owner, [archive.prepare(owner, entry) for entry in entries])
    server.stop()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
