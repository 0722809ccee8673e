"""How long an archive is kept and how large it gets (XEP-0313 §3.2): what is older, or too much, goes, oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from actors.storage import Archive, Record

if TYPE_CHECKING:
    from actors.host import Domain

DAY = 86_400.0

# So many messages are deleted in one step: others have their turn at the database in between.
AT_ONCE = 500

# Seconds between the end of one round through all archives and the next.
ROUND = 3600.0


class Limits(msgspec.Struct, frozen=True):
    """What is kept of one archive at most; 0: there is no limit. Of one user: None, as the domain has it."""

    days: float | None = None
    messages: int | None = None
    bytes: int | None = None


class Retention:
    """The limits of a domain's archives, and keeping to them."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._archive: Archive = domain.storage.store("archive", Archive)
        self._own: Record[Limits] = domain.storage.store("archive-limits", Record, of=Limits)

    def limits(self, owner: str) -> Limits:
        """Those that hold for this user: the user's own, else the domain's."""
        options, own = self._domain.options, self._own.get(owner) or Limits()
        return Limits(
            options.archive_days if own.days is None else own.days,
            options.archive_messages if own.messages is None else own.messages,
            options.archive_bytes if own.bytes is None else own.bytes,
        )

    def limit(self, owner: str, own: Limits) -> None:
        """Gives the user limits of their own."""
        self._own.put(owner, None if own == Limits() else own)

    def expire(self, owner: str) -> int:
        """Deletes what is beyond the limits, the oldest first, `AT_ONCE` at most; returns how many. StorageError."""
        limits = self.limits(owner)
        if limits == Limits(0, 0, 0):
            return 0
        return self._archive.trim(
            owner,
            before=self._domain.clock.now() - limits.days * DAY if limits.days else 0,
            entries=limits.messages or None,
            bytes=limits.bytes or None,
            limit=AT_ONCE,
        )

    def step(self, owner: str) -> bool:
        """The same; returns whether there is more to delete."""
        return self.expire(owner) >= AT_ONCE

    def owners(self) -> Iterator[str]:
        """The users of the domain for whom there is a limit."""
        options, of_domain = self._domain.options, f"@{self._domain.name}"
        if options.archive_days or options.archive_messages or options.archive_bytes:
            return (owner for owner in self._archive.owners() if owner.endswith(of_domain))
        return self._own.owners(suffix=of_domain)
