"""The protocol's own words: every short text that the code compares with or sends."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_WORD = re.compile(r"[!-;=?-~]{2,60}")


@cache
def words() -> tuple[bytes, ...]:
    """In alphabetical order, from the sources of the protocol and of the actors, so that a new XEP brings its own."""
    sources = (path for folder in ("net/xmpp", "actors") for path in (PROJECT / folder).rglob("*.py"))
    trees = (ast.parse(path.read_text("utf-8")) for path in sources)
    texts = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    # An f-string like f"{{{NAMESPACE}}}item" leaves "}item".
    found = (text.strip("{}") for text in texts if isinstance(text, str) and _WORD.fullmatch(text))
    return tuple(sorted({word.encode() for word in found if word}))
