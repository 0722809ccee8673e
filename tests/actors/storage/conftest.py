from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.storage import Storage, open_storage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the SQLite storage of a test lies."""
    return tmp_path / "data" / "parley.sqlite"


@pytest.fixture
def sqlite(path: Path) -> Iterator[Storage]:
    storage = open_storage(f"sqlite:///{path}")
    yield storage
    storage.close()


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
    else:
        storage = open_storage("memory:")
        yield storage
        storage.close()
