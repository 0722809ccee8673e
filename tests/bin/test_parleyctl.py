import json
import os
import pty
import re
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from actors.config import PROJECT
from net.control import NotRunning, ask

# A command of bin/ as it runs inside its environment, which the tests' own interpreter is.
INSIDE = """
import runpy, sys
sys.path.insert(0, "bin")
import _venv
_venv.enter = lambda *requirements: None
sys.argv = sys.argv[1:]
runpy.run_path("bin/" + sys.argv[0], run_name="__main__")
"""


def start(name: str, folder: Path, *arguments: str, **how: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", INSIDE, name, "--set", f"data_dir={str(folder)!r}", *arguments]
    return subprocess.Popen(command, cwd=PROJECT, text=True, **how)


class Parleyctl:
    """bin/parleyctl for one data folder, run in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with pytest.MonkeyPatch.context() as patched:
            stub = SimpleNamespace(PROJECT=PROJECT, enter=lambda *requirements: None)
            patched.setitem(sys.modules, "_venv", stub)
            patched.syspath_prepend(PROJECT)
            self.file = runpy.run_path(str(PROJECT / "bin" / "parleyctl"), run_name="parleyctl")

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Result:
        sets = ("--set", f"data_dir={str(self.folder)!r}")
        return CliRunner().invoke(self.file["main"], [*sets, *arguments], input=stdin, prog_name="parleyctl")

    def says(self, *arguments: str, stdin: str | bytes = "") -> str:
        """What is printed by a command that succeeds."""
        result = self(*arguments, stdin=stdin)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.says("--json", *arguments))

    def complains(self, *arguments: str, stdin: str | bytes = "") -> str:
        """The one line that tells why a command fails."""
        result = self(*arguments, stdin=stdin)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        return result.stderr.removeprefix("Error: ").removesuffix("\n")


@pytest.fixture
def idle(tmp_path: Path) -> Parleyctl:
    """While no server runs."""
    return Parleyctl(tmp_path)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parleyctl]:
    """While one does."""
    folder = tmp_path_factory.mktemp("data")
    with serving(folder):
        yield Parleyctl(folder)


class serving:  # noqa: N801 - a context manager
    """bin/serve in a process of its own; ready when it takes commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sets = ("--set", 'listen.c2s=["127.0.0.1:0"]', "--set", "listen.c2s_tls=[]", "--set", "sasl.iterations=4096")
        self.process = start("serve", folder, *sets, stderr=subprocess.PIPE)

    def __enter__(self) -> subprocess.Popen[str]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                ask(self.folder / "control.sock", {"command": "status"})
            except NotRunning:
                time.sleep(0.02)
            else:
                return self.process
        self.process.kill()
        raise AssertionError(self.process.communicate()[1])

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)


# -- without a server


def test_accounts_are_administered_without_a_server(idle: Parleyctl) -> None:
    assert idle.json("account", "list") == []
    assert idle.says("account", "add", "Romeo@localhost", "--password", "x") == "romeo@localhost added\n"
    assert idle.json("account", "list", "localhost") == [{"jid": "romeo@localhost"}]
    said = idle.says("account", "password", "romeo@localhost", "--password-stdin", stdin="new\n")
    assert said == "romeo@localhost has a new password\n"
    assert idle.says("account", "remove", "romeo@localhost") == "romeo@localhost removed\n"
    assert idle.json("account", "list") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("account", "add", "romeo@localhost", "--password", "x"), "romeo@localhost exists already"),
        (("account", "add", "romeo@nowhere", "--password", "x"), "nowhere is not served here; served: localhost"),
        (("account", "add", "localhost", "--password", "x"), "'localhost' is not an account's address, as in .*"),
        (("account", "add", "juliet@localhost", "--password", ""), "the password is empty or .*"),
        (("account", "add", "juliet@localhost"), "there is no terminal to ask for the password at; .*"),
        (("account", "remove", "juliet@localhost"), "there is no account juliet@localhost"),
        (("session", "list"), "no server is running: nobody answers at .*/control.sock"),
        (("status",), "no server is running: .*"),
        (("stop",), "no server is running: .*"),
        (("--set", 'storage.url="memory:"', "account", "list"), r"no server is running, .* in memory \(storage.url\)"),
        (("--set", 'storage.url="sqlite:////"', "account", "list"), "storage sqlite:////: .*"),
    ],
)
def test_what_cannot_be_done_without_a_server_is_told_in_one_line(
    idle: Parleyctl, arguments: tuple[str, ...], told: str
) -> None:
    idle.says("account", "add", "romeo@localhost", "--password", "x")
    assert re.fullmatch(told, idle.complains(*arguments))


def test_a_wrong_configuration_is_status_2_as_with_serve(idle: Parleyctl) -> None:
    result = idle("--set", "limits.roster=0", "account", "list")
    assert result.exit_code == 2
    assert result.stderr.startswith("--set limits.roster=0: limits.roster = 0\n")


def test_a_password_is_told_in_one_way_only(idle: Parleyctl) -> None:
    result = idle("account", "add", "a@localhost", "--password", "x", "--password-stdin")
    assert result.exit_code == 2
    assert "--password or --password-stdin, not both" in result.stderr


def test_a_password_that_is_no_text_is_told_of(idle: Parleyctl) -> None:
    told = idle.complains("account", "add", "a@localhost", "--password-stdin", stdin=b"\xff\n")
    assert told == "the password on standard input is not utf-8"


def test_an_address_is_never_cut_short(idle: Parleyctl) -> None:
    long = "a" * 500 + "@localhost"
    idle.says("account", "add", long, "--password", "x")
    assert idle.says("account", "list").splitlines()[1].strip() == long


def test_what_others_wrote_does_not_command_the_terminal(idle: Parleyctl) -> None:
    assert idle.file["printable"]("Jülïet\x9b2J\n\u202e\x1b\r") == "Jülïet\\u009b2J\n\\u202e\\u001b\\u000d"


@pytest.mark.parametrize("path", ["", "account", "account add", "check", "motd", "roster", "session list", "stop"])
def test_every_level_has_help(idle: Parleyctl, path: str) -> None:
    assert "Usage: parleyctl" in idle.says(*path.split(), "--help")


@pytest.mark.parametrize("kind", ["motd", "welcome"])
def test_notices_are_administered_without_a_server(idle: Parleyctl, kind: str) -> None:
    assert idle.says(kind, "set", "localhost", "Come tomorrow!").startswith("set")
    (row,) = idle.json(kind, "show")
    assert (row["domain"], row["text"]) == ("localhost", "Come tomorrow!")
    assert idle.says(kind, "delete", "localhost") == "deleted\n"
    assert idle.json(kind, "show", "localhost") == []


def test_the_roster_of_a_new_account_is_shown_without_a_server(idle: Parleyctl) -> None:
    idle.says("account", "add", "romeo@localhost", "--password", "x")
    assert idle.json("roster", "show", "romeo@localhost") == []
    assert idle.complains("roster", "show", "juliet@localhost") == "there is no account juliet@localhost"


# -- with a server


def test_a_server_is_administered_while_it_runs(busy: Parleyctl) -> None:
    status = busy.json("status")
    assert (status["domains"], status["sessions"]) == (["localhost"], 0)
    assert f"pid             {status['pid']}" in busy.says("status")
    assert status["listeners"]["c2s"][0] in busy.says("status")
    assert busy.says("account", "add", "nurse@localhost", "--password", "x") == "nurse@localhost added\n"
    assert busy.json("account", "list") == [{"jid": "nurse@localhost"}]
    assert busy.says("account", "remove", "nurse@localhost") == "nurse@localhost removed\n"
    assert busy.json("account", "list") == []


def test_a_backup_is_made_of_a_running_server_and_restored_without_one(
    busy: Parleyctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.says("account", "add", "tybalt@localhost", "--password", "x")
    monkeypatch.chdir(tmp_path)
    assert busy.says("backup", "file").startswith(f"{tmp_path}/file made, ")
    busy.says("account", "remove", "tybalt@localhost")
    assert busy.complains("restore", "file") == "a server is running: stop it first"
    other = Parleyctl(tmp_path / "other")
    assert other.says("restore", "file") == f"{tmp_path}/file restored\n"
    assert other.json("account", "list") == [{"jid": "tybalt@localhost"}]
    assert other.json("storage", "check") == []


def test_without_sessions_the_list_has_its_heading(busy: Parleyctl) -> None:
    assert busy.json("session", "list") == []
    columns = ["full_jid", "type", "priority", "available", "interested", "peer", "tls"]
    assert busy.says("session", "list").split() == columns


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("session", "show", "romeo@localhost/x"), "there is no session romeo@localhost/x"),
        (("session", "kick", "romeo@localhost/x"), "there is no session romeo@localhost/x"),
        (("session", "kick", "romeo@localhost"), "'romeo@localhost' is not a full address, .*"),
        (("account", "password", "romeo@localhost", "--password", "x"), "there is no account romeo@localhost"),
        (("account", "add", "romeo@localhost", "--password", "x" * 70_000), ".*"),
    ],
)
def test_what_a_server_refuses_is_told_in_one_line(busy: Parleyctl, arguments: tuple[str, ...], told: str) -> None:
    assert re.fullmatch(told, busy.complains(*arguments))


def test_a_second_server_does_not_start(busy: Parleyctl) -> None:
    with start("serve", busy.folder, stderr=subprocess.PIPE) as second:
        assert f"cannot start: another server is running in {busy.folder}\n" in second.communicate(timeout=30)[1]
    assert second.returncode == 1
    assert busy.json("status")["pid"] != second.pid


# -- check

NOWHERE = ("--set", "listen.c2s=[]", "--set", 'listen.c2s_tls=["127.0.0.1:0"]')


def test_a_machine_is_checked_without_a_server(idle: Parleyctl) -> None:
    report = idle.json(*NOWHERE, "check")
    assert report["findings"][0] == {"what": "server", "state": "ok", "text": "not running"}
    assert report["lines"] == []
    assert list(idle.folder.iterdir()) == []


def test_a_server_with_its_storage_in_memory_is_checked_too(idle: Parleyctl) -> None:
    assert "storage memory:" in idle.says(*NOWHERE, "--set", 'storage.url="memory:"', "check")


def test_an_error_that_is_found_is_status_1(idle: Parleyctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        result = idle("--set", f'listen.c2s_tls=["127.0.0.1:{other.getsockname()[1]}"]', "check")
    assert (result.exit_code, result.stderr) == (1, "")
    assert re.search("listen.c2s_tls 127.0.0.1:[0-9]+ +error +something listens there already", result.stdout)


def test_a_server_that_runs_checks_itself(busy: Parleyctl) -> None:
    findings = {finding["what"]: finding for finding in busy.json("check")["findings"]}
    status = busy.json("status")
    assert findings["server"]["text"] == f"running, process {status['pid']}"
    assert findings["configuration"]["text"] == "valid, and in force"
    (place,) = status["listeners"]["c2s"]
    assert findings[f"listen.c2s {place}"]["state"] == "ok"
    assert findings[f"storage sqlite:///{busy.folder}/parley.sqlite"]["state"] == "ok"


def test_the_lines_for_the_zone_stand_below_the_findings_as_they_are(idle: Parleyctl) -> None:
    line = f"_xmpp-client._tcp.{'a' * 60}.example. 3600 IN SRV 0 5 5222 {'a' * 60}.example."
    report = {"findings": [{"what": "DNS", "state": "warning", "text": "missing"}], "lines": [line, "; so it is"]}

    def serve(listening: socket.socket) -> None:
        conn, _ = listening.accept()
        with conn, conn.makefile("rwb") as file:
            assert json.loads(file.readline()) == {"command": "check", "arguments": {}}
            file.write(json.dumps({"result": report}).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(idle.folder / "control.sock"))
        listening.listen()
        server = threading.Thread(target=serve, args=(listening,))
        server.start()
        told = idle.says("check").splitlines()
        server.join()
    assert [cells.split() for cells in told[:2]] == [["what", "state", "text"], ["DNS", "warning", "missing"]]
    assert told[2:] == ["", line, "; so it is"]


# -- as a command


def test_stop_returns_when_the_server_has_gone_and_its_folder_is_free(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with start("parleyctl", tmp_path, "stop", stdout=subprocess.PIPE) as stop:
            assert stop.communicate(timeout=30)[0] == "stopped\n"
        assert stop.returncode == 0
        parleyctl = Parleyctl(tmp_path)
        assert "no server is running" in parleyctl.complains("status")
        parleyctl.says("account", "add", "romeo@localhost", "--password", "x")
        assert server.wait(timeout=30) == 0


class Terminal:
    """bin/parleyctl at a terminal of 40 columns: what it shows, and what is typed when it shows that."""

    def __init__(self, folder: Path, *arguments: str, **typed: str) -> None:
        ours, theirs = pty.openpty()
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        env = {**os.environ, "COLUMNS": "40", "TERM": "xterm"}
        with start("parleyctl", folder, *arguments, env=env, start_new_session=True, **streams) as process:
            os.close(theirs)
            self.shown = ""
            for text in self._shows(ours):
                self.shown += text
                for prompt in [prompt for prompt in typed if self.shown.endswith(f"{prompt}: ")]:
                    os.write(ours, typed.pop(prompt).encode())
        os.close(ours)
        self.status = process.returncode

    @staticmethod
    def _shows(terminal: int) -> Iterator[str]:
        try:
            while True:
                yield os.read(terminal, 1000).decode()
        except OSError:  # the other end is closed
            pass


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    typed = {"Password": "hunter2\n", "Repeat for confirmation": "hunter2\n"}
    terminal = Terminal(tmp_path, "account", "add", "romeo@localhost", **typed)
    assert terminal.status == 0
    assert terminal.shown.split() == ["Password:", "Repeat", "for", "confirmation:", "romeo@localhost", "added"]
    assert Parleyctl(tmp_path).json("account", "list") == [{"jid": "romeo@localhost"}]


def test_at_a_terminal_too_narrow_for_it_an_address_takes_several_lines(idle: Parleyctl) -> None:
    long = "".join(f"r{number}" for number in range(30)) + "@localhost"
    idle.says("account", "add", long, "--password", "x")
    terminal = Terminal(idle.folder, "account", "list")
    assert max(map(len, re.sub("\x1b\\[[0-9;]*m", "", terminal.shown).split())) == 40
    assert long in re.sub("\x1b\\[[0-9;]*m|\\s", "", terminal.shown)


def test_a_reload_tells_what_has_changed(busy: Parleyctl) -> None:
    assert busy.says("reload") == "nothing has changed\n"


def test_the_level_of_the_log_is_changed(busy: Parleyctl) -> None:
    assert busy.says("log", "warning") == "what is logged is warning and above\n"
    assert "is none of debug, info, warning, error" in busy.complains("log", "loud")


def test_a_trace_is_printed_as_it_comes_until_the_server_ends(idle: Parleyctl) -> None:
    row = {"time": "T", "full_jid": "romeo@localhost/a", "way": "in", "stanza": "<presence/>\x1b", "left_out": 0}

    def serve(listening: socket.socket) -> None:
        conn, _ = listening.accept()
        with conn, conn.makefile("rwb") as file:
            assert json.loads(file.readline()) == {"command": "trace", "arguments": {"jid": "romeo@localhost"}}
            for each in (None, row, None, row):
                file.write(json.dumps({"result": each}).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(idle.folder / "control.sock"))
        listening.listen()
        server = threading.Thread(target=serve, args=(listening,))
        server.start()
        assert idle.says("trace", "romeo@localhost") == "T romeo@localhost/a in <presence/>\\u001b 0\n" * 2
        server.join()
