"""The latest messages of a conversation, among which something is looked for."""

from __future__ import annotations

from collections.abc import Iterator

from actors.receipts import Mark
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
        self._kept: dict[str, dict[JID, dict[str, list[tuple[str, Mark]]]]] = {}

    def find(self, archive: Archive, owner: JID, peer: JID, message: Stanza, mark: Mark) -> str | None:
        """The id under which this very message is kept; None if it is not."""
        conversations = self._kept.setdefault(mark.stream, {})
        if peer.bare not in conversations:
            conversations[peer.bare] = _kept(archive, owner, peer, mark.stream)
        for id, known in conversations[peer.bare].get(message.wire.decode(), ()):
            if mark.repeats(known, named=bool(message.id)):
                return id
        return None

    def forget(self, mark: Mark) -> None:
        """Nothing comes again on this stream any more."""
        self._kept.pop(mark.stream, None)


def _kept(archive: Archive, owner: JID, peer: JID, stream: str) -> dict[str, list[tuple[str, Mark]]]:
    """What has come on this stream, with the ids and marks of each."""
    kept: dict[str, list[tuple[str, Mark]]] = {}
    for id, entry in latest(archive, owner, peer):
        mark = Mark.read(entry.receipt)
        if mark is not None and mark.stream == stream:
            kept.setdefault(entry.doc, []).append((id, mark))
    return kept
