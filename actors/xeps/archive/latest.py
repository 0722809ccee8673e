"""The latest messages of a conversation, among which something is looked for."""

from __future__ import annotations

from collections.abc import Iterator

from actors.storage import Archive
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

# So many of them count, some at a time.
LATEST = 500
AT_A_TIME = 100


def latest(archive: Archive, owner: JID, peer: JID) -> Iterator[tuple[str, str]]:
    """Those with this bare JID, with their ids, the newest first."""
    before = None
    for _ in range(LATEST // AT_A_TIME):
        found = archive.page(owner, peer=peer.bare, before=before, backwards=True, limit=AT_A_TIME)
        yield from ((id, entry.doc) for id, entry in reversed(found))
        if len(found) < AT_A_TIME:
            return
        before = found[0][0]


def kept_before(archive: Archive, owner: JID, peer: JID, message: Stanza) -> str | None:
    """The id under which this very message has been kept already; None if it has not."""
    doc = message.wire.decode()
    return next((id for id, kept in latest(archive, owner, peer) if kept == doc), None)
