"""Where archives end, which is known here before it is in the database; and listing by peer what has been added."""

from collections.abc import Iterable
from typing import Any

import gevent
from sqlalchemy import Row

from actors.storage import statements
from actors.storage.errors import StorageError
from actors.storage.shelf import Shelf
from actors.storage.writer import Step

AT_MOST = 10_000
"""Of so many owners it is remembered where their archives end."""

LISTED_AT_ONCE = 64
"""So many entries of an owner, or more, are listed by peer together: that takes a write or two, where each alone would
take one for itself. Meanwhile, who looks for a peer looks through all of them."""

ARCHIVES_AT_ONCE = 50
"""With more, PostgreSQL would read all entries of everybody."""


class End:
    """Where an archive ends once everything is done that has been queued: its number in the tables, the id and number
    of its last entry, the bytes up to there. `listed`, `unlisted`: up to where its entries are listed by peer, and how
    many are not.
    """

    __slots__ = ("archive", "id", "listed", "number", "total", "unlisted")

    def __init__(self, row: Row[Any]) -> None:
        self.archive: int = row.archive
        self.id: bytes = row.id or b""
        self.number: int = row.number or 0
        self.total: int = row.total or 0
        self.listed: bytes = row.listed
        self.unlisted: int = row.unlisted

    def add(self, entries: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows of entries that come next, each given by its size, its id, which may be any, and what is between id
        and number in the table.
        """
        rows = []
        archive, number, total = self.archive, self.number, self.total
        for size, *columns in entries:
            number += 1
            total += size
            rows.append((archive, *columns, number, total))
            self.id = max(self.id, columns[0])
        self.unlisted += len(rows)
        self.number, self.total = number, total
        return rows


class Ends:
    """Those of one store's archives, for all who have it open."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: dict[str, End] = {}
        self._asked: dict[str, object] = {}
        self._due: set[str] = set()

    def of(self, owner: str) -> End:
        """What is added to it, and queued before anybody else has a turn, is queued in the order in which it was added.

        Raises StorageError.
        """
        while True:
            end = self._known.get(owner) or self._read(owner)
            if end is None:
                continue
            self._shelf.lane(owner).make_room()
            if self._known.get(owner) is end:
                return end

    def _read(self, owner: str) -> End | None:
        """From the database; None where it may be from before something that somebody has forgotten meanwhile."""
        asked, token = self._shelf.row(owner=owner), self._asked.setdefault(owner, object())
        [row] = self._shelf.run(owner, Step(statements.ADD_ARCHIVE, asked), Step(statements.END, asked))
        if self._asked.get(owner) is token:
            if len(self._known) >= AT_MOST:
                self.forget_all()
            self._asked.pop(owner, None)
            self._known[owner] = End(row)
        return self._known.get(owner)

    def forget(self, owner: str) -> None:
        """It is not sure any more where that archive ends."""
        self._known.pop(owner, None)
        self._asked.pop(owner, None)

    def forget_all(self) -> None:
        self._known.clear()
        self._asked.clear()

    def list_soon(self, owner: str) -> None:
        """Has the owner's entries listed, if they are enough, together with those of others. Does not wait."""
        end = self._known.get(owner)
        if end is not None and end.unlisted >= LISTED_AT_ONCE:
            if not self._due:
                gevent.spawn(self._list)
            self._due.add(owner)

    def _list(self) -> None:
        due, self._due = self._due, set()
        for lane in {self._shelf.lane(owner) for owner in due}:
            owners = [owner for owner in due if self._shelf.lane(owner) is lane]
            for begin in range(0, len(owners), ARCHIVES_AT_ONCE):
                try:
                    lane.make_room()
                    self._list_some(owners[begin : begin + ARCHIVES_AT_ONCE])
                except StorageError:
                    return  # closed: whoever opens it again finds what there is to list

    def _list_some(self, owners: list[str]) -> None:
        """Has all that is queued by now listed, of owners who have the same lane, which has room."""
        ends = [end for owner in owners if (end := self._known.get(owner)) is not None and end.unlisted]

        def ended(outcome: Any) -> None:
            if isinstance(outcome, StorageError):
                for owner in owners:
                    self.forget(owner)

        if ends:
            for end in ends:
                end.listed, end.unlisted = end.id, 0
            asked = {"archives": [end.archive for end in ends]}
            self._shelf.begin(owners[0], ended, Step(statements.LIST, asked), Step(statements.LISTED, asked))
