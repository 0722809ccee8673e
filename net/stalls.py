"""Notices when something holds up the event loop, and who.

A timer of the loop's beats; a native thread listens, and when a beat is late it looks what the loop's thread is doing.
Tells only after the fact, from the loop: nothing may be logged from the thread. Turns themselves cost nothing more.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from gevent import get_hub
from gevent.monkey import get_original

log = logging.getLogger(__name__)

# Seconds: so often the loop beats; so much later than that is worth a line; so often the thread listens.
BEAT = 0.1
LATE = 0.1
LISTEN = 0.05

# So much of the stack is told, from the innermost call outwards.
CALLS = 4

_start_thread = get_original("_thread", "start_new_thread")
_sleep = get_original("time", "sleep")


class Stalls:
    """Watches the event loop of the thread that makes it, until `stop`."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._beat = time.monotonic()
        self._seen = ""
        self._ended = False
        self._timer = get_hub().loop.timer(BEAT, repeat=BEAT)
        self._timer.start(self._beats)
        _start_thread(self._listen, ())

    def stop(self) -> None:
        """Watches no more."""
        self._ended = True
        self._timer.stop()
        self._timer.close()

    def _beats(self) -> None:
        now = time.monotonic()
        late = now - self._beat - BEAT
        self._beat = now
        if late > LATE:
            who = self._seen or "nobody who was seen"
            log.warning("the event loop was blocked for %.0f ms by %s", late * 1000, who)
        self._seen = ""

    def _listen(self) -> None:
        """In the thread."""
        while not self._ended:
            _sleep(LISTEN)
            # Looked at once: what is late for long is most likely still the same.
            if not self._seen and time.monotonic() - self._beat > BEAT + LATE / 2:
                frame = sys._current_frames().get(self._thread)
                self._seen = _told(frame) if frame is not None else ""


def _told(frame: FrameType | None) -> str:
    """Who has the turn (actor and kind of message), and where it is: never what it works with."""
    calls: list[str] = []
    who = ""
    while frame is not None and not who:
        code = frame.f_code
        if len(calls) < CALLS:
            calls.append(f"{code.co_name} ({Path(code.co_filename).name}:{frame.f_lineno})")
        who = _turn(frame.f_code.co_name, frame.f_locals)
        frame = frame.f_back
    return f"{who or 'the loop'} in " + " < ".join(calls)


def _turn(name: str, local: dict[str, Any]) -> str:
    if name == "handle" and "actor" in local and "message" in local:
        return f"{local['actor']!r} with {type(local['message']).__name__}"
    if name == "_work" and "task" in local:
        return repr(local["task"])
    return ""
