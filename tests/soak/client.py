"""A client that has logged in: it reads on its own, answers what it is asked and knows what it has confirmed."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, Self

from lxml import etree

from tests.e2e.raw import HEADER, PATIENCE, STARTTLS, TRUSTING, Ended, Raw, ending, plain
from tests.scram import Scram, auth, response

CLIENT = "{jabber:client}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
ROOT = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

# How to connect: TLS at once, STARTTLS, or no TLS at all.
WAYS = ("direct", "starttls", "plain")
MECHANISMS = ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256")

_streams = count(1)


class Refused(Exception):
    """The login was refused, with this condition."""


class Silent(Exception):
    """Something has not been answered in time."""


class Ignored(Silent):
    """The user has blocked the one who was asked before the answer came, which is dropped then (XEP-0191 §3.3)."""


class Client(Raw):
    """One stream, from the login on. `stream` is a name for it that nothing else has.

    `on_stanza` is given every message and presence, and every request that is not one of the server's pushes; the
    answer to a request is whatever it returns. `read_till`: all that the user's actor had delivered to this client at
    that time has been read. `receptive`: available with a priority that is not negative. `closed`: the server has
    closed the stream, in which case all that it had sent was read. `own_address`: this end, as the server names it.
    """

    on_stanza: Callable[[etree._Element], None]

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.stream = f"s{next(_streams)}"
        self.own_address = "{}:{}".format(*writer.get_extra_info("sockname"))
        self.full_jid = ""
        self.read_till = time.monotonic()
        self.receptive = False
        self.closed = False
        self.gone = asyncio.Event()
        self.error = ""
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[etree._Element]] = {}
        self._awake = asyncio.Event()
        self._awake.set()
        self._reading: asyncio.Task[None] | None = None

    # -- arriving

    @classmethod
    async def arrives(
        cls,
        ports: Mapping[str, int],
        user: str,
        password: str,
        *,
        way: str,
        mechanism: str,
        resource: str,
        address: str,
    ) -> Self:
        """Connects this way from this address, logs in by this mechanism and binds. Raises Refused, Ended."""
        direct = way == "direct"
        with ending():
            client = await cls.connect(ports["c2s_tls" if direct else "c2s"], tls=direct, address=address)
            try:
                await client.opens()
                if way == "starttls":
                    await client.secures()
                await client.authenticates(user, password, mechanism)
                await client.opens()
                await client.binds(resource)
            except TimeoutError:
                client.closes()
                raise Refused("nothing came in time") from None
            except BaseException:
                client.closes()
                raise
        return client

    async def opens(self) -> None:
        await self.asks(HEADER, "</stream:features>")

    async def secures(self) -> None:
        """By STARTTLS."""
        await self.asks(STARTTLS, "<proceed[^>]*>")
        await self._writer.start_tls(TRUSTING)
        await self.opens()

    async def authenticates(self, user: str, password: str, mechanism: str) -> None:
        """Raises Refused."""
        if mechanism == "PLAIN":
            await self._succeeds(plain(user, password))
        else:
            scram = Scram(user, password, mechanism)
            challenge = await self.asks(auth(mechanism, scram.first()), "</challenge>|</failure>")
            first = _data(challenge, "challenge")
            success = await self._succeeds(response(scram.final(first)))
            assert scram.accepts(_data(success, "success"))

    async def _succeeds(self, request: str) -> str:
        answer = await self.asks(request, "<success[^>]*/>|</success>|</failure>")
        if "</failure>" in answer:
            condition = re.search(r"<failure[^>]*><([\w-]+)", answer)
            raise Refused(condition[1] if condition else answer)
        return answer

    async def binds(self, resource: str) -> None:
        """And reads on its own from now on. Raises Refused."""
        bind = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind>"
        answer = await self.asks(f"<iq type='set' id='bind'>{bind}</iq>", "</iq>")
        bound = re.search("<jid>([^<]+)</jid>", answer)
        if bound is None:
            raise Refused(f"no resource: {answer}")
        self.full_jid = bound[1]

    # -- reading

    def begins(self, on_stanza: Callable[[etree._Element], None]) -> None:
        """Reads on its own from now on."""
        self.on_stanza = on_stanza
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        parser = etree.XMLPullParser(("start", "end"), resolve_entities=False, huge_tree=True)
        try:
            data = ROOT + self.heard
            self.heard = b""
            while data:
                parser.feed(data)
                for stanza in _stanzas(parser):
                    self._take(stanza)
                await self._awake.wait()
                with suppress(ConnectionError, ssl.SSLError):
                    data = await self._reader.read(1 << 16)
                    continue
                data = b""
        finally:
            self.closes()
            self.gone.set()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(Ended())
                    waiting.exception()  # whoever has asked may have gone too

    def _take(self, stanza: etree._Element | None) -> None:
        if stanza is None:
            self.closed = True
        elif stanza.get("type") in ("result", "error") and stanza.get("id") in self._waiting:
            waiting = self._waiting.pop(stanza.get("id"))
            if not waiting.done():
                waiting.set_result(stanza)
        elif stanza.tag == "{http://etherx.jabber.org/streams}error":
            self.error = etree.QName(stanza[0]).localname
        else:
            self.on_stanza(stanza)

    async def dawdles(self, seconds: float) -> None:
        """Reads nothing for so long."""
        self._awake.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._awake.set()

    # -- asking

    async def tells(self, data: str | bytes) -> None:
        """Raises Ended."""
        if self.gone.is_set():
            raise Ended
        with ending():
            await self.says(data)

    def adds(self, data: str) -> None:
        """Sends this without waiting for the server to take it."""
        if not self.gone.is_set():
            self._writer.write(data.encode())

    def next_id(self) -> str:
        return f"{self.stream}-{next(self._numbers)}"

    async def request(self, kind: str, payload: str, to: str = "") -> etree._Element:
        """The answer to an iq, whatever it is. Raises Ended; Silent if none comes in time."""
        to = f" to='{to}'" if to else ""
        return await self.answer(f"<iq type='{kind}' id='%s'{to}>{payload}</iq>")

    async def answer(self, stanza: str) -> etree._Element:
        """The answer to any stanza, whose id is put in place of %s. Raises Ended; Silent if none comes in time."""
        id = self.next_id()
        waiting = self._waiting[id] = asyncio.get_running_loop().create_future()
        try:
            await self.tells(stanza.replace("%s", id))
            async with asyncio.timeout(PATIENCE):
                return await waiting
        except TimeoutError:
            raise Silent(f"no answer to {stanza[:100]} of {self.full_jid}") from None
        finally:
            self._waiting.pop(id, None)

    async def confirms(self) -> None:
        """Asks the user's own actor for a sign of life: what it had delivered before that has been read then."""
        asked = time.monotonic()
        await self.request("get", "<ping xmlns='urn:xmpp:ping'/>", to=self.full_jid.partition("/")[0])
        self.read_till = asked

    # -- leaving

    async def ended(self) -> None:
        """Waits until the connection is closed. Raises Silent."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.gone.wait()
        except TimeoutError:
            known = "closed its stream" if self.closed else "not closed its stream"
            raise Silent(f"the server has {known} with {self.full_jid}, but the connection is there") from None
        if self._reading is not None:
            await self._reading


def condition(answer: etree._Element) -> str:
    """The condition of an error, "" of anything else."""
    for node in answer.iterfind(f"{CLIENT}error/*"):
        if str(node.tag).startswith(STANZAS):
            return etree.QName(node).localname
    return ""


def _stanzas(parser: Any) -> Iterator[etree._Element | None]:
    """Each as it is complete; None for the end of the stream. They are taken from the root, lest that grow."""
    for event, node in parser.read_events():
        parent = node.getparent()
        if event == "end" and parent is None:
            yield None
        elif event == "end" and parent.getparent() is None:
            yield node
            parent.remove(node)


def _data(answer: str, name: str) -> bytes:
    found = re.search(f"<{name}[^>]*>([^<]*)</{name}>", answer)
    if found is None:
        raise Refused(answer)
    return b64decode(found[1])
