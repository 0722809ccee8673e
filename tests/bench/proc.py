"""What a server takes of the machine, from /proc, over all of its processes."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")

# Where fields stand after the name of the program, which may have spaces in it; see proc(5), /proc/pid/stat.
_PARENT, _USER, _SYSTEM, _RESIDENT = 1, 11, 12, 21


def cpu(pid: int) -> float:
    """Seconds of CPU time that this process and those below it have taken since they began, in user and in system."""
    return sum(int(fields[_USER]) + int(fields[_SYSTEM]) for fields in _family(pid)) * _TICK


def resident(pid: int) -> int:
    """Bytes of their memory that are resident."""
    return sum(int(fields[_RESIDENT]) for fields in _family(pid)) * _PAGE


def _family(pid: int) -> list[list[str]]:
    """The fields of the process and of all below it."""
    processes: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:  # ended meanwhile
            continue
        processes[int(folder.name)] = fields
        children.setdefault(int(fields[_PARENT]), []).append(int(folder.name))
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return [processes[member] for member in family]
