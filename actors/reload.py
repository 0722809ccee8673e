"""What differs between two configurations, and which differences a server that runs can adopt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from actors.config import Config
from net.tls import Identities

# What is open and in use.
FROZEN = ("data_dir", "storage.", "log.format")


class CannotReload(Exception):
    """The new configuration cannot be adopted. The text says why."""


def frozen(old: Config, new: Config) -> list[str]:
    """The options, by their dotted names, that have changed and cannot while the server runs."""
    return [name for name, _, _ in _differences(old, new) if name.startswith(FROZEN)]


def changes(old: Config, new: Config) -> list[str]:
    """What has changed, a line for each option and each domain."""
    return [_line(*difference) for difference in _differences(old, new)]


def changes_of_certificates(old: Identities, new: Identities, domains: Iterable[str]) -> list[str]:
    """A line for each of these domains that will be shown another certificate than before."""
    lines = []
    for domain in domains:
        before, after = old.named(domain) or old.default, new.named(domain) or new.default
        if before.fingerprint != after.fingerprint:
            lines.append(f"certificate of {domain}: another one, good until {after.not_after:%Y-%m-%d}")
    return lines


def _line(name: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{name} added"
    if new is None:
        return f"{name} removed"
    return f"{name} = {_plain(new)}, was {_plain(old)}"


def _plain(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _differences(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The dotted names of the options that are not equal, with both values; None for a domain that is not there."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), f'{name}."{key}"')
    elif isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
        for field in new.__struct_fields__:
            inner = f"{name}.{field}" if name else field
            yield from _differences(getattr(old, field), getattr(new, field), inner)
    else:
        yield name, old, new
