import json
import subprocess
import sys
from pathlib import Path

from bin import _venv

# bin/serve as it runs inside its environment, which the tests' own interpreter is.
INSIDE = """
import runpy, sys
sys.path.insert(0, "bin")
import _venv
_venv.enter = lambda *requirements: None
sys.argv = ["serve", *{arguments}]
runpy.run_path("bin/serve", run_name="__main__")
"""


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", INSIDE.format(arguments=json.dumps(arguments))]
    return subprocess.run(command, cwd=_venv.PROJECT, capture_output=True, text=True, check=False)


def test_a_wrong_option_ends_with_status_2_and_no_traceback() -> None:
    result = serve("--set", "limits.roster=0")
    assert result.returncode == 2
    assert result.stderr.startswith("--set limits.roster=0: limits.roster = 0\n")
    assert "Traceback" not in result.stderr


def test_a_missing_configuration_file_is_named(tmp_path: Path) -> None:
    result = serve("--config", str(tmp_path / "none.toml"))
    assert result.returncode == 2
    assert result.stderr.startswith(f"{tmp_path}/none.toml: No such file")
