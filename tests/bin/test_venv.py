import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bin import _venv

FILES = ("requirements.txt",)
INSTALL = f"from bin import _venv; from pathlib import Path; import sys; _venv.install(Path(sys.argv[1]), {FILES!r})"
OFFLINE = {**os.environ, "PIP_NO_INDEX": "1"}


def start(project: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", INSTALL, str(project)]
    return subprocess.Popen(command, cwd=_venv.PROJECT, env=OFFLINE, stderr=subprocess.PIPE, text=True)


def test_of_two_commands_at_once_one_installs_and_both_succeed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pip\n")
    processes = [start(tmp_path), start(tmp_path)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("Installing requirements.txt" in text for text in said) == 1


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a complete environment; without pip, whose place is taken by a look at what it was to install."""

    def run(command: list[str], lock: int) -> None:
        if "venv" in command:
            subprocess.run([*command, "--without-pip"], pass_fds=[lock], check=True)
        elif "nowhere" in (tmp_path / "requirements.txt").read_text():
            sys.exit("nowhere to be found")

    monkeypatch.setattr(_venv, "_run", run)
    (tmp_path / "requirements.txt").write_text("gevent\n")
    _venv.install(tmp_path, FILES)
    return tmp_path


def test_a_complete_environment_is_left_alone_without_a_word(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    _venv.install(project, FILES)
    assert capsys.readouterr().err == ""


def test_changed_requirements_are_installed_into_the_same_environment(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "requirements.txt").write_text("gevent\nlxml\n")
    (project / ".venv" / "kept").touch()
    capsys.readouterr()
    _venv.install(project, FILES)
    assert "Installing requirements.txt" in capsys.readouterr().err
    assert (project / ".venv" / "kept").exists()
    assert _venv._ready(project, FILES)


def test_a_failed_installation_is_not_taken_for_a_complete_one(project: Path) -> None:
    good = (project / "requirements.txt").read_text()
    (project / "requirements.txt").write_text("nowhere\n")
    with pytest.raises(SystemExit, match="nowhere"):
        _venv.install(project, FILES)
    (project / "requirements.txt").write_text(good)
    assert not _venv._ready(project, FILES)


def test_an_interrupted_environment_is_made_anew(project: Path) -> None:
    (project / ".venv" / "stamp").unlink()
    (project / ".venv" / "half-written").touch()
    _venv.install(project, FILES)
    assert not (project / ".venv" / "half-written").exists()
    assert _venv._ready(project, FILES)


def test_requirements_of_the_tests_are_asked_for_on_top(project: Path) -> None:
    (project / "more.txt").write_text("pytest\n")
    assert not _venv._ready(project, (*FILES, "more.txt"))
    _venv.install(project, (*FILES, "more.txt"))
    assert _venv._ready(project, FILES)


def test_an_environment_whose_python_is_gone_is_not_ready(project: Path) -> None:
    (project / ".venv" / "bin" / "python").unlink()
    assert not _venv._ready(project, FILES)


def run(*lines: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, cwd=_venv.PROJECT, capture_output=True, text=True, check=False)


def test_a_failing_command_ends_the_process_with_one_line() -> None:
    result = run("from bin import _venv", f"_venv._run([{sys.executable!r}, '-c', 'raise SystemExit(3)'], 2)")
    assert result.returncode == 1
    assert result.stderr == "Installing the requirements failed, as told above; the next run tries again.\n"


def test_a_python_that_is_too_old_is_told_so_in_one_line() -> None:
    result = run("import sys", "sys.version_info = (3, 9, 2, 'final', 0)", "from bin import _venv")
    assert result.returncode == 1
    assert result.stderr == f"Parley needs Python 3.11 or newer; {sys.executable} is Python 3.9.\n"


@pytest.mark.parametrize("name", ["_venv.py", "parleyctl", "serve", "test"])
def test_a_python_that_is_too_old_can_read_the_file_that_tells_it(name: str) -> None:
    assert ast.parse((_venv.PROJECT / "bin" / name).read_text("utf-8"), feature_version=(3, 7))


def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    hide = "importlib.util.find_spec = lambda name: None"
    call = f"_venv.install(Path({json.dumps(str(tmp_path))}), {FILES!r})"
    result = run("import importlib.util", "from pathlib import Path", "from bin import _venv", hide, call)
    assert result.returncode == 1
    assert (
        result.stderr == "Python's venv module is incomplete here; on Debian and Ubuntu: apt-get install python3-venv\n"
    )
