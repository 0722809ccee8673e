import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import gevent.socket
import pytest

from net import listener as module
from net.listener import Listener

ROOT = Path(__file__).parents[2]


class Accepted:
    """Takes what a listener accepts."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.peers: list[str] = []

    def __call__(self, sock: socket.socket, peer: str) -> None:
        self.sockets.append(sock)
        self.peers.append(peer)

    def until(self, count: int) -> None:
        while len(self.sockets) < count:
            gevent.sleep(0.001)


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    with gevent.Timeout(10):
        yield


@pytest.fixture
def accepted() -> Iterator[Accepted]:
    accepted = Accepted()
    yield accepted
    for sock in accepted.sockets:
        sock.close()


@pytest.fixture
def listener(accepted: Accepted) -> Iterator[Listener]:
    listener = Listener("127.0.0.1", 0, accepted)
    listener.start()
    yield listener
    listener.stop()


def connect(listener: Listener) -> gevent.socket.socket:
    return gevent.socket.create_connection((listener.host, listener.port), timeout=5)


@contextmanager
def no_more_files() -> Iterator[None]:
    """Inside, not one more file can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_connection_is_handed_over_with_the_address_of_its_peer(listener: Listener, accepted: Accepted) -> None:
    with connect(listener) as client:
        accepted.until(1)
        assert accepted.peers == [f"127.0.0.1:{client.getsockname()[1]}"]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_an_ipv6_address_stands_in_brackets(accepted: Accepted) -> None:
    listener = Listener("::1", 0, accepted)
    listener.start()
    with connect(listener) as client:
        accepted.until(1)
        assert accepted.peers == [f"[::1]:{client.getsockname()[1]}"]
    listener.stop()


def test_an_accepted_socket_does_not_block_and_writes_at_once(listener: Listener, accepted: Accepted) -> None:
    with connect(listener):
        accepted.until(1)
        (sock,) = accepted.sockets
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent, socket
from net.listener import Listener
kinds = []
listener = Listener("127.0.0.1", 0, lambda sock, peer: kinds.append(type(sock)))
listener.start()
socket.create_connection(("127.0.0.1", listener.port))
while not kinds:
    gevent.sleep(0.001)
assert kinds == [monkey.get_original("socket", "socket")], kinds
"""


def test_an_accepted_socket_is_a_plain_one_in_a_patched_process_too() -> None:
    subprocess.run([sys.executable, "-W", "ignore::ResourceWarning", "-c", PATCHED], cwd=ROOT, check=True, timeout=20)


def test_more_connections_than_are_accepted_at_once_are_all_accepted(
    listener: Listener, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACCEPTS_AT_ONCE", 3)
    clients = [connect(listener) for _ in range(10)]
    accepted.until(10)
    for client in clients:
        client.close()


@pytest.mark.parametrize("started", [False, True])
def test_an_address_in_use_is_refused(accepted: Accepted, started: bool) -> None:
    first = Listener("127.0.0.1", 0, accepted)
    if started:
        first.start()
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says more than the text
        Listener("127.0.0.1", first.port, accepted)
    assert caught.value.errno == errno.EADDRINUSE
    first.stop()


def test_a_name_that_is_no_address_is_refused(accepted: Accepted) -> None:
    with pytest.raises(socket.gaierror):
        Listener("not an address", 0, accepted)


def test_a_stopped_listener_gives_its_address_free(listener: Listener, accepted: Accepted) -> None:
    listener.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(listener)
    Listener("127.0.0.1", listener.port, accepted).stop()


def test_a_connection_that_cannot_be_served_is_closed_and_the_next_one_served(accepted: Accepted) -> None:
    def accept(sock: socket.socket, peer: str) -> None:
        if not refused:
            refused.append(peer)
            raise ValueError("not this one")
        accepted(sock, peer)

    refused: list[str] = []
    listener = Listener("127.0.0.1", 0, accept)
    listener.start()
    with connect(listener) as client:
        assert client.recv(1) == b""
    with connect(listener):
        accepted.until(1)
    listener.stop()


def test_a_peer_that_reset_its_connection_before_it_was_accepted_does_no_harm(
    listener: Listener, accepted: Accepted
) -> None:
    early = socket.create_connection((listener.host, listener.port))
    early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    early.close()
    with connect(listener) as client:
        while f"127.0.0.1:{client.getsockname()[1]}" not in accepted.peers:
            gevent.sleep(0.001)


def test_out_of_files_it_waits_and_goes_on(
    listener: Listener, accepted: Accepted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    client = gevent.socket.socket()
    with client:
        with no_more_files():
            client.connect((listener.host, listener.port))
            while len(caplog.records) < 2:
                gevent.sleep(0.001)
            assert accepted.sockets == []
        accepted.until(1)
        accepted.sockets[0].send(b"hello")
        assert client.recv(10) == b"hello"


def test_out_of_files_it_can_be_stopped(accepted: Accepted, caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener("127.0.0.1", 0, accepted)
    listener.start()
    client = gevent.socket.socket()
    with client, no_more_files():
        client.connect((listener.host, listener.port))
        while not caplog.records:
            gevent.sleep(0.001)
        listener.stop()


def test_an_address_may_be_a_name() -> None:
    listener = Listener("localhost", 0, lambda sock, peer: None)
    assert listener.host in ("127.0.0.1", "::1")
    listener.stop()
