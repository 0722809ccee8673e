"""What there is to say of a soak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.soak.gauges import MEGABYTE, Growth, Reading, Sample, read
from tests.soak.scene import Scene

# For so long the server may grow (seconds): caches fill, and the allocator finds its size.
WARM_UP = 600.0

# After that, the mean of the last sixth of the time may be so many bytes more than that of the first.
MOST_GROWTH = 8 * MEGABYTE

# More in doubt than this part of what was sent would hide what is lost.
MOST_DOUBT = 0.05


@dataclass
class Report:
    """`faults`: what is wrong, in words; a soak without any has passed. `growth`: None if it was too short to tell."""

    acts: Counter[str]
    errors: Counter[str]
    fates: Counter[str]
    log: Reading
    growth: Growth | None
    samples: list[Sample]
    faults: list[str]

    @classmethod
    def of(cls, scene: Scene, samples: list[Sample], log: str) -> Report:
        warm = [each for each in samples if each.time > samples[0].time + WARM_UP]
        growth = Growth.of(warm) if warm else None
        reading, fates = read(log, samples), scene.books.fates
        faults = list(scene.tally.faults)
        faults += [f"in the log: {line[:2000]}" for line in reading.ours]
        if growth is not None and growth.grown > MOST_GROWTH:
            faults.append(f"memory has grown: {growth}")
        accounted = fates.total() - fates["sent"] - fates["copies received"]
        if accounted != fates["sent"]:
            faults.append(f"{fates['sent']} messages were sent, and {accounted} are accounted for")
        doubtful = sum(count for fate, count in fates.items() if fate.startswith("in doubt"))
        if doubtful > fates["sent"] * MOST_DOUBT:
            faults.append(f"{doubtful} of {fates['sent']} messages are in doubt")
        return cls(scene.tally.acts, scene.tally.errors, fates, reading, growth, samples, faults)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _table("acts", self.acts)
        yield from _table("errors, by what was asked for", self.errors)
        yield from _table("messages", self.fates)
        yield from _table("log lines from WARNING on", self.log.counts)
        yield from self._gauges()
        yield f"\n== the event loop was blocked because the machine was busy: {len(self.log.excused)}"
        yield from self.log.excused
        yield f"\n== faults: {len(self.faults)}"
        yield from self.faults

    def _gauges(self) -> Iterator[str]:
        first, last = self.samples[0], self.samples[-1]
        seconds = last.time - first.time
        most = max(each.memory for each in self.samples)
        yield "\n== the server"
        yield f"memory: at most {most / MEGABYTE:.1f} MB; {self.growth or 'too short to tell whether it grows'}"
        yield f"processor: {(last.cpu - first.cpu) / seconds:.0%} of one"
        yield f"processor of the clients: {(last.own_cpu - first.own_cpu) / seconds:.0%} of one"
        yield f"kept waiting for a processor: {(last.kept_waiting - first.kept_waiting) / seconds:.1%} of the time"


def _table(title: str, counts: Counter[str]) -> Iterator[str]:
    yield f"\n== {title}"
    yield from (f"{count:9} {what}" for what, count in sorted(counts.items()))
