"""python -m tests.soak --minutes 60: everything that goes on on a server, at once, and whether it stays as it was."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--people", type=int, default=80, help="accounts that are used (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="makes the same choices again")
    parser.add_argument("--folder", type=Path, help="where data and log of the server are kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = soak(folder, minutes=given.minutes, people=given.people, seed=given.seed)
    print(report)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
