"""The books of what a server has confirmed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any


class Ledger:
    """What the server has confirmed of one kind of thing, by key, and a change that it may or may not have made."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self._doubtful: dict[str, str | None] = {}
        self.confirmed = 0

    async def change(self, key: str, value: str | None, confirmed: Awaitable[Any]) -> None:
        """None takes it away."""
        self._doubtful = {key: value}
        await confirmed
        self.kept = self._maybe
        self._doubtful = {}
        self.confirmed += 1

    @property
    def _maybe(self) -> dict[str, str]:
        return {key: value for key, value in {**self.kept, **self._doubtful}.items() if value is not None}

    def compare(self, found: dict[str, str]) -> None:
        assert found in (self.kept, self._maybe), (found, self.kept, self._doubtful)
        self.kept, self._doubtful = found, {}
