"""Borrowed greenlets: whatever has something to do gets a turn on one of a few of them.

A greenlet costs 8 kB, so nothing at rest owns one. A connection whose socket is readable, and an actor whose mailbox
is not empty, say `ready` and are given a turn, in the order in which they asked. A turn that waits (for storage, say)
keeps its greenlet; the others go on with another one.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, Protocol

import gevent
from greenlet import greenlet

log = logging.getLogger(__name__)

# So many may wait at once; the turns beyond that stay in the queue until one of them is done.
MOST_WORKERS = 1000
MOST_IDLE = 64

# After so long the event loop gets to look at its sockets, however much there is to do (seconds).
SLICE = 0.005


class Task(Protocol):
    """Something that can be given a turn. It is in the queue at most once: it asks again when it wants another."""

    def turn(self) -> None:
        """Does what there is to do now, and returns. Whatever it raises is logged and goes no further."""


class Greenlets:
    """A queue of tasks, and the greenlets that give them their turns."""

    def __init__(self) -> None:
        self._queue: deque[Task] = deque()
        self._idle: list[greenlet] = []
        self._hired = 0
        self._pumping = False
        self._breath: Any = None
        self.left = 0
        """So many turns have been left, and are to be gone on with by others: when their tasks are `ready` again."""

    def ready(self, task: Task) -> None:
        """Puts the task at the end of the queue."""
        self._queue.append(task)
        self._go_on()

    def _go_on(self) -> None:
        if not self._pumping:
            self._pumping = True
            gevent.get_hub().loop.run_callback(self._pump)

    @property
    def pressed(self) -> bool:
        """Whether tasks wait for their turn."""
        return bool(self._queue)

    @property
    def waiting(self) -> int:
        """How many turns are under way and wait for something."""
        return self._hired - len(self._idle) + self.left

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done and nothing is under way."""
        return not self._queue and not self._pumping and not self.waiting

    def _pump(self) -> None:
        """Runs in the hub: hands it to one worker after another, until the queue is empty or its time is up."""
        deadline = time.monotonic() + SLICE
        while self._queue:
            if time.monotonic() >= deadline:
                # A timer and no callback: of those the loop runs fifty before it looks at a socket again.
                self._breath = gevent.get_hub().loop.timer(0)
                self._breath.start(self._pump)
                return
            if self._idle:
                self._idle.pop().switch()
            elif self._hired < MOST_WORKERS:
                self._hired += 1
                greenlet(self._work, gevent.get_hub()).switch()
            else:
                break  # the first worker to come back goes on
        self._pumping = False

    def _work(self) -> None:
        """The life of a worker: it comes back here from a turn that waited, and goes on with the queue."""
        hub = gevent.get_hub()
        me = gevent.getcurrent()
        queue = self._queue
        task: Task | None
        while True:
            deadline = time.monotonic() + SLICE
            while queue and time.monotonic() < deadline:
                try:
                    task = me.task = queue.popleft()
                    task.turn()
                except KeyboardInterrupt:
                    self._hired -= 1
                    raise
                except BaseException:
                    # A GreenletExit or an escaped gevent.Timeout ends this turn, never the worker.
                    log.exception("a turn failed")
            if queue:
                self._go_on()
            if len(self._idle) >= MOST_IDLE:
                self._hired -= 1
                return
            task = me.task = None  # or who is done could not leave memory
            self._idle.append(me)
            try:
                hub.switch()
            except BaseException:
                # A gevent.Timeout that some turn has started and not cancelled finds a worker at rest.
                log.exception("a worker was disturbed")
                self._idle.remove(me)


class OneByOne:
    """Tasks that take long and can wait: one of them is made ready each time the event loop has looked at its sockets.

    So of a thousand that come at once, everybody else waits for one.
    """

    def __init__(self, greenlets: Greenlets) -> None:
        self._greenlets = greenlets
        self._queue: deque[Task] = deque()
        self._round: Any = None

    def ready(self, task: Task) -> None:
        """Puts the task at the end of the queue."""
        self._queue.append(task)
        if len(self._queue) == 1:
            self._next()

    def _next(self) -> None:
        self._round = gevent.get_hub().loop.timer(0)
        self._round.start(self._go)

    def _go(self) -> None:
        self._greenlets.ready(self._queue.popleft())
        if self._queue:
            self._next()


greenlets = Greenlets()
one_by_one = OneByOne(greenlets)


def under_way() -> Task | None:
    """The task whose turn this is; None outside of turns."""
    task: Task | None = getattr(gevent.getcurrent(), "task", None)
    return task
