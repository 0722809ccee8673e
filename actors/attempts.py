"""Attempts to log in to one domain, by where they come from and whose account it is to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.limits import Rate, Throttle, origin

if TYPE_CHECKING:
    from actors.config import Limits

HOUR = 3600.0

# So many pairs of address and account are remembered for having gone together.
MOST_FAMILIAR = 100_000


class Attempts:
    """How many more there may be. What fails counts; what has begun counts until it succeeds.

    An account from an address that it has lately logged in from is not held up by what others try elsewhere: to lock
    people out of their accounts takes no password. Everything is kept by its hash, as names may be long.
    """

    def __init__(self, limits: Limits) -> None:
        self._addresses = Throttle(Rate(limits.failed_logins_per_address / HOUR, HOUR))
        self._accounts = Throttle(Rate(limits.failed_logins_per_account / HOUR, HOUR))
        self._familiar: dict[int, None] = {}  # the longest unused first

    def begin(self, peer: str, account: str, now: float) -> bool:
        """Whether the peer ("address:port") may try to be this account, which need not exist."""
        address = origin(peer)
        if not self._addresses.take(address, now):
            return False
        return hash((address, account)) in self._familiar or self._accounts.take(hash(account), now)

    def succeeded(self, peer: str, account: str) -> None:
        """What has begun ends with a login."""
        address = origin(peer)
        pair = hash((address, account))
        self._addresses.give_back(address)
        if pair in self._familiar:
            del self._familiar[pair]
        else:
            self._accounts.give_back(hash(account))
            if len(self._familiar) >= MOST_FAMILIAR:
                del self._familiar[next(iter(self._familiar))]
        self._familiar[pair] = None
