"""A visit of one of the people: from a login to the end of the connection, whoever ends it."""

from __future__ import annotations

import random
import time
from collections.abc import Collection
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from lxml import etree

from tests.e2e.ledger import Ledger
from tests.e2e.raw import Ended
from tests.soak.acts import choose
from tests.soak.books import Message
from tests.soak.client import CLIENT, MECHANISMS, WAYS, Client, Ignored, Refused, Silent, condition
from tests.soak.endings import SENT_AWAY, choose_end, log_out
from tests.soak.scene import PASSWORD

if TYPE_CHECKING:
    from tests.soak.people import Person

# Seconds, on average, between two acts; and how many of them.
BETWEEN_ACTS = 0.35
ACTS_A_VISIT = 25


class Visit:
    """`way`: how it was connected. `keeps_books`: it is of the resource that has roster and private data to itself."""

    # The errors for whoever asks about others: there is nothing, or nobody, or one of the two has blocked the other.
    MAY_GET = ("service-unavailable", "item-not-found", "not-acceptable", "remote-server-not-found")

    def __init__(self, person: Person, resource: str, chance: random.Random) -> None:
        self.person = person
        self.scene = person.scene
        self.resource = resource
        self.chance = chance
        self.keeps_books = resource == person.resources[0]
        self.way = ""
        self.client: Client

    async def happens(self) -> None:
        """All of it. Only what is wrong with the server is a fault; that a connection ends is not."""
        tally = self.scene.tally
        doing = "arrive"
        try:
            if await self.arrives() is None:
                return
            await self.becomes_available()
            for _ in range(int(self.chance.expovariate(1 / ACTS_A_VISIT)) + 1):
                await self.scene.pause(self.chance.expovariate(1 / BETWEEN_ACTS))
                if self.scene.over.is_set():
                    break
                act = choose(self)
                doing = act.__name__.replace("_", " ")
                tally.acts[doing] += 1
                await act(self)
                await self.client.confirms()
                self.person.settle()
            end = log_out if self.scene.over.is_set() else choose_end(self)
            doing = f"leave: {end.__name__.replace('_', ' ')}"
            tally.acts[doing] += 1
            await end(self)
        except Ended:
            tally.acts["leave: ended by the server"] += 1
            if self.client.error not in SENT_AWAY:
                tally.fault(f"{self.client.full_jid} was ended: {self.client.error or 'without a word'}")
        except Ignored:
            tally.acts["leave: an answer did not come, for one had blocked the other meanwhile"] += 1
        except Silent as silent:
            known = await self.scene.control("session list", jid=self.person.jid)
            tally.fault(f"{silent}; {self.client.own_address} over {self.way}, {doing}; the server knows of {known}")
        finally:
            await self.has_left()

    # -- coming

    async def arrives(self) -> Client | None:
        """None if it is refused."""
        self.way = way = self.chance.choice(WAYS)
        # Without TLS the server takes no password in clear text.
        mechanism = self.chance.choice(MECHANISMS if way != "plain" else MECHANISMS[1:])
        tally = self.scene.tally
        tally.acts[f"login: {way}, {mechanism}"] += 1
        try:
            client = await Client.arrives(
                self.scene.server.ports,
                self.person.name,
                PASSWORD,
                way=way,
                mechanism=mechanism,
                resource=self.resource,
                address=self.person.address,
            )
        except (Refused, Ended) as refused:
            tally.errors[f"login: {refused}"] += 1
            if self.person.name not in self.scene.disabled:
                tally.fault(f"{self.person.name} could not log in: {refused!r}")
            return None
        self.client = self.person.clients[self.resource] = client
        self.scene.visits[client.full_jid] = self
        client.begins(self.hears)
        return client

    async def becomes_available(self) -> None:
        """As clients do: the roster first."""
        if self.keeps_books:
            await self.looks_at_roster()
            await self.looks_at_private()
        await self.client.tells("<presence/>")
        await self.client.confirms()
        self.client.receptive = True

    async def looks_at_roster(self) -> None:
        """It is what the server has confirmed. The contacts with a name are those that nobody else has to do with."""
        answer = await self.asks("get", "<query xmlns='jabber:iq:roster'/>")
        items = answer.iter("{jabber:iq:roster}item")
        self._compare(self.person.roster, {item.get("jid"): item.get("name") for item in items if item.get("name")})

    async def looks_at_private(self) -> None:
        answer = await self.asks("get", "<query xmlns='jabber:iq:private'><kept xmlns='urn:soak'/></query>")
        self._compare(self.person.private, {value.get("key"): value.text for value in answer.iter("{urn:soak}value")})

    def _compare(self, ledger: Ledger, found: dict[str, str]) -> None:
        try:
            ledger.compare(found)
        except AssertionError as error:
            self.scene.tally.fault(f"{self.person.name}: found, confirmed, in doubt: {error}")

    # -- doing

    async def asks(
        self, kind: str, payload: str, to: str = "", allowed: Collection[str] = (), what: str = ""
    ) -> etree._Element:
        """A request, which succeeds or gets one of the errors that are allowed. Raises Ignored, Silent, Ended."""
        asked = time.monotonic()
        try:
            answer = await self.client.request(kind, payload, to)
        except Silent:
            # Whoever of the two has blocked the other meanwhile: the answer gets no further (XEP-0191 §3.3).
            one, other, books = self.person.name, to.partition("@")[0], self.scene.books
            if books.has_blocked(one, other, asked) or books.has_blocked(other, one, asked):
                raise Ignored from None
            raise
        error = condition(answer)
        if error:
            self.scene.tally.errors[f"{what or payload.partition(' ')[0][1:]}: {error}"] += 1
        if error and error not in allowed:
            self.scene.tally.fault(f"{self.client.full_jid}: {payload[:200]} to {to or 'itself'}: {error}")
        return answer

    async def is_refused(self, stanza: str) -> str:
        """The condition of the error that answers this stanza, whose id is put in place of %s."""
        return condition(await self.client.answer(stanza))

    async def writes(
        self, to: str, recipient: str | None, bodies: Collection[str], type: str = "chat"
    ) -> list[Message]:
        """Messages into the books and onto the wire."""
        messages = []
        for body in bodies:
            message = self.enters(to, recipient, body)
            messages.append(message)
            text = f"<message to='{to}' type='{type}' id='{message.id}'><body>{escape(body)}</body></message>"
            await self.client.tells(text)
        return messages

    async def says(self, to: str, recipient: str | None, bodies: Collection[str], type: str = "chat") -> None:
        """Messages; and then it is found out whether they have been handled, by a request that goes the same way."""
        messages = await self.writes(to, recipient, bodies, type)
        await self.asks("get", "<vCard xmlns='vcard-temp'/>", to.partition("/")[0], self.MAY_GET)
        for message in messages:
            self.scene.books.confirm(message, time.monotonic())

    def enters(self, to: str, recipient: str | None, body: str, *, whole: bool = True) -> Message:
        """A message into the books."""
        id, number, now = self.client.next_id(), next(self.person.numbers), time.monotonic()
        message = Message(id, self.person.name, to, recipient, hash(body), number, now, whole=whole)
        self.scene.books.send(message)
        return message

    def hears(self, stanza: etree._Element) -> None:
        """What comes to the client unasked."""
        id, from_, kind = stanza.get("id", ""), stanza.get("from", ""), stanza.get("type", "")
        if stanza.tag == f"{CLIENT}message" and kind == "error":
            if id:
                self.scene.books.refuse(id, condition(stanza))
        elif stanza.tag == f"{CLIENT}message":
            self.scene.tally.acts["hear a message"] += 1
            if kind != "headline":
                body = stanza.findtext(f"{CLIENT}body") or ""
                self.scene.books.receive(self.person.name, self.resource, id, from_, hash(body))
        elif stanza.tag == f"{CLIENT}presence":
            self.scene.tally.acts["hear a presence"] += 1
            if kind == "subscribe":
                self.client.adds(f"<presence to='{from_}' type='subscribed'/>")
        elif stanza.tag == f"{CLIENT}iq":
            self.scene.tally.acts["hear a request"] += 1
            to = f" to='{from_}'" if from_ else ""
            self.client.adds(f"<iq type='result' id='{id}'{to}/>")

    # -- leaving

    async def has_left(self) -> None:
        """The server is given the time to notice. What it could have sent into the void meanwhile is in doubt."""
        client = self.person.clients.get(self.resource)
        if client is None:
            return
        client.receptive = False
        client.closes()
        await client.ended()
        cut = None if client.closed else self.scene.books.cut(self.person.name, client.read_till)
        del self.person.clients[self.resource]
        await self.scene.notices_end(self.person.name, client.own_address)
        if cut is not None:
            cut.until = time.monotonic()
