"""Token buckets: how much may come at once, and how fast after that. Pure: the clock is passed in.

A bucket is one number, the time at which it is full again; so a connection at rest pays 24 bytes for one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv6Network

# A bucket that nobody has touched yet: it has been full for ever.
FULL = float("-inf")

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many tokens in a second, and as many as come in `burst` seconds at once."""

    per_second: float
    burst: float

    def take(self, bucket: float, amount: float, now: float) -> float:
        """The bucket after `amount` tokens are taken at `now`. It goes into debt if need be: see `debt`."""
        return max(bucket, now) + amount / self.per_second

    def debt(self, bucket: float, now: float) -> float:
        """Seconds until there is something in it again; 0 if there is now."""
        return max(0.0, bucket - now - self.burst)


class Throttle:
    """A bucket for each key, all of the same rate. Beyond `size`, those least recently used are forgotten."""

    def __init__(self, rate: Rate, *, size: int = 100_000) -> None:
        self._rate = rate
        self._size = size
        self._buckets: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, now: float) -> bool:
        """Takes one token of the key's. False, and none is taken, if there is none."""
        self._forget(now)
        bucket = self._buckets.get(key, FULL)
        if self._rate.debt(bucket, now) > 1 / self._rate.per_second:
            bucket = FULL  # the clock has been set back: nobody is to wait for it to come round again
        taken = self._rate.take(bucket, 1, now)
        if self._rate.debt(taken, now) > 0.1 / self._rate.per_second:  # a tenth of a token: floats are not exact
            return False
        self._buckets[key] = taken
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._size:
            self._buckets.popitem(last=False)
        return True

    def give_back(self, key: Hashable) -> None:
        """Undoes a `take`."""
        if key in self._buckets:
            self._buckets[key] -= 1 / self._rate.per_second

    def _forget(self, now: float) -> None:
        """Lets go of buckets that are full; the longest untouched ones are looked at first."""
        while self._buckets:
            key, bucket = next(iter(self._buckets.items()))
            if bucket > now:
                return
            del self._buckets[key]

    def __len__(self) -> int:
        return len(self._buckets)


class Crowd:
    """Connections by the address they come from: so many of each, begun or there; fewer of those not logged in."""

    def __init__(self, *, most: int, most_half_open: int) -> None:
        self._addresses: dict[str, _Address] = {}
        self.limit(most=most, most_half_open=most_half_open)

    def limit(self, *, most: int, most_half_open: int) -> None:
        """From now on: `most` connections of each address at once, and begun in a minute; so many of them half open."""
        self._most = most
        self._most_half_open = most_half_open
        self._begun = Throttle(Rate(most / MINUTE, MINUTE))

    def enter(self, peer: str, now: float) -> Guest | None:
        """A place for one more connection of this "address:port"; None if its address has had enough of them."""
        name = origin(peer)
        address = self._addresses.get(name)
        if address is not None and (address.connections >= self._most or address.half_open >= self._most_half_open):
            return None
        if not self._begun.take(name, now):
            return None
        if address is None:
            address = self._addresses[name] = _Address(name)
        return Guest(self, address)

    def _forget(self, address: _Address) -> None:
        del self._addresses[address.name]

    def __len__(self) -> int:
        """How many addresses there are connections from."""
        return len(self._addresses)


class _Address:
    __slots__ = ("connections", "half_open", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections = self.half_open = 0


class Guest:
    """One connection's place in the crowd: half open until it is `known`, and taken until it `leaves`."""

    __slots__ = ("_address", "_crowd", "_half_open")

    def __init__(self, crowd: Crowd, address: _Address) -> None:
        self._crowd = crowd
        self._address = address
        self._half_open = True
        address.connections += 1
        address.half_open += 1

    def known(self) -> None:
        """Its user has logged in."""
        if self._half_open:
            self._half_open = False
            self._address.half_open -= 1

    def leaves(self) -> None:
        """The connection is gone. Once."""
        self.known()
        self._address.connections -= 1
        if not self._address.connections:
            self._crowd._forget(self._address)


def origin(peer: str) -> str:
    """Who is to be taken for one and the same behind an "address:port": an IPv4 address, an IPv6 network of 64 bits.

    A provider gives every customer such a network (RFC 6177), and with it addresses without end.
    """
    host = peer.rpartition(":")[0] or peer
    if not host.startswith("["):
        return host
    return str(IPv6Network((host[1:-1].partition("%")[0], 64), strict=False))
