"""What a run finds, kept so that it can be found again."""

from __future__ import annotations

import hashlib
import traceback
from pathlib import Path

from tests.fuzz.targets import Target
from tests.fuzz.words import PROJECT


class Findings:
    """Inputs that broke an invariant, one for each place at which it broke, as files in `folder`."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._places: set[tuple[str, ...]] = set()

    def attempt(self, data: bytes) -> None:
        """Gives the input to the target, and goes on whatever comes of it."""
        try:
            self._target.attempt(data)
        except Exception as broken:
            place = _place(broken)
            if place not in self._places:
                self._places.add(place)
                self._keep(data, broken)

    def _keep(self, data: bytes, broken: Exception) -> None:
        name = f"{self._target.name}-{hashlib.sha256(data).hexdigest()[:12]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(data)
        report = "".join(traceback.format_exception(broken))
        (self._folder / f"{name}.txt").write_text(f"{data!r}\n\n{report}", "utf-8")


def _place(broken: BaseException) -> tuple[str, ...]:
    """The lines of the project that an exception has come through."""
    frames = traceback.extract_tb((broken.__cause__ or broken).__traceback__)
    ours = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.filename.startswith(str(PROJECT))]
    return type(broken).__name__, *ours[-6:]
