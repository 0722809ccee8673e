"""docs/xeps.md, made from what the features declare: `python -m actors.xeptable` writes it."""

from __future__ import annotations

from collections.abc import Mapping

from actors.config import PROJECT
from actors.hooks import Feature, discover

PATH = PROJECT / "docs" / "xeps.md"

HEAD = """\
# Supported XEPs

Made by `python -m actors.xeptable` from the declarations in `actors/xeps/`. A feature is turned off by its name in
`disabled` under `[xeps]` in `etc/parley.toml`.

| XEP | Title | Version | Feature |
| --- | --- | --- | --- |
"""


def table(features: Mapping[str, type[Feature]]) -> str:
    """The page for these features, in Markdown: a line for each specification, by number."""
    lines = sorted((*xep, name) for name, feature in features.items() for xep in feature.implements)
    return HEAD + "".join(
        f"| [{number:04}](https://xmpp.org/extensions/xep-{number:04}.html) | {title} | {version} | `{name}` |\n"
        for number, version, title, name in lines
    )


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(table(discover()), "utf-8")
