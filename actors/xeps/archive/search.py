"""XEP-0431: Full Text Search in MAM. What is a word, and keeping an archive's index of them up to date."""

from __future__ import annotations

import re
import unicodedata

from actors.storage import Archive
from net.xmpp.jid import JID
from net.xmpp.xml import parse

NAMESPACE = "urn:xmpp:fulltext:0"
FULLTEXT = f"{{{NAMESPACE}}}fulltext"

# Characters of a word, and words of a message, that count.
LONGEST_WORD = 100
MOST_WORDS = 10_000

# So many messages are read and indexed at a time: others have their turn in between.
AT_A_TIME = 100


def words(text: str) -> list[str]:
    """The words of a text, each once and in the form in which they are compared: whatever the case, and the width."""
    found = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in found))[:MOST_WORDS]


def catch_up(archive: Archive, owner: JID) -> None:
    """Indexes what has been kept since the owner last searched; the first time, all there is.

    So whoever never searches pays nothing. It takes a while, and has to be done aside.
    """
    after = archive.indexed(owner)
    while found := archive.page(owner, after=after, limit=AT_A_TIME):
        archive.index(owner, {id: words(_said(entry.doc)) for id, entry in found})
        after = found[-1][0]


def _said(doc: str) -> str:
    """All that a stored message says to people."""
    return " ".join(node.text or "" for node in parse(doc.encode()) if node.tag in ("body", "subject"))
