"""What the service manager wants to know (sd_notify(3)). Where there is none, nothing is said."""

from __future__ import annotations

import os
import time
from typing import Any

from gevent import get_hub
from sdnotify import SystemdNotifier


class Systemd:
    """The service manager that started this process, if any: it is told by `NOTIFY_SOCKET`."""

    def __init__(self) -> None:
        self._notifier: Any = SystemdNotifier() if os.environ.get("NOTIFY_SOCKET") else None
        self._feeding: Any = None

    def ready(self, status: str) -> None:
        """Everything is up, or up again after a reload. Its watchdog, if it has one, is fed from now on."""
        self._say("READY=1", f"STATUS={status}")
        seconds = _watchdog_seconds()
        if self._notifier is not None and self._feeding is None and seconds:
            # By the loop itself: if that hangs, there is no food. Twice as often as need be (sd_watchdog_enabled(3)).
            self._feeding = get_hub().loop.timer(0, repeat=seconds / 2)
            self._feeding.start(self._say, "WATCHDOG=1")

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reloading")

    def stopping(self) -> None:
        """The end has begun. It takes as long as it takes: the watchdog is fed till then."""
        self._say("STOPPING=1", "STATUS=Saying goodbye to clients")

    def _say(self, *lines: str) -> None:
        if self._notifier is not None:
            self._notifier.notify("\n".join(lines))


def _watchdog_seconds() -> float:
    """How long the watchdog waits; 0 if there is none, or if it watches another process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = os.environ.get("WATCHDOG_USEC", "0")
    return int(text) / 1e6 if text.isascii() and text.isdigit() else 0.0
