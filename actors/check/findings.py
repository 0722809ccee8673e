"""What a check finds."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, how it is, and that in words, with the remedy where one is needed."""

    what: str
    state: Literal["ok", "warning", "error"]
    text: str
