"""What a user has said and been told in the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.bench import users

PEERS = 20
"""With so many others a user has talked, in turn."""

EVERY = 10.0
"""Seconds from one message to the next."""

RESOURCE = "bench"

BODY = "It was the lark, the herald of the morn, no nightingale: look, love, what envious streaks."


class Remembered(NamedTuple):
    """One message in an archive: whose that is, when it was said (UTC seconds), with which bare JID and resource."""

    owner: str
    when: float
    peer: str
    resource: str
    xml: str


def peer(number: int) -> str:
    """The bare JID of one of those whom all users have talked with."""
    return f"peer{number % PEERS:02}@{users.DOMAIN}"


def remembered(user: int, count: int, now: float) -> Iterator[Remembered]:
    """So many messages of a user's, oldest first, the last of them a moment before `now`."""
    owner = users.jid(user)
    for number in range(count):
        other = peer(number)
        to, from_ = (owner, f"{other}/{RESOURCE}") if number % 2 else (other, f"{owner}/{RESOURCE}")
        resource = RESOURCE if number % 2 else ""
        head = f'<message to="{to}" from="{from_}" id="m{number}" type="chat">'
        yield Remembered(owner, now - EVERY * (count - number), other, resource, f"{head}<body>{BODY}</body></message>")
