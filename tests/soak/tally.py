"""What happened, counted by kind; and what should not have."""

from __future__ import annotations

import time
from collections import Counter

# So many faults are told in full; they are all counted.
MOST_FAULTS = 100


class Tally:
    """`acts`: what was done. `errors`: what the server refused, by what was asked. `faults`: what is wrong, in words;
    `fault_count`: how often, as only the first of them are kept."""

    def __init__(self) -> None:
        self.acts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.faults: list[str] = []
        self.fault_count = 0

    def fault(self, text: str) -> None:
        """Something that must not happen: the soak fails."""
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            at = time.strftime("%H:%M:%S", time.gmtime())
            self.faults.append(f"{at} {text}")
            print(f"FAULT {at} {text}", flush=True)
