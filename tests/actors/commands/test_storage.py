import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actors.commands import CommandError
from tests.actors.commands.doing import accounts, do
from tests.world import World


def on_disk(folder: Path, *users: str) -> World:
    return World(*users, sets=(f"data_dir={str(folder / 'data')!r}", 'storage.url=""'))


def test_a_backup_brings_back_what_was_there(tmp_path: Path) -> None:
    world = on_disk(tmp_path, "romeo")
    file = tmp_path / "backup"
    assert do(world, "backup", file=str(file)) == f"{file} made, {file.stat().st_size} bytes"
    do(world, "account remove", jid="romeo@localhost")
    do(world, "account add", jid="tybalt@localhost", password="x")
    assert do(world, "restore", file=str(file)) == f"{file} restored"
    assert accounts(world) == ["romeo@localhost"]
    world.server.stop()


@pytest.mark.parametrize(
    ("command", "file", "reason"),
    [
        ("backup", "{}/nowhere/backup", "backup: storage: cannot write /.*/nowhere/backup: No such file"),
        ("backup", "backup", "'backup' is not a path from the root on"),
        ("backup", "/tmp/\0", "is not a path from the root on"),
        ("restore", "{}/nowhere/backup", "restore: storage: there is no file /.*/nowhere/backup"),
    ],
)
def test_a_file_that_cannot_be_is_told_of(tmp_path: Path, command: str, file: str, reason: str) -> None:
    world = on_disk(tmp_path)
    with pytest.raises(CommandError, match=reason):
        do(world, command, file=file.format(tmp_path))
    world.server.stop()


def test_nothing_is_broken_in_a_sound_storage(tmp_path: Path) -> None:
    world = on_disk(tmp_path, "romeo")
    assert do(world, "storage check") == []
    assert do(world, "storage vacuum") == "vacuumed"
    assert accounts(world) == ["romeo@localhost"]
    world.server.stop()


def test_what_is_broken_in_the_storage_is_listed(tmp_path: Path) -> None:
    world = on_disk(tmp_path, "romeo")
    with closing(sqlite3.connect(tmp_path / "data" / "parley.sqlite", isolation_level=None)) as other:
        other.execute("UPDATE record SET doc = '{' WHERE owner = 'romeo@localhost'")
    (row,) = do(world, "storage check")
    assert row["problem"].startswith("store 'accounts', owner 'romeo@localhost': corrupt document")
    world.server.stop()
