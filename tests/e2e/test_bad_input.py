"""What comes over the wire and should not, while somebody else is being served."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.e2e.process import Process
from tests.e2e.raw import HEADER, STARTTLS, Raw, run
from tests.e2e.undisturbed import undisturbed

LARGE = 10_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    sets = ("limits.login_seconds=1", 'log.level="debug"')
    with Process(tmp_path_factory.mktemp("server"), "alice", "bob", sets=sets) as server:
        yield server
        assert "Traceback" not in server.log


async def floods(client: Raw, data: bytes) -> None:
    """Sends as much of it as the server takes."""
    with suppress(ConnectionError):
        await client.says(data)


@pytest.mark.parametrize("tls", [False, True])
def test_a_stanza_of_ten_megabytes_before_login(server: Process, tls: bool) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports["c2s_tls" if tls else "c2s"], tls=tls)
            await client.asks(HEADER, "</stream:features>")
            flood = asyncio.create_task(floods(client, b"<message><body>" + b"x" * LARGE))
            assert "<policy-violation" in await client.ends()
            await flood

    before = server.memory
    run(scenario())
    assert server.memory - before < LARGE


def test_a_stanza_of_ten_megabytes_after_login(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.login(server.ports["c2s_tls"], "alice")
            flood = asyncio.create_task(floods(client, b"<message to='bob@localhost'><body>" + b"x" * LARGE))
            assert "<policy-violation" in await client.ends()
            await flood

    before = server.memory
    run(scenario())
    assert server.memory - before < LARGE


def test_ten_megabytes_of_white_space_ahead_of_the_header_are_not_kept(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports["c2s"])
            await client.says(b" " * LARGE)
            # Read no faster than a connection is allowed to send, they may outlast the time for a login.
            await client.asks(HEADER, "</stream:features>|<connection-timeout")

    before = server.memory
    run(scenario())
    assert server.memory - before < LARGE


@pytest.mark.parametrize(
    "request_",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n<a></a>xx"],
    ids=["GET", "POST"],
)
def test_an_http_request_is_told_that_this_is_no_web_server(server: Process, request_: bytes) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports["c2s"])
            await client.says(request_)
            assert "<not-well-formed" in await client.ends()

    run(scenario())


@pytest.mark.parametrize("port", ["c2s", "c2s_tls"])
def test_random_bytes_end_the_connection(server: Process, port: str) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports[port])
            await client.says(bytes(range(255, -1, -1)) * 10)
            await client.ends()

    run(scenario())


def test_plain_text_right_behind_starttls_is_refused(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports["c2s"])
            await client.says(HEADER + STARTTLS + "<iq type='get' id='x'><query xmlns='jabber:iq:roster'/></iq>")
            heard = await client.ends()
            assert "<policy-violation" in heard
            assert "<iq" not in heard

    run(scenario())


def test_plain_text_instead_of_a_tls_handshake_ends_the_connection(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports["c2s"])
            await client.asks(HEADER, "</stream:features>")
            await client.asks(STARTTLS, "<proceed[^>]*>")
            await client.says(HEADER)
            assert "<" not in await client.ends()

    run(scenario())


@pytest.mark.parametrize("port", ["c2s", "c2s_tls"])
def test_a_client_that_only_drips_is_not_waited_for(server: Process, port: str) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            client = await Raw.connect(server.ports[port])
            ending = asyncio.create_task(client.ends())
            hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" if port == "c2s_tls" else HEADER.encode()
            for byte in hello[:10] + b" " * 1000:
                if ending.done():
                    break
                await floods(client, bytes([byte]))
                await asyncio.sleep(0.01)
            heard = await ending
            assert port == "c2s_tls" or "<connection-timeout" in heard

    run(scenario())


def test_a_hundred_clients_that_never_shake_hands_are_not_waited_for(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            clients = [await Raw.connect(server.ports["c2s_tls"]) for _ in range(100)]
            for client in clients:
                await client.says(b"\x16\x03\x01")
            for client in clients:
                assert await client.ends() == ""

    run(scenario())


def test_clients_that_vanish_at_any_point_of_the_login_do_no_harm(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            said = HEADER + STARTTLS
            for end in range(0, len(said), 10):
                client = await Raw.connect(server.ports["c2s"])
                await client.says(said[:end])
                client.closes(reset=bool(end % 20))

    run(scenario())


def test_a_client_that_does_not_read_is_cut_off_and_its_sender_goes_on(server: Process) -> None:
    async def scenario() -> None:
        async with undisturbed(server):
            deaf = await Raw.login(server.ports["c2s_tls"], "alice", "deaf")
            await deaf.says("<presence><priority>5</priority></presence>")
            deaf.stops_reading()
            sender = await Raw.login(server.ports["c2s_tls"], "bob", "sender")
            number = 0
            while "does not read" not in server.log:
                for _ in range(20):
                    await sender.says(f"<message to='alice@localhost/deaf'><body>{'x' * 100_000}</body></message>")
                number += 1
                await sender.pings(number)
            await sender.pings(0)

    run(scenario())
