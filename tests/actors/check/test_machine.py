from pathlib import Path

import pytest

from actors.check.facts import Folder, Storage
from actors.check.machine import judge_files, judge_folder, judge_storage

PATH = Path("/var/lib/parley")
GIB = 1 << 30


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        (Folder(PATH, 0o700, writable=True, free=5 * GIB), [("ok", "5120 MiB free")]),
        (Folder(PATH, None, writable=True, free=5 * GIB), [("ok", "made at the first start; 5120 MiB free")]),
        (
            Folder(PATH, 0o755, writable=True, free=5 * GIB),
            [("warning", "mode 0755: others on this machine may look into it: chmod go= /var/lib/parley")],
        ),
        (
            Folder(PATH, 0o700, writable=True, free=GIB - 1),
            [("warning", "1023 MiB free: nothing can be stored on a full disk; make room")],
        ),
        (
            Folder(PATH, 0o700, writable=True, free=0),
            [("error", "0 MiB free: nothing can be stored on a full disk; make room")],
        ),
        (
            Folder(PATH, 0o700, writable=False, free=5 * GIB),
            [("error", "cannot be written to: it has to belong to the user that the server runs as")],
        ),
    ],
)
def test_the_data_folder_is_private_writable_and_has_room(folder: Folder, found: list[tuple[str, str]]) -> None:
    findings = list(judge_folder(folder))
    assert {finding.what for finding in findings} == {"data_dir /var/lib/parley"}
    assert [(finding.state, finding.text) for finding in findings] == found


@pytest.mark.parametrize(
    ("storage", "state", "told"),
    [
        (Storage("sqlite:///x"), "ok", "its schema is current"),
        (Storage("sqlite:///x", "none"), "ok", "made at the first start"),
        (Storage("sqlite:///x", "old"), "warning", "make a backup before"),
        (Storage("sqlite:///x", "later"), "error", "of a later version"),
        (Storage("sqlite:///x", problem="cannot open x: disk I/O error"), "error", "cannot open x: disk I/O error"),
    ],
)
def test_the_storage_can_be_opened_and_is_current(storage: Storage, state: str, told: str) -> None:
    finding = judge_storage(storage)
    assert (finding.what, finding.state) == ("storage sqlite:///x", state)
    assert told in finding.text


@pytest.mark.parametrize(("limit", "state"), [(1024, "warning"), (4096, "ok"), (1_048_576, "ok")])
def test_there_have_to_be_enough_open_files(limit: int, state: str) -> None:
    assert judge_files(limit).state == state
