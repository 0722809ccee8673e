"""What can be read off the server from outside: memory, processor, log."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import linear_regression, mean

from tests.e2e.process import Process

MEGABYTE = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")

# time, level, logger, [address], event: actors/logs.py
LINE = re.compile(r"(\S+ \S+) (DEBUG|INFO|WARNING|ERROR|CRITICAL) (\S+) \[.*?\] (.*)")
BLOCKED = re.compile(r"the event loop was blocked for (\d+) ms")


@dataclass(frozen=True)
class Sample:
    """`time` is the wall clock's, in seconds; `memory` in bytes. In seconds: how much processor time the server, and
    this process, has had; and how long the server's event loop was ready to run and had to wait for a processor."""

    time: float
    memory: int
    cpu: float
    own_cpu: float
    kept_waiting: float


def sample(server: Process) -> Sample:
    stat = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(stat[11]) + int(stat[12])) / TICKS
    waited = int(Path(f"/proc/{server.pid}/task/{server.pid}/schedstat").read_text().split()[1]) / 1e9
    return Sample(time.time(), server.memory_now, cpu, time.process_time(), waited)


@dataclass(frozen=True)
class Growth:
    """Of memory, in bytes: means of the first and the last part of what was measured, and a slope per hour."""

    before: float
    after: float
    slope: float

    @classmethod
    def of(cls, samples: list[Sample]) -> Growth:
        """The samples of a server that is warm. The first and the last sixth are compared."""
        part = max(1, len(samples) // 6)
        times, sizes = [each.time for each in samples], [float(each.memory) for each in samples]
        slope = linear_regression(times, sizes).slope * 3600 if len(samples) > 1 else 0.0
        return cls(mean(sizes[:part]), mean(sizes[-part:]), slope)

    @property
    def grown(self) -> float:
        return self.after - self.before

    def __str__(self) -> str:
        return (
            f"{self.before / MEGABYTE:.1f} MB after the warm-up, {self.after / MEGABYTE:.1f} MB at the end,"
            f" {self.slope / MEGABYTE:+.2f} MB/h"
        )


@dataclass
class Reading:
    """What stands in a log: `counts` of the lines from WARNING on, without their numbers and names. `ours`: those that
    tell of a fault of the server's. `excused`: of those that say that the event loop was blocked, the ones that are
    explained by how long it had to wait for a processor."""

    counts: Counter[str]
    ours: list[str]
    excused: list[str]


def read(log: str, samples: list[Sample]) -> Reading:
    """`samples` are of the same server."""
    reading = Reading(Counter(), [], [])
    for line in log.splitlines():
        found = LINE.match(line)
        if found is None:
            reading.ours.append(line)  # whatever printed this did not go through the log
            continue
        if found[2] in ("DEBUG", "INFO"):
            continue
        reading.counts[f"{found[2]} {found[3]}: {re.sub(r'[0-9]+', 'N', found[4])[:60]}"] += 1
        blocked = BLOCKED.match(found[4])
        if blocked and _was_kept_waiting(_seconds(found[1]), int(blocked[1]) / 1000, samples):
            reading.excused.append(line)
        else:
            reading.ours.append(line)
    return reading


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _was_kept_waiting(end: float, blocked: float, samples: list[Sample]) -> bool:
    """Whether the processor was somebody else's for most of a time that the event loop was blocked."""
    before = [each.kept_waiting for each in samples if each.time <= end - blocked]
    after = [each.kept_waiting for each in samples if each.time >= end]
    return bool(before and after) and after[0] - before[-1] > blocked / 2
