"""Where a store is in the tables, and the way to the writers that read and write there."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Select

from actors.storage import statements
from actors.storage.writer import Job, Step, Writer

OWNERS_AT_A_TIME = 500


def lane(writers: list[Writer], owner: str | None) -> Writer:
    """Whose queue a job of that owner, or of none, goes through."""
    return writers[hash(owner) % len(writers)]


class Shelf:
    """One store's place in the tables."""

    def __init__(self, writers: list[Writer], name: str) -> None:
        self._writers = writers
        self._name = name
        key = {"name": name}
        steps = (Step(statements.ADD_STORE, key), Step(statements.GET_STORE, key))
        self.number: int = self.run(None, *steps)[0].id

    def row(self, **columns: Any) -> dict[str, Any]:
        return {"store": self.number, **columns}

    def run(self, owner: str | None, *steps: Step) -> Any:
        return self.lane(owner).run(Job(steps, self._name, owner))

    def lane(self, owner: str | None) -> Writer:
        return lane(self._writers, owner)

    def begin(self, owner: str, then: Callable[[Any], None], *steps: Step) -> None:
        self.lane(owner).begin(Job(steps, self._name, owner), then)

    def owners(self, statement: Select[Any], suffix: str) -> Iterator[str]:
        after = ""
        while True:
            asked = self.row(after=after, suffix=suffix, length=len(suffix), limit=OWNERS_AT_A_TIME)
            found = self.run(None, Step(statement, asked))
            yield from (row.owner for row in found)
            if len(found) < OWNERS_AT_A_TIME:
                return
            after = found[-1].owner
