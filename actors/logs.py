"""The log: on standard error, one line an event, each with the address of the session, user or connection it is about.

Nothing that a client says in confidence gets here: passwords, tokens and contents of stanzas have no `repr`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gevent import get_hub

from actors.config import Log
from net.greenlets import under_way

log = logging.getLogger(__name__)

# The packages whose level is the one configured. That of the libraries never goes below WARNING: what SQLAlchemy has to
# say for debugging is all that is stored.
OURS = ("actors", "net")

# The same complaint is written so many times in so many seconds: a full disk is news once, not once for each message.
MOST_ALIKE = 5
ALIKE_SECONDS = 30.0
KINDS = 1000


def start(options: Log) -> None:
    """Writes the log from now on, and in it what Python and gevent would have printed themselves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSON() if options.format == "json" else Text())
    handler.addFilter(Repeats(time.monotonic).passes)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(capture=True)
    set_level(options.level)
    sys.unraisablehook = _unraisable
    threading.excepthook = _in_thread
    get_hub().print_exception = _in_hub


def set_level(level: str) -> None:
    """Writes what is of this level ("debug" to "error") or above."""
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())


def _address() -> str:
    return getattr(under_way(), "address", "")


class JSON(logging.Formatter):
    """An object in a line: time, level, logger, address, event, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "address": _address() or None,
            "event": record.getMessage(),
        }
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        if left_out := getattr(record, "left_out", 0):
            shown["left_out"] = left_out
        return json.dumps(shown, ensure_ascii=False)


class Text(logging.Formatter):
    """Time (UTC), level, logger, [address], event, and the traceback if there is one, all in one line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(sep=" ", timespec="milliseconds")
        line = f"{at} {record.levelname} {record.name} [{_address() or '-'}] {record.getMessage()}"
        if left_out := getattr(record, "left_out", 0):
            line += f" ({left_out} more like it were left out)"
        if record.exc_info:
            line += " | " + self.formatException(record.exc_info).replace("\n", " | ")
        return _printable(line)


def _printable(line: str) -> str:
    """Some of it was written by others: they get no line of their own, and no way to command a terminal."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in line)


class Repeats:
    """Keeps the log short when the same warning or error comes again and again. `now` returns seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._seen: dict[tuple[str, object], tuple[float, int]] = {}

    def passes(self, record: logging.LogRecord) -> bool:
        """Whether to write this one. `left_out`, set on the first one after a while, is how many were not."""
        if record.levelno < logging.WARNING:
            return True
        kind, now = (record.name, record.msg), self._now()
        since, count = self._seen.get(kind, (now, 0))
        if now - since >= ALIKE_SECONDS:
            record.left_out = max(0, count - MOST_ALIKE)
            since, count = now, 0
        if len(self._seen) >= KINDS:
            self._seen.clear()
        self._seen[kind] = since, count + 1
        return count < MOST_ALIKE


def _unraisable(what: Any) -> None:
    log.error("an exception that could not be raised in %r", what.object, exc_info=what.exc_value)


def _in_thread(what: Any) -> None:
    log.error("thread %s failed", what.thread.name if what.thread else "", exc_info=what.exc_value)


def _in_hub(context: Any, kind: Any, value: Any, traceback: Any) -> None:
    # Not its repr: that of a greenlet quotes its arguments.
    log.error("failed outside of an actor: %s", type(context).__name__, exc_info=(kind, value, traceback))
