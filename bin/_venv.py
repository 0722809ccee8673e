"""The environment that the commands of this folder run in: `.venv` in the project folder, made by the first of them.

Only the standard library is imported here, and nothing written that an older Python cannot read: the first thing to
tell a newcomer may be that Python is too old.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("Parley needs Python 3.11 or newer; {} is Python {}.{}.".format(sys.executable, *sys.version_info[:2]))

import fcntl
import hashlib
import importlib.util
import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
_PYTHON = "python {}.{}".format(*sys.version_info[:2])


def enter(*requirements: str) -> None:
    """Return inside `.venv` with the given requirements files (relative to the project folder) installed.

    Outside of it, or after an installation, the process is replaced by the same command inside. Progress and complaints
    go to standard error; what cannot be mended ends the process with status 1 and one line saying why.
    """
    inside = Path(sys.prefix).resolve() == (PROJECT / ".venv").resolve()
    if not (_ready(PROJECT, requirements) and inside):
        try:
            install(PROJECT, requirements)
        except KeyboardInterrupt:
            sys.exit("\nInterrupted; the next run installs again.")
        python = str(PROJECT / ".venv" / "bin" / "python")
        os.execv(python, [python, *sys.argv])


def install(project: Path, requirements: tuple[str, ...]) -> None:
    """Make `.venv` in `project` hold the requirements files, unless it does; one process at a time, the others wait.

    A stamp, written last and taken away first, says what is complete: an environment without one was interrupted, and
    is made anew.
    """
    lock = os.open(project, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting for another command that is installing Parley's requirements.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _ready(project, requirements):
            return
        if importlib.util.find_spec("ensurepip") is None:
            sys.exit("Python's venv module is incomplete here; on Debian and Ubuntu: apt-get install python3-venv")
        _fill(project, requirements, lock)
    finally:
        os.close(lock)


def _fill(project: Path, requirements: tuple[str, ...], lock: int) -> None:
    venv = project / ".venv"
    stamp = venv / "stamp"
    whole = _usable(venv)
    stamp.unlink(missing_ok=True)
    _say("Installing {} into {}, once; this may take a minute.".format(" and ".join(requirements), venv))
    if not whole:
        _run([sys.executable, "-m", "venv", "--clear", str(venv)], lock)
    files = [f"--requirement={project / name}" for name in requirements]
    _run([str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *files], lock)
    partial = venv / "stamp.partial"
    partial.write_text("\n".join(_lines(project, requirements)))
    partial.replace(stamp)


def _run(command: list[str], lock: int) -> None:
    # The child holds the lock too: should this process be killed, nobody starts over beneath a pip still at work.
    if subprocess.run(command, stdout=2, pass_fds=[lock], check=False).returncode:
        sys.exit("Installing the requirements failed, as told above; the next run tries again.")


def _ready(project: Path, requirements: tuple[str, ...]) -> bool:
    venv = project / ".venv"
    return _usable(venv) and set(_lines(project, requirements)) <= set(_stamped(venv))


def _usable(venv: Path) -> bool:
    return os.access(venv / "bin" / "python", os.X_OK) and _PYTHON in _stamped(venv)


def _lines(project: Path, requirements: tuple[str, ...]) -> list[str]:
    hashes = [hashlib.sha256((project / name).read_bytes()).hexdigest() for name in requirements]
    return [_PYTHON, *(f"{name} {digest}" for name, digest in zip(requirements, hashes, strict=True))]


def _stamped(venv: Path) -> list[str]:
    try:
        return (venv / "stamp").read_text().splitlines()
    except OSError:
        return []


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
