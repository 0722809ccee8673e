"""A short soak, with every check of the long one: `python -m tests.soak --minutes 60`."""

import random
from pathlib import Path

import pytest

from tests.soak.soak import soak

SECONDS = 8
PEOPLE = 24
SEED = random.randrange(1_000_000)  # another one in each run; it is part of the test's name


@pytest.mark.parametrize("seed", [SEED])
def test_a_little_of_everything_at_once_leaves_nothing_wrong(tmp_path: Path, seed: int) -> None:
    report = soak(tmp_path, minutes=SECONDS / 60, people=PEOPLE, seed=seed)
    assert not report.faults, str(report)
    assert report.fates["received"] > PEOPLE
