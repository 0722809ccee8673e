"""The clients of each account of one domain: what is known of them, and by what they log in (XEP-0484, XEP-0494)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator
from typing import Literal
from weakref import WeakValueDictionary

import msgspec
from gevent.lock import BoundedSemaphore

from actors.accounts import Accounts
from actors.storage import Map, Storage
from net.xmpp.jid import JID


class Token(msgspec.Struct, frozen=True):
    """What a client was given to log in by, for one mechanism, in one epoch of the account. Times in UTC seconds.

    `count`: the highest that it has come with.
    """

    secret: str
    mechanism: str
    issued: float
    expires: float
    epoch: str
    count: int = 0

    @classmethod
    def new(cls, mechanism: str, epoch: str, now: float, seconds: float) -> Token:
        """One that nobody can guess (RFC 8959)."""
        return cls(f"secret-token:{secrets.token_urlsafe(32)}", mechanism, now, now + seconds, epoch)

    def is_good(self, epoch: str, now: float) -> bool:
        """Whether it opens the account, whose epoch this is."""
        return self.epoch == epoch and self.expires > now

    def __repr__(self) -> str:
        return f"Token({self.mechanism})"


class Proved(msgspec.Struct, frozen=True):
    """By what else than a token a client has logged in, and in which epoch of the account."""

    by: Literal["password", "certificate"]
    epoch: str


class Client(msgspec.Struct, frozen=True):
    """A client, by what it says of itself. `new` takes the place of `current` once it is used (XEP-0484 §5.1)."""

    first_seen: float
    last_seen: float
    software: str = ""
    device: str = ""
    proved: Proved | None = None
    current: Token | None = None
    new: Token | None = None

    def ways(self, epoch: str, now: float) -> list[str]:
        """By what it can log in, in this epoch of the account: "password" or "certificate", "token"."""
        ways: list[str] = [self.proved.by] if self.proved is not None and self.proved.epoch == epoch else []
        by_token = any(token is not None and token.is_good(epoch, now) for token in (self.current, self.new))
        return [*ways, "token"] if by_token else ways


# When a client was seen last is noted so often, in seconds.
SEEN_EVERY = 3600.0

# What is made of a client in this epoch of the account; None forgets it.
Change = Callable[[Client, str], Client | None]


class Clients:
    """The clients of `accounts`, by the ids of their user agents. `most`: how many are remembered of one account."""

    def __init__(self, accounts: Accounts, storage: Storage, *, most: int) -> None:
        self.most = most
        self._accounts = accounts
        self._store: Map[Client] = storage.store("clients", Map, of=Client)
        self._turns: WeakValueDictionary[JID, BoundedSemaphore] = WeakValueDictionary()

    def of(self, jid: JID) -> dict[str, Client]:
        """All that are remembered of this account."""
        return self._store.items(jid)

    def owners(self) -> Iterator[str]:
        """The bare JIDs of the accounts of which any are remembered."""
        return self._store.owners(suffix=f"@{self._accounts.domain}")

    def knows(self, jid: JID, id: str) -> bool:
        """Whether this one is remembered."""
        return self._store.get(jid, id) is not None

    def shown(self, jid: JID, id: str) -> str:
        """The name of a client for people and other clients: the id itself is part of what it logs in by."""
        return self._accounts.pseudonym("client", f"{jid}\0{id}")

    def change(self, jid: JID, id: str, now: float, change: Change, *, anew: bool, epoch: str | None = None) -> None:
        """Puts what `change` makes of a client that has logged in in its place. The account's others wait meanwhile.

        `anew`: one that is not known is seen for the first time; with too many of them the one that has not been seen
        for the longest time goes. Otherwise nothing is done for one that is not known, which may just have lost its
        access. Nor is anything without an account, or if it is not in this `epoch` any more, in which the client has
        logged in. `change` may raise: then nothing is changed.
        """
        with self._turn(jid):
            account = self._accounts.find(jid)
            known = self._store.get(jid, id)
            if account is None or (known is None and not anew) or epoch not in (None, account.epoch):
                return
            after = change(_seen(known, now), account.epoch)
            if known is None and after is not None:
                self._store.change(jid, {**self._surplus(jid), id: after})
            elif after != known:
                self._store.put(jid, id, after)

    def _surplus(self, jid: JID) -> dict[str, None]:
        others = self._store.items(jid)
        oldest = sorted(others, key=lambda other: others[other].last_seen)
        return dict.fromkeys(oldest[: max(0, len(others) - self.most + 1)])

    def forget(self, jid: JID, ids: Collection[str]) -> None:
        """Forgets these, with all that they could log in by."""
        with self._turn(jid):
            self._store.change(jid, dict.fromkeys(ids))

    def _turn(self, jid: JID) -> BoundedSemaphore:
        return self._turns.setdefault(jid, BoundedSemaphore())


def _seen(known: Client | None, now: float) -> Client:
    if known is None:
        return Client(now, now)
    return msgspec.structs.replace(known, last_seen=now) if now - known.last_seen >= SEEN_EVERY else known
