"""Other people's programs that the server is tested with, where they are installed."""

import os
import shutil

import pytest

REQUIRED = os.environ.get("PARLEY_REQUIRE_PEERS") == "1"


def need(*programs: str, path: str | None = None) -> None:
    """Skips the test unless all of these can be run; fails it instead with PARLEY_REQUIRE_PEERS=1.

    `path`: the folders to look in, where they are others than the usual ones.
    """
    missing = ", ".join(program for program in programs if shutil.which(program, path=path) is None)
    if missing and REQUIRED:
        pytest.fail(f"not installed: {missing}")
    if missing:
        pytest.skip(f"not installed: {missing}")
