"""A server with a few users, prepared once for all tests of a file; at rest, or running throughout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.servers import Server, prepare
from tests.bench.users import GROUP

USERS = 2 * GROUP


@pytest.fixture(scope="module")
def parley_at_rest(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return prepare("parley", tmp_path_factory.mktemp("bench"), USERS)


@pytest.fixture(scope="module")
def parley(parley_at_rest: Server) -> Iterator[Server]:
    with parley_at_rest as server:
        yield server
