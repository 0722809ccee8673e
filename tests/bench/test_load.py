import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.bench.load import Client, Load, Script, Stuck, counting


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """Serves one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with listener.accept()[0] as sock:
                serve(sock)

        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()
        thread.join()


def greet(client: Client) -> Script:
    """Says hello, and waits for two words in turn."""
    client.send(b"hello")
    yield b"good"
    yield b"day"


def test_a_script_goes_on_with_what_it_waits_for_and_ends():
    def serve(sock: socket.socket) -> None:
        assert sock.recv(100) == b"hello"
        sock.sendall(b"a go")
        sock.sendall(b"od daydream")
        sock.recv(1)

    ended: list[Client] = []
    with server(serve) as address, Load(address) as load:
        client = load.connect(greet, ended.append)
        load.run(lambda: bool(ended))
        assert ended == [client]


def test_a_server_that_hangs_up_is_told_with_what_was_waited_for():
    def serve(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"bad")

    with server(serve) as address, Load(address) as load:
        load.connect(greet)
        with pytest.raises(Stuck, match=r"waits for good and .*'bad'"):
            load.run(lambda: False)


def test_a_server_that_refuses_is_told_at_once():
    def serve(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"<failure><not-authorized/></failure>")
        sock.recv(1)

    with server(serve) as address, Load(address) as load:
        load.connect(greet)
        with pytest.raises(Stuck, match=r"refuses.*not-authorized"):
            load.run(lambda: False)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = unused.getsockname()
    with Load(address) as load:
        load.connect(greet)
        with pytest.raises(Stuck, match="Connection refused"):
            load.run(lambda: False)


def test_what_a_server_does_not_take_at_once_is_sent_later():
    data = b"x" * 20_000_000

    def serve(sock: socket.socket) -> None:
        read = 0
        while read < len(data):
            read += len(sock.recv(1 << 20))
        sock.sendall(b"all")
        sock.recv(1)

    def send(client: Client) -> Script:
        client.send(data[:1])
        client.send(data[1:])
        yield b"all"

    ended: list[Client] = []
    with server(serve) as address, Load(address) as load:
        load.connect(send, ended.append)
        load.run(lambda: bool(ended))


def test_connections_come_from_many_addresses():
    with socket.create_server(("127.0.0.1", 0)) as listener, Load(listener.getsockname()) as load:
        for _ in range(2):
            load.connect(greet)
        accepted = [listener.accept() for _ in range(2)]
        assert len({host for _, (host, _) in accepted}) == 2
        for sock, _ in accepted:
            sock.close()


@pytest.mark.parametrize("size", range(1, 12))
def test_a_token_is_counted_once_wherever_reads_divide_it(size):
    data = b"<m></m><m></m></m/></m>"
    found: list[int] = []
    hear = counting(b"</m>", found.append)
    for start in range(0, len(data), size):
        hear(data[start : start + size])
    assert sum(found) == 3
