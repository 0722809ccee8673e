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
    """A row for each figure: what each server has reached, and how many times that is what the first one has."""
    first, *others = document["servers"]
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("scenario", "", "figure"):
        shown.add_column(column, no_wrap=True)
    shown.add_column(first, justify="right", no_wrap=True)
    for other in others:
        shown.add_column(other, justify="right", no_wrap=True)
        shown.add_column(f"/ {first}", justify="right", no_wrap=True)
    above = ("", "")
    for row in document["rows"]:
        medians, ratios = row["medians"], row["ratios"]
        place = (row["scenario"], row["part"])
        cells = [number(medians.get(first))]
        for other in others:
            cells += [number(medians.get(other)), f"{ratios[other]:.2f}" if other in ratios else ""]
        if above[0] and place[0] != above[0]:
            shown.add_section()
        shown.add_row(*(("", "") if place == above else place), row["figure"], *cells)
        above = place
    return shown


def number(value: float | None) -> str:
    """With three digits that count, "-" where there is none."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
