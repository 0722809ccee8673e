"""Clients with stream management that talk while their connections are cut and the server is killed, again and again.

Every message has to arrive once, and in order, on every device, and to be so in every archive. As a program, for as
long as you like, each life of the server lasting until its clients have come back so often over a rough network:

    python -m tests.e2e.resuming LIVES [SEED [RESUMPTIONS]]
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
import sys
import tempfile
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

from lxml import etree

from tests.e2e.process import Process
from tests.e2e.raw import HEADER, PATIENCE, Raw, plain
from tests.e2e.rough import RoughNetwork

SM = "xmlns='urn:xmpp:sm:3'"
ROOT = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
WINDOW = 40

MAM = "urn:xmpp:mam:2"

USERS = ("alice", "bob")

# All clients come from one address, and far more often than any client would.
LIMITS = ("limits.connections_per_address=1000", "limits.half_open_per_address=1000")


class Gone(Exception):
    """The connection is."""


class Phone:
    """One device of a user, which writes to another user. `heard`: what it has received, in order."""

    def __init__(self, user: str, resource: str, chance: random.Random, writes_to: str = "") -> None:
        self.user = user
        self.resource = resource
        self.heard: list[str] = []
        self.said = 0
        self._chance = chance
        self._writes_to = writes_to
        self._previd = ""
        self._received = 0
        self._acknowledged = 0
        self._unacknowledged: deque[str] = deque()
        self._raw: Raw | None = None
        self.resumed = 0

    @property
    def available(self) -> bool:
        """Whether the server has its presence, so that messages come to it."""
        return self._acknowledged > 0

    @property
    def waits(self) -> bool:
        """Whether the server has still to acknowledge something."""
        return bool(self._unacknowledged)

    async def live(self, server: Service, port: int, writing: asyncio.Event) -> None:
        """Connects, talks, and connects again when the connection breaks, until the server has gone for good."""
        while True:
            tasks: list[asyncio.Task[None]] = []
            try:
                await self._connect(port)
                tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._write(writing))]
                await asyncio.gather(*tasks)
            except (Gone, EOFError, OSError, ssl.SSLError, AssertionError):
                if server.gone:
                    return
                await asyncio.sleep(0.01)
            finally:
                self.cut()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        if self._raw is not None:
            self._raw.closes()

    async def _connect(self, port: int) -> None:
        self._raw = raw = await Raw.connect(port, tls=True)
        Raw.made.remove(raw)
        await raw.asks(HEADER, "</stream:features>")
        await raw.asks(plain(self.user), "<success")
        await raw.asks(HEADER, "</stream:features>")
        if self._previd:
            resume = f"<resume {SM} previd='{self._previd}' h='{self._received}'/>"
            answer = await raw.asks(resume, "<(resumed|failed) .*?>")
            found = re.search(r'<resumed .*h="(\d+)"', answer)
            if found is None:
                raise RuntimeError(f"{self.user}/{self.resource}: {answer}")
            self._note(int(found[1]))
            self.resumed += 1
            await raw.says("".join(self._unacknowledged) + f"<r {SM}/>")
        else:
            bind = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{self.resource}</resource></bind>"
            await raw.asks(f"<iq type='set' id='bind'>{bind}</iq>", "</iq>")
            enabled = await raw.asks(f"<enable {SM} resume='true'/>", "<enabled .*?>")
            self._previd = re.search(' id="(.*?)"', enabled)[1]  # type: ignore[index]
            await self._say("<presence/>")

    async def _say(self, stanza: str) -> None:
        self._unacknowledged.append(stanza)
        assert self._raw is not None
        await self._raw.says(stanza)

    def _note(self, h: int) -> None:
        """What the server has handled will not be sent again."""
        if not self._acknowledged <= h <= self._acknowledged + len(self._unacknowledged):
            raise RuntimeError(f"{self.user}/{self.resource}: h={h} after {self._acknowledged}")
        while self._acknowledged < h:
            self._unacknowledged.popleft()
            self._acknowledged += 1

    async def _write(self, writing: asyncio.Event) -> None:
        assert self._raw is not None
        while True:
            if self._writes_to and writing.is_set() and len(self._unacknowledged) < WINDOW:
                self.said += 1
                id = f"{self.user}{self.said}"
                await self._say(
                    f"<message to='{self._writes_to}@localhost' id='{id}' type='chat'><body>x</body></message>"
                )
            if self._chance.random() < 0.05 and len(self._unacknowledged) < WINDOW:
                await self._say("<presence/>")
            if self._chance.random() < 0.2:
                await self._raw.says(f"<r {SM}/>")
            await asyncio.sleep(self._chance.choice((0, 0, 0.001, 0.005)))

    async def _listen(self) -> None:
        raw = self._raw
        assert raw is not None
        parser = etree.XMLPullParser(("start", "end"))
        parser.feed(ROOT)
        depth = -1
        while True:
            if raw.heard:
                parser.feed(raw.heard)
                raw.heard = b""
            for event, node in parser.read_events():
                depth += 1 if event == "start" else -1
                if event == "end" and depth == 0:
                    await self._take(raw, node)
            data = await raw._reader.read(1 << 16)
            if not data:
                raise Gone
            raw.heard += data

    async def _take(self, raw: Raw, node: etree._Element) -> None:
        kind = etree.QName(node).localname
        if kind == "r":
            if self._chance.random() < 0.9:
                await raw.says(f"<a {SM} h='{self._received}'/>")
        elif kind == "a":
            self._note(int(node.get("h", "")))
        elif kind in ("message", "presence", "iq"):
            self._received += 1
            if kind == "message":
                self.heard.append(node.get("id", ""))


class Service(Process):
    """`gone`: it has been killed and does not come back."""

    gone = False


async def life(server: Service, phones: list[Phone], chance: random.Random, resumptions: int, *, last: bool) -> None:
    """The phones talk, some connections break, and the server is killed; in the last life all gets through."""
    async with RoughNetwork(server.ports["c2s_tls"], chance) as network:
        port = network.port if resumptions else server.ports["c2s_tls"]
        await talk(server, port, phones, chance, resumptions, last=last)


async def talk(
    server: Service, port: int, phones: list[Phone], chance: random.Random, resumptions: int, *, last: bool
) -> None:
    writing = asyncio.Event()
    lives = [asyncio.create_task(phone.live(server, port, writing)) for phone in phones]
    while not all(phone.available for phone in phones):
        check(lives)
        await asyncio.sleep(0.01)
    writing.set()
    enough = sum(phone.resumed for phone in phones) + resumptions
    while resumptions and sum(phone.resumed for phone in phones) < enough:
        check(lives)
        await asyncio.sleep(0.01)
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(chance.random() * 0.3)
        chance.choice(phones).cut()
    await asyncio.sleep(0.1 + chance.random() * 0.5)
    if last:
        writing.clear()
        until = asyncio.get_running_loop().time() + PATIENCE
        while any(phone.waits for phone in phones) or faults(phones):
            check(lives)
            assert asyncio.get_running_loop().time() < until, faults(phones) or "something was never acknowledged"
            await asyncio.sleep(0.05)
        for user in USERS:
            compare(user, await archived(server.ports["c2s_tls"], user), phones)
    check(lives)
    server.gone = True
    server.kill()
    for phone in phones:
        phone.cut()
    await asyncio.gather(*lives)


def check(lives: list[asyncio.Task[None]]) -> None:
    for task in lives:
        if task.done():
            task.result()


def faults(phones: list[Phone]) -> list[str]:
    """What is missing, doubled or out of order."""
    found = []
    for phone in phones:
        for writer in phones:
            if writer._writes_to == phone.user:
                expected = [f"{writer.user}{number}" for number in range(1, writer.said + 1)]
                heard = [id for id in phone.heard if id.startswith(writer.user)]
                if heard != expected:
                    where = next(
                        (n for n, pair in enumerate(zip(heard, expected, strict=False)) if len({*pair}) > 1), "end"
                    )
                    found.append(f"{phone.user}/{phone.resource}: {len(heard)} of {len(expected)}, wrong from {where}")
    return found


async def archived(port: int, user: str) -> list[str]:
    """The ids of all messages in the user's archive, in its order, as a client pages through it."""
    reader = await Raw.login(port, user, "reader")
    found: list[str] = []
    after = ""
    while True:
        page = f"<set xmlns='http://jabber.org/protocol/rsm'><max>50</max><after>{after}</after></set>"
        query = f"<iq type='set' id='page'><query xmlns='{MAM}'>{page if after else ''}</query></iq>"
        answer = await reader.asks(query, "</fin></iq>")
        found += re.findall(r"<forwarded .*?<message [^>]*?\bid=\"(\w+)\"", answer)
        if "complete=" in answer:
            reader.closes()
            return found
        after = re.search("<last>(.*?)</last>", answer)[1]  # type: ignore[index]


def compare(user: str, found: list[str], phones: list[Phone]) -> None:
    """Raises AssertionError unless the archive of the user has all that was written, each once and in order."""
    for writer in phones:
        if writer._writes_to:
            expected = [f"{writer.user}{number}" for number in range(1, writer.said + 1)]
            kept = [id for id in found if id.startswith(writer.user)]
            doubled = sorted(id for id, times in Counter(kept).items() if times > 1)
            missing = sorted({*expected} - {*kept})
            assert kept == expected, f"archive of {user}: {len(kept)} of {len(expected)}, {doubled=} {missing=}"


def run(folder: Path, lives: int, seed: int, *sets: str, resumptions: int = 0) -> list[Phone]:
    """So many lives of a server, the last of which ends well. Raises AssertionError otherwise.

    `resumptions`: in each life the clients come back so often, over a rough network; with 0 the network is good.
    """
    chance = random.Random(seed)
    phones = [
        Phone("alice", "phone", chance, writes_to="bob"),
        Phone("bob", "phone", chance, writes_to="alice"),
        Phone("bob", "tablet", chance),
    ]
    for number in range(1, lives + 1):
        users = USERS if number == 1 else ()
        with Service(folder, *users, sets=(*LIMITS, *sets)) as server:
            asyncio.run(life(server, phones, chance, resumptions, last=number == lives))
            assert "Traceback" not in server.log, server.log
    assert not faults(phones), (seed, faults(phones))
    return phones


def main() -> None:
    lives = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    resumptions = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    sys.stderr.write(f"seed {seed}\n")
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        phones = run(Path(folder), lives, seed, resumptions=resumptions)
        for phone in phones:
            said = f"{phone.said} said, {len(phone.heard)} heard, {phone.resumed} times resumed"
            sys.stderr.write(f"{phone.user}/{phone.resource}: {said}\n")


if __name__ == "__main__":
    main()
