"""XEP-0431: Full Text Search in MAM. What is a word, and keeping an archive's index of them up to date."""

from __future__ import annotations

import logging
import re
import unicodedata
from itertools import accumulate, islice

from lxml import etree

from actors.storage import Archive, Entry, StorageError, Words
from net.xmpp.jid import JID
from net.xmpp.xml import parse

log = logging.getLogger(__name__)

NAMESPACE = "urn:xmpp:fulltext:0"
FULLTEXT = f"{{{NAMESPACE}}}fulltext"

# Characters of a word, words of a message, and their bytes, that count. In the form in which they are compared they may
# be many times as long as they were written, and PostgreSQL takes no megabyte of one message.
LONGEST_WORD = 100
MOST_WORDS = 10_000
MOST_BYTES = 250_000

# So many messages are read and indexed at a time: others have their turn in between.
AT_A_TIME = 100


def words(text: str) -> list[str]:
    """The words of a text, each once and in the form in which they are compared: whatever the case, and the width."""
    found = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    counted = list(islice(dict.fromkeys(word[:LONGEST_WORD] for word in found), MOST_WORDS))
    sizes = accumulate(len(word.encode()) for word in counted)
    return [word for word, size in zip(counted, sizes, strict=True) if size <= MOST_BYTES]


def catch_up(archive: Archive, owner: JID) -> None:
    """Indexes what has been kept since the owner last searched; the first time, all there is.

    So whoever never searches pays nothing. It takes a while, and has to be done aside.
    """
    after = archive.indexed(owner)
    while found := archive.page(owner, after=after, limit=AT_A_TIME):
        try:
            archive.index(owner, {id: _words(entry) for id, entry in found})
        except (StorageError, etree.XMLSyntaxError):
            for id, entry in found:
                _index(archive, owner, id, entry)
        after = found[-1][0]


def _index(archive: Archive, owner: JID, id: str, entry: Entry) -> None:
    """One that cannot be indexed is found by no word: it does not keep others from being found. Raises StorageError."""
    try:
        archive.index(owner, {id: _words(entry)})
    except (StorageError, etree.XMLSyntaxError) as error:
        archive.index(owner, {id: Words(entry.doc, ())})
        log.error("%s: the message %s is found by no word: %s", owner, id, error)


def _words(entry: Entry) -> Words:
    """Those of all that a stored message says to people. Meanwhile its author may take it back (XEP-0424)."""
    said = " ".join(node.text or "" for node in parse(entry.doc.encode()) if node.tag in ("body", "subject"))
    return Words(entry.doc, words(said))
