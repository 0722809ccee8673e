"""docs/options.md, made from what can be configured: `python -m actors.optiontable` writes it.

What an option may be comes from the configuration itself; its default and why it is there from `etc/parley.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from actors.config import PROJECT, Config, HostOptions
from actors.config.options import Hosts
from actors.config.reader import expected
from actors.hooks import Feature, discover

PATH = PROJECT / "docs" / "options.md"
DOCUMENTED = PROJECT / "etc" / "parley.toml"

HEAD = """\
# Options

Made by `python -m actors.optiontable` from `etc/parley.toml` and the ranges in `actors/config/options.py`. Of an option
with `"DOMAIN"` in its name there is one for each domain. `--set 'OPTION=VALUE'` sets it for one run.

| Option | What it may be | Default | Why |
| --- | --- | --- | --- |
"""


def table(features: Mapping[str, type[Feature]], documented: str) -> str:
    """The page for these features and this text of `etc/parley.toml`, in Markdown: a line for each option.

    Raises KeyError for an option that the text does not have.
    """
    said = dict(_documented(documented))
    return HEAD + "".join(
        f"| `{key}` | {expected(msgspec.inspect.type_info(kind))} | `{said[key][0]}` | {said[key][1]} |\n"
        for key, kind in options(features)
    )


def options(features: Mapping[str, type[Feature]]) -> Iterator[tuple[str, Any]]:
    """The dotted name of each option there is, and its type."""
    yield from _options(Config, "")
    for name, feature in features.items():
        if feature.Options is not None:
            yield from _options(feature.Options, f"xeps.{name}.")


def _options(struct: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(struct):
        name = prefix + field.encode_name
        if field.type == Hosts:
            yield from _options(HostOptions, f'{name}."DOMAIN".')
        elif isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _options(field.type, f"{name}.")
        else:
            yield name, field.type


def _documented(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each option in a TOML file by its dotted name: the value as it is written, and the comment right above it."""
    prefix, comment = "", ""
    for line in text.splitlines():
        if line.startswith("#"):
            comment = f"{comment} {line[1:].strip()}".lstrip()
            continue
        if line.startswith("["):
            prefix = line.strip("[]").replace("hosts.localhost", 'hosts."DOMAIN"') + "."
        elif line:
            name, _, value = line.partition(" = ")
            yield prefix + name, (value, comment)
        comment = ""


if __name__ == "__main__":
    PATH.write_text(table(discover(), DOCUMENTED.read_text("utf-8")), "utf-8")
