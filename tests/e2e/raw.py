"""A client that says what it is told to, byte by byte, from an asyncio loop."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Self

HEADER = (
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PATIENCE = 20


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Runs a scenario, which must end in time; closes what it leaves open."""

    async def whole() -> None:
        try:
            async with asyncio.timeout(2 * PATIENCE):
                await scenario
        finally:
            for client in list(Raw.made):
                client.closes()
            await asyncio.sleep(0)

    asyncio.run(whole())


def trusting() -> ssl.SSLContext:
    """A client's context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def plain(user: str, password: str = "secret") -> str:
    """The request to log in with PLAIN."""
    initial = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    return f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{initial}</auth>"


class Ended(Exception):
    """The connection has gone, or the server."""


@contextmanager
def ending() -> Iterator[None]:
    """Where a connection may end, what `Raw` takes for a failure is `Ended`."""
    try:
        yield
    except (AssertionError, ConnectionError, ssl.SSLError) as error:
        raise Ended from error


TRUSTING = trusting()


class Raw:
    """One connection. Everything that was heard and not looked at stands in `heard`."""

    made: ClassVar[set[Raw]] = set()

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard = b""
        self.made.add(self)

    @classmethod
    async def connect(cls, port: int, *, tls: bool = False, address: str = "127.0.0.1") -> Self:
        """Connects from this address; `tls`: directly over TLS."""
        context = TRUSTING if tls else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(address, 0)))

    @classmethod
    async def login(cls, port: int, user: str, resource: str = "raw") -> Self:
        """Connects over direct TLS, logs in and binds a resource."""
        client = await cls.connect(port, tls=True)
        await client.asks(HEADER, "</stream:features>")
        await client.asks(plain(user), "<success")
        await client.asks(HEADER, "</stream:features>")
        bind = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind>"
        await client.asks(f"<iq type='set' id='bind'>{bind}</iq>", "</iq>")
        return client

    async def says(self, data: str | bytes) -> None:
        """Sends this; waits while the server does not take it."""
        self._writer.write(data.encode() if isinstance(data, str) else data)
        await self._writer.drain()
        if self._writer.is_closing():  # which somebody who does not read might never hear of
            raise ConnectionResetError("the connection has ended")

    async def asks(self, data: str | bytes, answer: str) -> str:
        """Sends this and waits for what matches."""
        await self.says(data)
        return await self.hears(answer)

    async def hears(self, pattern: str) -> str:
        """Waits for what matches; returns all that was heard up to its end."""
        sought = re.compile(pattern.encode())
        async with asyncio.timeout(PATIENCE):
            while (found := sought.search(self.heard)) is None:
                data = await self._reader.read(1 << 16)
                assert data, f"{pattern} never came: {self.heard[-1000:]!r}"
                self.heard += data
        end = found.end()
        heard, self.heard = self.heard[:end], self.heard[end:]
        return heard.decode()

    async def ends(self) -> str:
        """Waits for the server to close the connection, and closes it; returns what was heard till then."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError, ssl.SSLError):
                while data := await self._reader.read(1 << 16):
                    self.heard += data
        self.closes()
        return self.heard.decode()

    async def pings(self, number: int) -> None:
        """Asks the server for a sign of life."""
        await self.asks(
            f"<iq type='get' to='localhost' id='ping{number}'><ping xmlns='urn:xmpp:ping'/></iq>",
            f"<iq [^>]*id=.ping{number}.[^>]*/>",
        )

    def stops_reading(self) -> None:
        """Leaves in the network whatever the server sends from now on."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()

    def closes(self, *, reset: bool = False) -> None:
        """Closes the connection without a word."""
        if reset:
            sock: socket.socket = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._writer.transport.abort()
        self.made.discard(self)
