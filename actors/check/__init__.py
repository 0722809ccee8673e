"""Whether a server can do its work where it is: everything that an operator can get wrong, looked at.

`gathering` looks, and makes `facts` of it; `ports`, `certificates`, `machine` and `records` judge these, and are pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from actors.check import certificates, machine, ports, records
from actors.check.facts import Facts
from actors.check.findings import Finding
from actors.check.gathering import gather
from actors.config import Config
from net.dns import Resolver

if TYPE_CHECKING:
    from actors.server import Server

__all__ = ["Facts", "Finding", "Report", "check", "judge"]


class Report(msgspec.Struct, frozen=True):
    """What was found, and the lines that the zone files of the domains should have."""

    findings: list[Finding]
    lines: list[str]


def check(config: Config, resolver: Resolver, server: Server | None = None) -> Report:
    """Looks at a server of this configuration; `server` is the one that runs, None when none does."""
    return judge(gather(config, server, resolver))


def judge(facts: Facts) -> Report:
    """What the facts mean."""
    return Report(list(_findings(facts)), [line for each in facts.records for line in records.zone(each)])


def _findings(facts: Facts) -> Iterator[Finding]:
    yield from _configuration(facts)
    yield from ports.judge(facts.ports, running=facts.pid is not None)
    for certificate in facts.certificates:
        yield from certificates.judge(certificate, facts.now)
    yield from machine.judge_folder(facts.folder)
    yield machine.judge_storage(facts.storage)
    yield machine.judge_files(facts.files)
    for each in facts.records:
        yield from records.judge(each)


def _configuration(facts: Facts) -> Iterator[Finding]:
    if facts.pid is None:
        yield Finding("server", "ok", "not running")
        yield Finding("configuration", "ok", "valid")
        return
    yield Finding("server", "ok", f"running, process {facts.pid}")
    if facts.unreadable:
        yield Finding("configuration", "error", f"the server goes by what it read before; now: {facts.unreadable}")
    elif facts.pending:
        text = f"changed, but not yet in force ({'; '.join(facts.pending)}): parleyctl reload"
        yield Finding("configuration", "warning", text)
    else:
        yield Finding("configuration", "ok", "valid, and in force")
