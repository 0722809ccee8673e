"""Has every server bear every load, round after round, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

from tests.bench.load import Load, Stuck
from tests.bench.measure import Row, Usage
from tests.bench.scenarios import Run
from tests.bench.servers.server import HOST, CannotRun, Server

# A load that is interrupted ends without a word: whoever has started it tells.
QUIETLY = (signal.SIGINT, signal.SIG_DFL)


class Key(NamedTuple):
    """Which figure it is."""

    scenario: str
    part: str
    figure: str


class Results:
    """`figures[key][server]` are a figure's values, one for each round. `failures` are lines for people."""

    def __init__(self) -> None:
        self.figures: dict[Key, dict[str, list[float]]] = {}
        self.failures: list[str] = []

    def add(self, scenario: str, server: str, rows: Sequence[Row]) -> None:
        for part, values in rows:
            for figure, value in values.items():
                self.figures.setdefault(Key(scenario, part, figure), {}).setdefault(server, []).append(value)


def measure(
    servers: Sequence[Server], runs: Mapping[str, Run], rounds: int, seconds: float, results: Results
) -> Iterator[str]:
    """Adds to `results` as they come; says before each step what it is.

    What goes wrong is noted among the failures, and the others go on.
    """
    for number in range(1, rounds + 1):
        for name, run in runs.items():
            for server in servers:
                if run.kept and not server.remembers:
                    continue
                step = f"round {number}: {name}, {server.name}"
                yield step
                try:
                    results.add(name, server.name, once(server, run, seconds))
                except (CannotRun, Stuck, BrokenProcessPool) as error:
                    results.failures.append(f"{step}: {error}")


def once(server: Server, run: Run, seconds: float) -> list[Row]:
    """Starts the server, loads it from a process of its own, and stops it. Raises CannotRun, Stuck."""
    server.configure(archive=run.archive)
    server.remember(run.kept)
    address = (HOST, server.tls_port if run.tls else server.port)
    process = ProcessPoolExecutor(1, get_context("spawn"), initializer=signal.signal, initargs=QUIETLY)
    with server, process:
        return process.submit(load, run, address, server.pid, seconds).result()


def load(run: Run, address: tuple[str, int], pid: int, seconds: float) -> list[Row]:
    """Loads the server that listens there, which is that process. Raises Stuck."""
    with Load(address, tls=run.tls) as load:
        return list(run.scenario.measure(load, Usage(pid), seconds))
