"""What DNS says of a domain: the services it names (RFC 2782), and the addresses of a host."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import dns.exception
import dns.nameserver
import dns.resolver


class CannotAsk(Exception):
    """No name server has given an answer. The text says why, in a few words."""


class Service(NamedTuple):
    """One SRV record. `target` is a host's name without the dot at its end; "" says that there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


class Resolver:
    """Asks the name servers of this machine, or `servers` (address and port), for `seconds` from the first question on.

    Names are A-labels. What does not exist is an empty answer. Raises CannotAsk.
    """

    def __init__(self, servers: Sequence[tuple[str, int]] = (), *, seconds: float = 5.0) -> None:
        self._servers = servers
        self._seconds = seconds

    def services(self, name: str) -> list[Service]:
        """The SRV records of "_service._proto.domain", those to try first at the beginning."""
        found = (
            Service(record.priority, record.weight, record.port, record.target.to_text(omit_final_dot=True).rstrip("."))
            for record in self._ask(name, "SRV")
        )
        return sorted(found, key=lambda service: (service.priority, -service.weight))

    def addresses(self, host: str) -> list[str]:
        """The IPv6 addresses of a host, then those of IPv4."""
        return [record.address for kind in ("AAAA", "A") for record in self._ask(host, kind)]

    @cached_property
    def _deadline(self) -> float:
        return time.monotonic() + self._seconds

    @cached_property
    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in self._servers]
        return resolver

    def _ask(self, name: str, kind: str) -> list[Any]:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise CannotAsk("no name server has answered in time")
        try:
            answer = self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, lifetime=left)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.Timeout:
            raise CannotAsk("no name server has answered in time") from None
        except (dns.exception.DNSException, OSError) as error:
            raise CannotAsk(str(error).partition("\n")[0]) from error
        return list(answer.rrset or ())
