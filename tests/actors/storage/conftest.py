from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.storage import Storage, open_storage
from tests.postgres import PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the SQLite storage of a test lies."""
    return tmp_path / "data" / "parley.sqlite"


@pytest.fixture
def sqlite(path: Path) -> Iterator[Storage]:
    storage = open_storage(f"sqlite:///{path}")
    yield storage
    storage.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """Where the PostgreSQL storage of a test lies: an empty database."""
    return postgres_server.empty("test")


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Storage]:
    storage = open_storage(postgres_url)
    yield storage
    storage.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Storage:
    """One that survives."""
    storage: Storage = request.getfixturevalue(request.param)
    return storage


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "memory":
        storage = open_storage("memory:")
        yield storage
        storage.close()
    else:
        yield request.getfixturevalue(request.param)
