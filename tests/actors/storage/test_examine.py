"""Looking at the tables of a database without changing them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actors.storage import StorageError, examine, open_storage, schema

NEXT = 'revision = "next"\ndown_revision = "0005"\n\n\ndef upgrade() -> None:\n    pass\n'


def test_a_file_that_is_not_there_is_not_made(path: Path) -> None:
    assert examine(f"sqlite:///{path}") == "none"
    assert not path.parent.exists()


def test_an_empty_file_stays_empty(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert examine(f"sqlite:///{path}") == "none"
    assert path.stat().st_size == 0


def test_what_is_in_memory_is_always_current() -> None:
    assert examine("memory:") == "current"


@pytest.mark.parametrize("url", ["sqlite", "postgres"])
def test_the_tables_of_this_version_are_current(url: str, path: Path, request: pytest.FixtureRequest) -> None:
    found = f"sqlite:///{path}" if url == "sqlite" else request.getfixturevalue("postgres_url")
    with closing(open_storage(found)):
        assert examine(found) == "current"
    assert examine(found) == "current"


def test_an_empty_database_has_no_tables(postgres_url: str) -> None:
    assert examine(postgres_url) == "none"


def test_tables_of_an_earlier_version_stay_as_they_are(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_storage(f"sqlite:///{path}").close()
    shutil.copytree(schema.MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "next.py").write_text(NEXT)
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path / "migrations")
    assert examine(f"sqlite:///{path}") == "old"
    assert examine(f"sqlite:///{path}") == "old"
    open_storage(f"sqlite:///{path}").close()
    assert examine(f"sqlite:///{path}") == "current"


def test_tables_of_a_later_version_are_told_from_those(path: Path) -> None:
    open_storage(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    assert examine(f"sqlite:///{path}") == "later"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///{}", "cannot read sqlite:////.*: file is not a database"),
        ("postgresql://nobody:hunter2@127.0.0.1:1/x", "cannot open postgresql://nobody:[*]+@127.0.0.1:1/x: "),
        ("mysql://x/y", "need memory:, sqlite:///PATH or postgresql"),
    ],
)
def test_why_a_database_cannot_be_looked_at_is_told(path: Path, url: str, reason: str) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match=reason):
        examine(url.format(path))
