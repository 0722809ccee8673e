"""What a User waits for when other Sessions of it take messages than before, and what waits meanwhile."""

from __future__ import annotations

from collections import deque

from actors.actor import Inbox
from actors.mailbox import Waited


class Settling:
    """`queue`: Sessions that are yet to say `Settled`, and what has come to the User, in the order in which both came.

    So whatever waits does so for those alone that were asked before it came, however many are asked later.
    """

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: deque[Inbox | Waited] = deque()

    def settled(self, session: Inbox) -> list[Waited]:
        """One that was asked has settled. Returns what waits for no other."""
        queue = self.queue
        if session in queue:
            queue.remove(session)
        ready = []
        while queue and isinstance(first := queue[0], Waited):
            ready.append(first)
            queue.popleft()
        return ready
