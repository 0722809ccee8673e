"""What the users of a domain are told by those who run it: now, once each, or when they are new (XEP-0133)."""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec
from msgspec.structs import replace

from actors.storage import Map, Record, Storage
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import escape

Kind = Literal["motd", "welcome"]


def headline(domain: JID, text: str, id: str | None = None) -> Stanza:
    """The message that tells it, to be addressed."""
    return Stanza("message", type="headline", from_=domain, id=id, body=f"<body>{escape(text)}</body>".encode())


class Notice(msgspec.Struct, frozen=True):
    """A text that stands since then (UTC seconds). Another text of the same `id` is the same notice, corrected."""

    id: str
    text: str
    since: float


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one user has been told: the message of the day of this id; whether they have been welcomed."""

    motd: str = ""
    welcome: bool = False


class Notices:
    """The standing notices of one domain: the message of the day, and what new users are welcomed with."""

    def __init__(self, domain: JID, storage: Storage) -> None:
        self._domain = domain
        self._store = storage.store("notices", Map, of=Notice)
        self._told = storage.store("told", Record, of=Told)
        self._standing = self._store.items(domain)

    def __bool__(self) -> bool:
        return bool(self._standing)

    def get(self, kind: Kind) -> Notice | None:
        """The notice, None if there is none."""
        return self._standing.get(kind)

    def set(self, kind: Kind, text: str, now: float) -> Notice:
        """Puts a new notice in place of the one there may be."""
        return self._put(kind, Notice(secrets.token_urlsafe(9), text, now))

    def edit(self, kind: Kind, text: str) -> Notice | None:
        """Corrects the notice: who has been told it is not told again. None if there is none."""
        notice = self.get(kind)
        return None if notice is None else self._put(kind, replace(notice, text=text))

    def delete(self, kind: Kind) -> bool:
        """Whether there was one."""
        self._store.delete(self._domain, kind)
        return self._standing.pop(kind, None) is not None

    def _put(self, kind: Kind, notice: Notice) -> Notice:
        self._store.put(self._domain, kind, notice)
        self._standing[kind] = notice
        return notice

    def told(self, user: JID) -> Told:
        """What this user has been told."""
        return self._told.get(user) or Told()

    def note(self, user: JID, told: Told) -> None:
        """Remembers it."""
        self._told.put(user, told)
