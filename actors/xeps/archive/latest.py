"""The latest messages of a conversation, among which something is looked for."""

from __future__ import annotations

from collections.abc import Iterator

from actors.storage import Archive, Entry
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

# So many of them count, some at a time.
LATEST = 500
AT_A_TIME = 100


def latest(archive: Archive, owner: JID, peer: JID) -> Iterator[tuple[str, Entry]]:
    """Those with this bare JID, with their ids, the newest first."""
    before = None
    for _ in range(LATEST // AT_A_TIME):
        found = archive.page(owner, peer=peer.bare, before=before, backwards=True, limit=AT_A_TIME)
        yield from reversed(found)
        if len(found) < AT_A_TIME:
            return
        before = found[0][0]


class Repeats:
    """What is kept of streams on which it may come again: the server died before it could say so (XEP-0198).

    Each conversation is looked at once: what comes on a stream from then on is new.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, JID], dict[str, list[tuple[str, str]]]] = {}

    def find(self, archive: Archive, owner: JID, peer: JID, message: Stanza, receipt: str) -> str | None:
        """The id under which this very message is kept; None if it is not.

        A message without an id of its own might as well be another one that says the same: then its number counts.
        """
        stream = receipt.partition(" ")[0]
        conversation = stream, peer.bare
        if conversation not in self._kept:
            self._kept[conversation] = _kept(archive, owner, peer, stream)
        for id, known in self._kept[conversation].get(message.wire.decode(), ()):
            if message.id or known == receipt:
                return id
        return None


def _kept(archive: Archive, owner: JID, peer: JID, stream: str) -> dict[str, list[tuple[str, str]]]:
    """What has come on this stream, with the ids and receipts of each."""
    kept: dict[str, list[tuple[str, str]]] = {}
    for id, entry in latest(archive, owner, peer):
        if entry.receipt.startswith(f"{stream} "):
            kept.setdefault(entry.doc, []).append((id, entry.receipt))
    return kept
