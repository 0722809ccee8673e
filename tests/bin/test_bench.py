import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from actors.config import PROJECT


def start(*arguments: str, **how: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "bin/bench", *arguments]
    return subprocess.Popen(command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def test_it_measures_and_says_so_in_json():
    with start("--server", "parley", "--scenario", "chat-1x1", "--rounds", "2", "--seconds", "0.2", "--json") as bench:
        out, told = bench.communicate()
    assert bench.returncode == 0, told
    result = json.loads(out)
    assert result["servers"] == ["parley"]
    assert result["failures"] == []
    speed = result["rows"][0]
    assert (speed["scenario"], speed["figure"]) == ("chat-1x1", "messages/s")
    assert len(speed["rounds"]["parley"]) == 2
    assert speed["medians"]["parley"] > 0
    assert told.split("\n")[:2] == ["round 1: chat-1x1, parley", "round 2: chat-1x1, parley"]


def test_a_server_that_is_not_installed_is_told():
    with start("--server", "prosody", "--server", "ejabberd", env={"PATH": "/nowhere"}) as bench:
        _, told = bench.communicate()
    assert bench.returncode == 1
    assert "prosody is left out: no program prosody" in told
    assert "ejabberd is left out: " in told
    assert "there is nothing to measure" in told


def test_a_scenario_that_there_is_not_is_told_with_those_there_are():
    with start("--scenario", "chta*") as bench:
        _, told = bench.communicate()
    assert bench.returncode == 2
    assert "'chta*' matches none of chat-1x1, chat-1x1-tls, " in told


def test_what_is_interrupted_leaves_no_server_and_says_what_it_has():
    # Not the folder of the test, whose name is too long for the socket in the server's.
    with tempfile.TemporaryDirectory() as folder:
        interrupt(Path(folder))


def interrupt(folder: Path) -> None:
    arguments = ("--server", "parley", "--scenario", "chat-1x1*", "--seconds", "0.2", "--rounds", "1000")
    with start(*arguments, env={"TMPDIR": str(folder)}, start_new_session=True) as bench:
        for line in bench.stderr:
            if line == "round 2: chat-1x1, parley\n":
                break
        bench.terminate()  # a shell may have told its background jobs to ignore SIGINT
        out, told = bench.communicate()
    assert bench.returncode == 1
    assert "interrupted" in told
    assert "chat-1x1-tls" in out
    assert not any(folder.iterdir())
    deadline = time.monotonic() + 20
    while any(str(folder).encode() in command for command in running()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running() -> Iterator[bytes]:
    """The command lines of all processes."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield file.read_bytes()
