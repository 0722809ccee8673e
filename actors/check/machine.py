"""The machine: the data folder, the storage, open files."""

from __future__ import annotations

from collections.abc import Iterator

from actors.check.facts import Folder, Storage
from actors.check.findings import Finding

MIB = 1 << 20
LEAST_FREE = 100 * MIB
LITTLE_FREE = 1024 * MIB

# Each client is one.
FEW_FILES = 4096


def judge_folder(folder: Folder) -> Iterator[Finding]:
    """What is wrong with it, or that nothing is."""
    what, free = f"data_dir {folder.path}", f"{folder.free // MIB} MiB free"
    if not folder.writable:
        yield Finding(what, "error", "cannot be written to: it has to belong to the user that the server runs as")
    if folder.mode is not None and folder.mode & 0o077:
        text = f"mode {folder.mode:04o}: others on this machine may look into it: chmod go= {folder.path}"
        yield Finding(what, "warning", text)
    if folder.free < LITTLE_FREE:
        text = f"{free}: nothing can be stored on a full disk; make room"
        yield Finding(what, "error" if folder.free < LEAST_FREE else "warning", text)
    elif folder.writable and not (folder.mode or 0) & 0o077:
        yield Finding(what, "ok", free if folder.mode is not None else f"made at the first start; {free}")


def judge_storage(storage: Storage) -> Finding:
    """Whether it can be opened, and whether its tables are what this version wants."""
    what = f"storage {storage.url}"
    if storage.problem:
        return Finding(what, "error", storage.problem)
    match storage.schema:
        case "current":
            return Finding(what, "ok", "can be opened; its schema is current")
        case "none":
            return Finding(what, "ok", "empty; its tables are made at the first start")
        case "old":
            return Finding(what, "warning", "its schema is older: the next start changes it; make a backup before")
        case "later":
            text = "its schema is of a later version of the server: start that one, or restore a backup"
            return Finding(what, "error", text)


def judge_files(limit: int) -> Finding:
    """Whether there can be as many connections as one may expect."""
    if limit < FEW_FILES:
        text = f"{limit} at most, and each client is one: raise LimitNOFILE of the service, or 'ulimit -Hn'"
        return Finding("open files", "warning", text)
    return Finding("open files", "ok", f"{limit} at most")
