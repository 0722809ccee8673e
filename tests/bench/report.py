"""What is printed: one table for people, or JSON for programs."""

from __future__ import annotations

import os
from statistics import median
from typing import Any

from rich import box
from rich.table import Table

from tests.bench.measure import LOAD_CPU
from tests.bench.runner import Results


def document(results: Results, servers: list[str], rounds: int, seconds: float) -> dict[str, Any]:
    """All figures: the medians, the values of the rounds, and each median over that of the first server."""
    rows = []
    for key, values in results.figures.items():
        medians = {server: median(values[server]) for server in servers if server in values}
        # How busy the load was is no merit of a server's.
        base = medians.get(servers[0]) if key.figure != LOAD_CPU else None
        rows.append(
            {
                **key._asdict(),
                "medians": medians,
                "ratios": {server: value / base for server, value in medians.items()} if base else {},
                "rounds": {server: values[server] for server in medians},
            }
        )
    return {
        "servers": servers,
        "rounds": rounds,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "rows": rows,
        "failures": results.failures,
    }


def table(document: dict[str, Any]) -> Table:
    """A line for each figure: what each server has reached, and how many times that is what the first one has."""
    first, *others = document["servers"]
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(overflow="fold")
    shown.add_column(first, justify="right", no_wrap=True)
    for other in others:
        shown.add_column(other, justify="right", no_wrap=True)
        shown.add_column("×", justify="right", no_wrap=True)
    title = ""
    for row in document["rows"]:
        above, title = title, f"{row['scenario']} {row['part']}".rstrip()
        if title != above:
            shown.add_section()
            shown.add_row(title, style="bold")
        medians, ratios = row["medians"], row["ratios"]
        cells = [number(medians.get(first))]
        for other in others:
            cells += [number(medians.get(other)), f"{ratios[other]:.2f}" if other in ratios else ""]
        shown.add_row(f"  {row['figure']}", *cells)
    return shown


def number(value: float | None) -> str:
    """With three digits that count, "-" where there is none."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
