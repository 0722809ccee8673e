"""How a method becomes a handler: it is marked with the moment at which it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

H = TypeVar("H", bound=Callable[..., Any])


def marked(handler: H, moment: str, detail: Any = True) -> H:
    """The handler, with a mark for `Hooks` to find; `detail`: what it needs to know besides."""
    handler.__dict__[moment] = detail
    return handler
