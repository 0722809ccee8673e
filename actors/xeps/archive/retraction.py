"""XEP-0424: Message Retraction. What its author has taken back is not shown any more."""

from __future__ import annotations

from actors.storage import Archive
from actors.xeps.archive.latest import latest
from net.xmpp.jid import JID
from net.xmpp.stamps import stamp
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element, escape, parse

NAMESPACE = "urn:xmpp:message-retract:1"
RETRACT = f"{{{NAMESPACE}}}retract"
RETRACTED = f"{{{NAMESPACE}}}retracted"
_MENTIONED = NAMESPACE.encode()


def retracted_by(message: Stanza) -> str | None:
    """Of a retraction that can be told from others, which message it takes back; None for any other message."""
    if not message.id or not message.mentions(_MENTIONED):
        return None
    retract = message.find(RETRACT)
    return retract.get("id") or None if retract is not None else None


def bury(archive: Archive, owner: JID, peer: JID, retraction: Stanza, now: float) -> None:
    """Puts a tombstone in place of what the retraction takes back, if that is among the latest messages (§4).

    Only what is from the same bare JID (§5); and no retraction, since that has to stay.
    """
    wanted, author = retracted_by(retraction), retraction.from_
    assert wanted is not None and author is not None
    for id, entry in latest(archive, owner, peer):
        if escape(wanted) not in entry.doc:
            continue
        message = Stanza.read(parse(entry.doc.encode()))
        if message.id != wanted or message.from_ is None or message.from_.bare != author.bare:
            continue
        if message.find(RETRACT) is None and message.find(RETRACTED) is None:
            archive.replace(owner, id, _tombstone(message, retraction, now))
        return


def _tombstone(message: Stanza, retraction: Stanza, now: float) -> str:
    assert retraction.id is not None
    content = element("message", None, element(RETRACTED, None, id=retraction.id, stamp=stamp(now)))
    tombstone = Stanza("message", type=message.type, to=message.to, from_=message.from_, id=message.id, content=content)
    return tombstone.wire.decode()
