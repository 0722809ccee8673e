"""How people leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.e2e.raw import Ended
from tests.soak.badinput import FATAL
from tests.soak.client import Ignored, Silent

if TYPE_CHECKING:
    from tests.soak.client import Client
    from tests.soak.people import Person
    from tests.soak.visit import Visit

End = Callable[["Visit"], Awaitable[None]]

# The conditions of those who are kicked, or whose account is disabled, whatever they are doing.
SENT_AWAY = ("policy-violation", "not-authorized")

# A message is in its recipient's hands at the latest so long after its sender has logged out (seconds).
HANDLED = 1.0

_ends: dict[End, int] = {}


def end(weight: int) -> Callable[[End], End]:
    """An end that comes `weight` times as often as one with a weight of 1."""

    def declare(leave: End) -> End:
        _ends[leave] = weight
        return leave

    return declare


def choose_end(visit: Visit) -> End:
    """How this one leaves."""
    return visit.chance.choices(list(_ends), list(_ends.values()))[0]


# -- so that nothing is in doubt


@end(60)
async def log_out(visit: Visit) -> None:
    """The server closes the stream after the last thing that it has sent."""
    if visit.chance.random() < 0.5:
        visit.client.receptive = False
        await visit.client.tells("<presence type='unavailable'/>")
    await visit.client.tells("</stream:stream>")
    await visit.client.ended()


@end(15)
async def log_out_while_talking(visit: Visit) -> None:
    """What is said to oneself comes back to a session that has just closed.

    A stream that is closed as it was asked to has been read to its end, so what was said before that counts.
    """
    person = visit.person
    messages = []
    for to in visit.chance.choices((person.name, *person.circle), (8, *[1] * len(person.circle)), k=3):
        messages += await visit.writes(f"{to}@localhost", to, [f"one more thing, {n}" for n in range(3)])
    await log_out(visit)
    if visit.client.closed and not visit.client.error:
        for message in messages:
            visit.scene.books.confirm(message, time.monotonic() + HANDLED)


@end(10)
async def log_out_while_talked_to(visit: Visit) -> None:
    """So that messages reach a session that has just closed."""
    others = [visit.scene.visits.get(f"{name}@localhost/home") for name in visit.person.circle]
    there = [other for other in others if other is not None and not other.client.gone.is_set()]
    talking = [asyncio.create_task(_talk(other, visit.person)) for other in there[:3]]
    await asyncio.sleep(visit.chance.uniform(0, 0.002))
    await log_out(visit)
    await asyncio.gather(*talking)


async def _talk(visit: Visit, to: Person) -> None:
    try:
        for number in range(3):
            await visit.says(to.jid, to.name, [f"wait, {number}, {each}" for each in range(8)])
    except (Ended, Ignored):
        return
    except Silent as silent:
        visit.scene.tally.fault(str(silent))


@end(5)
async def send_bad_input(visit: Visit) -> None:
    what, data, expected = visit.chance.choice(FATAL)
    visit.scene.tally.acts[f"bad input of a user: {what}"] += 1
    with suppress(Ended):
        await visit.client.tells(data)
    await _is_ended(visit, visit.client, expected)


@end(3)
async def be_replaced(visit: Visit) -> None:
    """By another client that wants the same resource, and stays no longer."""
    replaced = visit.client
    successor = await visit.arrives()
    await _is_ended(visit, replaced, "conflict")
    if successor is not None:
        await log_out(visit)


async def _is_ended(visit: Visit, client: Client, expected: str) -> None:
    """Waits for the server to end the stream with this error."""
    await client.ended()
    if client.error not in (expected, *SENT_AWAY):
        visit.scene.tally.fault(f"{client.full_jid} was ended: {client.error!r}, not {expected}")


# -- without a word


@end(5)
async def close_the_connection(visit: Visit) -> None:
    await _cut(visit, reset=False)


@end(10)
async def reset_the_connection(visit: Visit) -> None:
    await _cut(visit)


@end(5)
async def stop_reading_and_reset(visit: Visit) -> None:
    """What is delivered meanwhile is lost."""
    visit.client.stops_reading()
    await visit.scene.pause(visit.chance.uniform(0.2, 2))
    await _cut(visit)


@end(5)
async def reset_after_messages(visit: Visit) -> None:
    to = visit.chance.choice(visit.person.circle)
    await visit.writes(f"{to}@localhost", to, [f"last words {n}" for n in range(visit.chance.randrange(1, 6))])
    await _cut(visit)


@end(15)
async def reset_in_a_stanza(visit: Visit) -> None:
    to = visit.chance.choice(visit.person.circle)
    half = visit.enters(f"{to}@localhost", to, "half of what I wanted to say", whole=False)
    text = "half of what I wan"[: visit.chance.randrange(18)]
    await visit.client.tells(f"<message to='{half.to}' id='{half.id}'><body>{text}")
    await _cut(visit)


async def _cut(visit: Visit, *, reset: bool = True) -> None:
    visit.client.closes(reset=reset)
    await visit.client.ended()
