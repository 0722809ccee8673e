"""docs/rfc.md: what it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.world import World

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "rfc.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)))


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_that_the_table_names_exists(file: str, name: str) -> None:
    assert name in names_in(file)


def test_each_row_names_a_test_or_says_why_there_is_none() -> None:
    rows = [row for row in TABLE.splitlines() if re.match(r"\| [a-z]+-", row)]
    assert len(rows) > 70
    assert [row for row in rows if "::test_" not in row and "| not yet: " not in row] == []
    names = [row.split("|")[1].strip() for row in rows]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("asked", ["", " xml:lang='de'"])
def test_the_answer_says_in_which_language_the_server_speaks(asked: str) -> None:
    client = World().wire()
    stream = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    client.says(f"<stream:stream to='localhost' version='1.0' {stream}{asked}>")
    assert ' xml:lang="en"' in client.raw.partition("<stream:features>")[0]
