"""What commands return, in the one form it has."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(seconds: float) -> str:
    """A time in seconds since 1970, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
