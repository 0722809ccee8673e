"""The inner process of a run with atheris: coverage-guided, until its time is up. Started by `tests.fuzz`."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris


def main(name: str, found: str, *options: str) -> None:
    """Fuzzes the target. `options` are libFuzzer's. Does not return."""
    # What is imported in here reports what it executes: so nothing of the project is imported before.
    with atheris.instrument_imports(include=["net", "actors", "idna", "precis_i18n"]):
        from tests.fuzz.findings import Findings  # noqa: PLC0415
        from tests.fuzz.targets import load  # noqa: PLC0415

        findings = Findings(load(name), Path(found))
    atheris.Setup([sys.argv[0], *options], findings.attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
