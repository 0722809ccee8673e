"""The process as the service manager and the operator see it."""

import json
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.e2e.process import PATIENCE, ROOT, Process
from tests.e2e.raw import Raw, run
from tests.peers import need


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "notify"
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(self._path))
        self._sock.settimeout(PATIENCE)

    @property
    def env(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": "200000"}

    def hears(self, line: str) -> dict[str, str]:
        """Waits for a message that has this line."""
        while True:
            lines = self._sock.recv(4096).decode().split("\n")
            if line in lines:
                return dict(each.split("=", 1) for each in lines)

    def hears_of_nothing(self) -> bool:
        """Whether soon nothing more comes, for longer than the watchdog waits."""
        self._sock.settimeout(0.5)
        with suppress(TimeoutError):
            for _ in range(10):
                self._sock.recv(4096)
            return False
        self._sock.settimeout(PATIENCE)
        return True

    def close(self) -> None:
        self._sock.close()


def test_the_service_manager_is_told_what_happens(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    with Process(tmp_path, env=manager.env) as server:
        assert manager.hears("READY=1")["STATUS"] == "Serving localhost"
        for _ in range(3):
            manager.hears("WATCHDOG=1")
        before = time.monotonic_ns() // 1000
        server.signal(signal.SIGHUP)
        assert int(manager.hears("RELOADING=1")["MONOTONIC_USEC"]) >= before
        manager.hears("READY=1")
        server.terminate()
        manager.hears("STOPPING=1")
        assert server.wait() == 0
    manager.close()


def test_a_process_that_hangs_feeds_no_watchdog(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    with Process(tmp_path, env=manager.env) as server:
        manager.hears("WATCHDOG=1")
        server.signal(signal.SIGSTOP)
        assert manager.hears_of_nothing()
        server.signal(signal.SIGCONT)
        manager.hears("WATCHDOG=1")
        wait_until(lambda: "the event loop was blocked for" in server.log)
    manager.close()


def test_sighup_reloads_the_file_and_sessions_stay(tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"

    async def scenario() -> None:
        client = await Raw.login(server.ports["c2s_tls"], "alice")
        file.write_text('[hosts.localhost]\n[hosts."b.example"]\n')
        server.signal(signal.SIGHUP)
        wait_until(lambda: 'reloaded: hosts."b.example" added' in server.log)
        file.write_text("[hosts.localhost]\nx = 1\n")
        server.signal(signal.SIGHUP)
        wait_until(lambda: "not reloaded: " in server.log)
        await client.pings(1)

    file.write_text("[hosts.localhost]\n")
    with Process(tmp_path, "alice", file=str(file)) as server:
        run(scenario())
        assert f"not reloaded: {file}: there is no option hosts.localhost.x" in server.log


def test_the_log_can_be_read_by_programs(tmp_path: Path) -> None:
    with Process(tmp_path, sets=('log.format="json"',)) as server:
        run(login_fails(server))
    for line in server.log.splitlines():
        assert {"time", "level", "logger", "address", "event"} <= json.loads(line).keys()


async def login_fails(server: Process) -> None:
    client = await Raw.connect(server.ports["c2s_tls"], tls=True)
    await client.says("<nothing/>")
    await client.ends()


def test_as_many_files_as_are_allowed_can_be_open(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Process(tmp_path) as server:
        assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (hard, hard)


def test_out_of_files_nobody_is_lost_and_with_files_all_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        before = await Raw.login(server.ports["c2s_tls"], "alice")
        files = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (files, hard))
        kept_waiting = await Raw.connect(server.ports["c2s"])
        wait_until(lambda: "Too many open files" in server.log)
        await before.pings(1)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        await kept_waiting.says("rubbish")
        assert "<stream:error>" in await kept_waiting.ends()

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Process(tmp_path, "alice") as server:
        run(scenario())
        assert "Traceback" not in server.log


def test_a_full_disk_is_told_to_the_client_and_in_the_log_and_with_room_all_goes_on(tmp_path: Path) -> None:
    unlimited = resource.RLIM_INFINITY

    async def stores(client: Raw, number: int) -> str:
        data = f"<data xmlns='urn:test:{number}'>{'x' * 20_000}</data>"
        return await client.asks(
            f"<iq type='set' id='s{number}'><query xmlns='jabber:iq:private'>{data}</query></iq>",
            f"<iq [^>]*id=.s{number}.[^>]*(/>|>.*?</iq>)",
        )

    async def scenario() -> None:
        client = await Raw.login(server.ports["c2s_tls"], "alice")
        largest = max(file.stat().st_size for file in (tmp_path / "data").iterdir())
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest + 100_000, unlimited))
        answers = [await stores(client, number) for number in range(30)]
        refused = [answer for answer in answers if "error" in answer]
        assert len(refused) > 15
        assert all("<internal-server-error" in answer or "<resource-constraint" in answer for answer in refused)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert "error" not in await stores(client, 99)

    with Process(tmp_path, "alice") as server:
        run(scenario())
        assert 1 <= len(re.findall("could not be handled", server.log)) <= 10


def test_the_unit_is_without_faults(tmp_path: Path) -> None:
    need("systemd-analyze")
    unit = tmp_path / "parley.service"
    text = (ROOT / "etc" / "parley.service").read_text()
    unit.write_text(text.replace("/opt/parley/bin/serve", str(ROOT / "bin" / "serve")))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_lets_the_server_call_what_it_has_to() -> None:
    """Whatever else it called would be its end, without a word."""
    need("systemd-analyze")
    allowed: set[str] = set()
    for line in re.findall("^SystemCallFilter=(.*)", (ROOT / "etc" / "parley.service").read_text(), re.MULTILINE):
        named = {call for name in line.lstrip("~").split() for call in calls(name)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    assert {"epoll_wait", "fdatasync", "prlimit64", "sched_getaffinity", "sched_setaffinity", "setrlimit"} <= allowed


def calls(name: str) -> set[str]:
    """The system calls in a group, which may have others in it; or the one of that name."""
    if not name.startswith("@"):
        return {name}
    command = ["systemd-analyze", "syscall-filter", name]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    names = [line.strip() for line in listed if not line.strip().startswith("#")]
    return {call for name in names for call in calls(name)}
