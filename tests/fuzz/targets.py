"""What is fuzzed: one module for each kind of input.

Each has `attempt(data)`, which takes any bytes and raises only where an invariant is broken, and `SEEDS`, inputs to
begin with. The invariant of all: any bytes are accepted, or blamed on the peer who has sent them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

NAMES = ("streams", "addresses", "sasl", "forms", "stanzas", "logins", "requests")


class Target(NamedTuple):
    """One of them, by its name."""

    name: str
    attempt: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def load(name: str) -> Target:
    """Imports the target of this name."""
    module = importlib.import_module(f"tests.fuzz.{name}")
    return Target(name, module.attempt, module.SEEDS)
