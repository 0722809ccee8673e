"""Going round what is stored, step by step, while everybody else is served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from actors.storage import StorageClosed, StorageError
from net.greenlets import greenlets

if TYPE_CHECKING:
    from actors.hooks import Feature

log = logging.getLogger(__name__)

# Seconds between two steps.
PAUSE = 0.1


class Sweep:
    """Goes round the `owners` of what a feature stores, until that serves no more. A task for `net.greenlets`.

    `step` does a little for one of them, and says whether there is more to do; both may wait, and raise StorageError.
    `rest`: seconds between the end of one round and the next.
    """

    def __init__(
        self, feature: Feature, owners: Callable[[], Iterator[str]], step: Callable[[str], bool], rest: float
    ) -> None:
        self._feature = feature
        self._all = owners
        self._do = step
        self._rest = rest
        self._owners: Iterator[str] = iter(())
        self._owner: str | None = None

    @property
    def address(self) -> str:
        """Whose they are, for the log."""
        return self._feature.domain.name

    def begin(self) -> None:
        """Has the first step come."""
        self._feature.domain.clock.after(PAUSE, self._go_on)

    def _go_on(self) -> None:
        greenlets.ready(self)

    def turn(self) -> None:
        """One step."""
        if not self._feature.serves:
            return
        try:
            pause = self._step()
        except StorageClosed:
            return
        except StorageError as error:
            log.error("%s: %s could not go on with what is stored: %s", self.address, self._feature.name, error)
            self._owner, self._owners, pause = None, iter(()), self._rest
        self._feature.domain.clock.after(pause, self._go_on)

    def _step(self) -> float:
        """Does something for one owner. Returns for how many seconds to rest after that."""
        if self._owner is None:
            self._owner = next(self._owners, None)
        if self._owner is None:
            self._owners = self._all()
            self._owner = next(self._owners, None)
            return PAUSE if self._owner is not None else self._rest
        if not self._do(self._owner):
            self._owner = next(self._owners, None)
        return PAUSE if self._owner is not None else self._rest
