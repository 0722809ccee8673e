import logging
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import pytest
from gevent.event import Event

from actors.actor import told
from actors.mailbox import Close
from actors.server import CONTROL, CannotStart, Server, configure
from actors.session import Session
from net import control
from net.control import NotRunning, ask
from tests.world import World, settle


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with gevent.Timeout(20):
        yield


def config(folder: Path, *sets: str) -> Any:
    return configure(None, [f"data_dir={str(folder)!r}", 'listen.c2s=["127.0.0.1:0"]', "listen.c2s_tls=[]", *sets])


def in_thread(*call: Any, **named: Any) -> Any:
    return gevent.get_hub().threadpool.spawn(*call, **named)


def command(folder: Path, name: str, *, until_gone: bool = False) -> Any:
    """Starts to ask the server of this folder; `get()` waits for the answer."""
    return in_thread(ask, folder / CONTROL, {"command": name}, until_gone=until_gone)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(config(tmp_path))
    server.start()
    yield server
    server.stop()


# -- start


def test_a_started_server_listens_and_takes_commands(server: Server, tmp_path: Path) -> None:
    port = server.listeners["c2s"][0].port
    with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"rubbish")
        assert b"<stream:error>" in sock.makefile("rb").read()
    assert command(tmp_path, "status").get()["listeners"] == {"c2s": [f"127.0.0.1:{port}"], "c2s_tls": []}


def test_the_data_folder_is_made_and_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "parley"
    Server(config(folder)).stop()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_before_its_start_a_server_in_memory_touches_no_disk(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    Server(config(folder, 'storage.url="memory:"')).stop()
    assert not folder.exists()


@pytest.mark.parametrize("storage", ["", "memory:"])
def test_two_servers_do_not_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.0)
    ours = config(tmp_path, f"storage.url={storage!r}")
    first = Server(ours)
    first.start()
    with pytest.raises(CannotStart, match=f"^another server is running in {tmp_path}$"):
        Server(ours).start()
    assert command(tmp_path, "status").get()["version"]
    first.stop()
    second = Server(ours)
    second.start()
    second.stop()


def test_a_server_takes_the_place_of_one_that_died(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / CONTROL))
    server = Server(config(tmp_path))
    server.start()
    assert command(tmp_path, "status").get()["sessions"] == 0
    server.stop()


def test_a_port_in_use_is_named_and_nothing_is_left_of_the_attempt(server: Server, tmp_path: Path) -> None:
    port = server.listeners["c2s"][0].port
    other = tmp_path / "other"
    addresses = f'listen.c2s=["127.0.0.1:0", "127.0.0.1:{port}"]'
    with pytest.raises(CannotStart, match=f"^listen.c2s: 127.0.0.1:{port}: Address already in use$"):
        Server(config(other, addresses)).start()
    assert not (other / CONTROL).exists()
    again = Server(config(other))
    again.start()
    again.stop()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=f"^data_dir {tmp_path}/file/data: Not a directory$"):
        Server(config(tmp_path / "file" / "data"))


def test_a_database_that_cannot_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^storage postgresql://me:\*\*\*@127\.0\.0\.1:1/db: ") as refused:
        Server(config(tmp_path, 'storage.url="postgresql://me:secret@127.0.0.1:1/db"'))
    assert "secret" not in str(refused.value)


def test_a_storage_that_cannot_be_opened_is_named_and_the_folder_is_free_again(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=f"^storage sqlite:///{tmp_path}: "):
        Server(config(tmp_path, f'storage.url="sqlite:///{tmp_path}"'))
    Server(config(tmp_path)).stop()


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("none")
    files = (f'tls.certificate="{tmp_path}/a.pem"', f'tls.key="{tmp_path}/a.pem"')
    with pytest.raises(CannotStart, match=f"{tmp_path}/a.pem"):
        Server(config(tmp_path, *files)).start()


def test_a_path_too_long_for_the_control_socket_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 100)
    with pytest.raises(CannotStart, match=f"^{folder}/control.sock: AF_UNIX path too long$"):
        Server(config(folder)).start()


def test_the_certificate_of_the_first_start_is_kept(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        server = Server(config(tmp_path))
        server.start()
        server.stop()
        made.append((tmp_path / "self-signed.crt").read_bytes())
    assert made[0] == made[1]


# -- stop


def test_a_stop_says_goodbye_to_every_client() -> None:
    world = World("romeo")
    clients = [world.connect("romeo"), world.available("romeo"), world.wire().opens(), world.wire()]
    world.server.stop()
    for client in clients:
        assert "<system-shutdown " in client.wire.said.decode()
        assert client.wire.said.endswith(b"</stream:stream>")
        assert client.wire.closed


class Stuck(Session):
    """Does not end until it is let go."""

    let_go: Event

    @told(Close)
    def on_close(self, message: Close) -> None:
        self.let_go.wait()


def test_a_stop_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    world = World(sets=("limits.stop_seconds=0.1",))
    stuck = Stuck(world.router, world.wire().wire)
    stuck.let_go = Event()
    with caplog.at_level(logging.WARNING):
        world.server.stop()
    assert "1 sessions did not end in time" in caplog.text
    stuck.let_go.set()
    settle()


def test_stop_by_command_is_answered_when_the_server_has_gone(tmp_path: Path) -> None:
    server = Server(config(tmp_path))
    server.start()
    client = command(tmp_path, "stop", until_gone=True)
    server.stopping.wait()
    assert command(tmp_path, "status").get()["pid"]  # the first answer is out, and still it waits
    assert not client.ready()
    server.stop()
    assert client.get() == "stopped"
    with pytest.raises(NotRunning):
        ask(tmp_path / CONTROL, {"command": "status"})


def test_what_was_stored_is_there_when_a_server_starts_again(tmp_path: Path) -> None:
    request = {"command": "account add", "arguments": {"jid": "romeo@localhost", "password": "x"}}
    for names in ([], ["romeo@localhost"]):
        server = Server(config(tmp_path))
        server.start()
        assert [row["jid"] for row in command(tmp_path, "account list").get()] == names
        if not names:
            in_thread(ask, tmp_path / CONTROL, request).get()
        server.stop()
