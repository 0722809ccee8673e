import subprocess
from pathlib import Path

import pytest

from tests.bench.servers import CannotRun, Server
from tests.bench.servers.server import Certificate

NO_CERTIFICATE = Certificate(Path("none"), Path("none"))


class Broken(Server):
    name = "broken"

    def configure(self, *, archive: bool) -> None:
        """There is nothing to write."""

    def prepare(self) -> None:
        """There is nothing to do."""

    def command(self) -> list[str]:
        return ["sh", "-c", "echo it is broken; exit 3"]


class Unprepared(Broken):
    def prepare(self) -> None:
        self.run(self.command())


def test_a_server_that_does_not_start_is_told_with_what_it_says(tmp_path):
    with (
        pytest.raises(CannotRun, match=r"(?s)broken does not start: it is broken"),
        Broken(tmp_path, 0, NO_CERTIFICATE),
    ):
        pass


def test_a_server_that_cannot_be_prepared_is_told_with_what_it_says(tmp_path):
    with pytest.raises(CannotRun, match=r"(?s)broken cannot be prepared: it is broken"):
        Unprepared(tmp_path, 0, NO_CERTIFICATE)


def test_nothing_of_a_server_is_left_once_it_has_stopped(parley_at_rest):
    with parley_at_rest as server:
        pid = server.pid
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert subprocess.run(["pgrep", "-s", str(pid)], check=False).returncode == 1
