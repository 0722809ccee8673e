"""What a server takes of the machine, from /proc, over all of its processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")

# Where fields stand after the name of the program, which may have spaces in it; see proc(5), /proc/pid/stat.
_SESSION, _USER, _SYSTEM, _RESIDENT = 3, 11, 12, 21


def cpu(session: int) -> float:
    """Seconds of CPU time that the processes of this session have taken since they began, in user and in system."""
    return sum(int(fields[_USER]) + int(fields[_SYSTEM]) for fields in _processes(session)) * _TICK


def resident(session: int) -> int:
    """Bytes of memory that are resident."""
    return sum(int(fields[_RESIDENT]) for fields in _processes(session)) * _PAGE


def _processes(session: int) -> Iterator[list[str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            except OSError:  # ended meanwhile
                continue
            if int(fields[_SESSION]) == session:
                yield fields
