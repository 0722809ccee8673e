"""python -m tests.bench.path [SECONDS]: what a message costs from parser to parser, without sockets and disk.

It is the least of many times, which other work on the machine hardly changes: that tells two versions of the path of a
message apart that differ by a tenth of a microsecond. Run it for one and for the other in turn.
"""

from __future__ import annotations

import gc
import sys
import time

from tests.bench.scenarios.chat import BODY
from tests.world import World, settle

AT_ONCE = 10
"""So many messages come in one read, as when a client has them under way."""

READS = 10
"""So many reads come before the server has its turn."""

SETS = {"chat": ('xeps.disabled=["archive"]',), "chat, archive in memory": ()}


def measure(seconds: float, *sets: str) -> float:
    """Microseconds for each message of one client to another."""
    world = World("romeo", "juliet", sets=sets)
    romeo, juliet = world.available("romeo"), world.available("juliet")
    message = b"<message to='juliet@localhost' type='chat' id='m'><body>%b</body></message>" % BODY

    def turn() -> float:
        began = time.perf_counter()
        for _ in range(READS):
            romeo.wire.hear(message * AT_ONCE)
        settle()
        took = time.perf_counter() - began
        heard = juliet.wire.said.count(b"</message>")
        assert heard == AT_ONCE * READS, f"{heard} messages have arrived"
        romeo.wire.said = juliet.wire.said = b""
        return took / heard

    turn()
    gc.collect()
    gc.freeze()
    end = time.monotonic() + seconds
    least = turn()
    while time.monotonic() < end:
        least = min(least, turn())
    gc.unfreeze()
    return 1e6 * least


def main(seconds: float) -> None:
    for name, sets in SETS.items():
        sys.stdout.write(f"{name}: {measure(seconds, *sets):.2f} µs\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
