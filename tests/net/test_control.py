import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import pytest
from gevent.event import Event
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.config import PROJECT
from net import control
from net.control import PID, Claim, Claimed, Control, NotRunning, Refused, answers, ask, follow


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with gevent.Timeout(20):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def serve(path: Path) -> Iterator[Callable[[control.Handle], Control]]:
    started: list[Control] = []

    def serve(handle: control.Handle) -> Control:
        started.append(Control(path, handle))
        return started[-1]

    yield serve
    for each in started:
        each.stop()


def in_thread(*call: Any, **named: Any) -> Any:
    """The client blocks its whole thread, and the server is in this one."""
    return gevent.get_hub().threadpool.spawn(*call, **named)


def asked(path: Path, request: dict[str, Any], *, until_gone: bool = False) -> Any:
    """What `ask` returns or raises."""

    def outcome() -> Any:
        try:
            return ask(path, request, until_gone=until_gone)
        except Refused as refused:
            return refused

    found = in_thread(outcome).get()
    if isinstance(found, Refused):
        raise found
    return found


def connected(path: Path) -> Any:
    sock = gevent.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(str(path))
    return sock


# -- requests and answers


def test_a_request_reaches_the_handler_and_its_result_the_client(path: Path, serve: Any) -> None:
    serve(lambda request: [request, {"well": True}])
    assert asked(path, {"command": "say", "what": "ü\ud800"}) == [
        {"command": "say", "what": "ü\ud800"},
        {"well": True},
    ]


def test_a_refusal_is_raised_at_the_client_with_its_text(path: Path, serve: Any) -> None:
    def refuse(_request: dict[str, Any]) -> None:
        raise Refused("not today")

    serve(refuse)
    with pytest.raises(Refused, match=r"^not today$"):
        asked(path, {})


def test_a_handler_that_fails_is_logged_without_the_request_and_the_client_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_request: dict[str, Any]) -> None:
        raise RuntimeError("a bug")

    answered = json.loads(b"".join(answers(b'{"password": "hunter2"}', fail)))
    assert answered == {"error": "the server failed to do this; its log says why"}
    assert "a bug" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_result_that_json_does_not_know_is_a_failure_of_the_handler() -> None:
    assert "error" in json.loads(b"".join(answers(b"{}", lambda request: object())))


def test_one_connection_takes_many_requests(path: Path, serve: Any) -> None:
    serve(lambda request: request["n"])
    with connected(path) as sock:
        sock.sendall(b"".join(b'{"n": %d}\n' % n for n in range(100)))
        with sock.makefile("rb") as answers:
            assert [json.loads(answers.readline())["result"] for _ in range(100)] == list(range(100))


@settings(max_examples=50)
@given(
    st.binary() | st.text().map(str.encode) | st.recursive(st.none(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_whatever_a_line_holds_it_is_answered_by_one_line(line: bytes) -> None:
    answered = b"".join(answers(line + b"\n", lambda request: "handled"))
    assert answered.count(b"\n") == 1
    assert json.loads(answered) in ({"result": "handled"}, {"error": "a request is a JSON object"})


@pytest.mark.parametrize("line", [b"[" * 60_000, b'{"a":' * 12_000, b"1" * 60_000, b"\xff", b"[]", b"null", b""])
def test_a_line_that_is_no_object_is_refused(line: bytes) -> None:
    assert json.loads(b"".join(answers(line, lambda request: "handled"))) == {"error": "a request is a JSON object"}


def test_a_line_that_is_too_long_ends_its_connection_and_no_other(path: Path, serve: Any) -> None:
    serve(lambda request: "handled")
    with connected(path) as sock:
        sock.sendall(b'{"a": "' + b"a" * control.LINE)
        with sock.makefile("rb") as answers:
            assert json.loads(answers.readline()) == {"error": "a request has no more than 65536 bytes"}
    assert asked(path, {}) == "handled"


def test_half_a_request_is_not_carried_out(path: Path, serve: Any) -> None:
    handled: list[dict[str, Any]] = []
    serve(handled.append)
    with connected(path) as sock:
        sock.sendall(b"{}")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
    assert handled == []


def test_a_client_that_does_not_read_holds_up_no_other(path: Path, serve: Any) -> None:
    serve(lambda request: "a" * request["length"])
    with connected(path) as sock:
        sock.sendall(b'{"length": 10000000}\n')
        assert asked(path, {"length": 1}) == "a"


def test_a_client_that_goes_before_its_answer_does_no_harm(path: Path, serve: Any) -> None:
    gone = Event()
    serve(lambda request: gone.wait() and "a" * 10_000_000)
    with connected(path) as sock:
        sock.sendall(b"{}\n")
    gone.set()
    assert len(asked(path, {})) == 10_000_000


# -- the socket


def test_only_the_owner_may_connect(path: Path, serve: Any) -> None:
    serve(lambda request: None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_socket_of_a_server_that_died_is_replaced(path: Path, serve: Any) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    serve(lambda request: "alive")
    assert asked(path, {}) == "alive"


def test_a_socket_that_cannot_be_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        Control(tmp_path / ("a" * 200), lambda request: None)
    with pytest.raises(OSError, match="No such file"):
        Control(tmp_path / "none" / "control.sock", lambda request: None)


def test_without_a_server_the_client_is_told_so(path: Path) -> None:
    with pytest.raises(NotRunning, match=f"no server is running: nobody answers at {path}"):
        ask(path, {})
    with pytest.raises(NotRunning):
        ask(path / "below", {})
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(NotRunning):
        ask(path, {})


def test_a_stop_takes_the_socket_away_and_does_not_wait_for_idle_connections(path: Path, serve: Any) -> None:
    server = serve(lambda request: None)
    with connected(path) as idle:
        asked(path, {})  # accepted after the idle one
        server.stop()
        assert idle.recv(100) == b""
    assert not path.exists()


def test_a_server_that_ends_before_it_answers_is_told_of(path: Path, serve: Any) -> None:
    asking, never = Event(), Event()

    def handle(_request: dict[str, Any]) -> None:
        asking.set()
        never.wait()

    server = serve(handle)
    client = gevent.spawn(asked, path, {})
    asking.wait()
    server.stop()
    with pytest.raises(Refused, match="the server ended before it answered"):
        client.get()


def test_until_gone_returns_only_when_the_server_has_gone(path: Path, serve: Any) -> None:
    handled = Event()
    server = serve(lambda request: handled.set())
    client = gevent.spawn(asked, path, {}, until_gone=True)
    handled.wait()
    assert asked(path, {}) is None  # by now the other answer has gone out, too
    assert not client.ready()
    server.stop()
    assert client.get() is None


def test_until_gone_does_not_wait_for_a_server_that_refuses(path: Path, serve: Any) -> None:
    def refuse(_request: dict[str, Any]) -> None:
        raise Refused("no")

    serve(refuse)
    with pytest.raises(Refused, match=r"^no$"):
        asked(path, {}, until_gone=True)


def test_a_server_that_does_not_answer_is_not_waited_for_without_end(
    path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.05)
    serve(lambda request: Event().wait())
    with pytest.raises(Refused, match="has not answered within"):
        asked(path, {})


# -- what goes on


def test_what_goes_on_is_answered_by_a_line_for_each_value_until_the_client_goes(tmp_path: Path) -> None:
    ended = Event()

    def counts(_request: dict[str, Any]) -> Iterator[Any]:
        try:
            for number in range(10_000):
                yield None
                yield {"number": number}
                gevent.sleep(0)
        finally:
            ended.set()

    control = Control(tmp_path / "s", counts)

    def two() -> list[Any]:
        following = follow(tmp_path / "s", {})
        found = [next(following), next(following)]
        following.close()
        return found

    assert gevent.get_hub().threadpool.apply(two) == [{"number": 0}, {"number": 1}]
    assert ended.wait(10)
    control.stop()


def test_to_follow_a_server_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        next(follow(tmp_path / "s", {}))


# -- the claim


def test_a_folder_is_claimed_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.0)
    claim = Claim(tmp_path)
    with pytest.raises(Claimed):
        Claim(tmp_path)
    claim.release()
    Claim(tmp_path).release()


def test_a_claim_tells_whose_it_is_and_one_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / PID).write_text("123456789012345\n")
    claim = Claim(tmp_path)
    assert (tmp_path / PID).read_text() == f"{os.getpid()}\n"
    claim.release()
    assert (tmp_path / PID).read_text() == ""


def test_a_claim_waits_for_one_that_is_soon_released(tmp_path: Path) -> None:
    first = Claim(tmp_path)
    second = gevent.spawn(Claim, tmp_path)
    gevent.sleep(0)
    first.release()
    second.get().release()


def test_a_claim_ends_with_its_process_however_that_dies(tmp_path: Path) -> None:
    hold = (
        f"import pathlib; from net.control import Claim; c = Claim(pathlib.Path({str(tmp_path)!r})); print(flush=True)"
    )
    command = [sys.executable, "-c", f"{hold}; input()"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
    Claim(tmp_path).release()


def test_a_folder_that_cannot_be_opened_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "none"):
        with pytest.raises(OSError, match=os.strerror(20) if name == "file" else os.strerror(2)):
            Claim(tmp_path / name)
