"""Finding entries by words: SQLite by FTS5, PostgreSQL by text search vectors."""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class Matches(ColumnElement[bool]):
    """The condition that a row of `sought` has all of the words in the parameter `words`."""

    inherit_cache = True
    type = Boolean()

    def __init__(self) -> None:
        self.words: BindParameter[str] = bindparam("words")


@compiles(Matches, "sqlite")
def _in_sqlite(matches: Matches, compiler: SQLCompiler, **options: Any) -> str:
    words = compiler.process(matches.words, **options)
    return f"sought.number IN (SELECT rowid FROM sought_words WHERE sought_words MATCH {words})"  # noqa: S608 - a parameter


@compiles(Matches, "postgresql")
def _in_postgresql(matches: Matches, compiler: SQLCompiler, **options: Any) -> str:
    words = compiler.process(matches.words, **options)
    return f"to_tsvector('simple', sought.words) @@ plainto_tsquery('simple', {words})"


def mark(store: int, owner: str) -> str:
    """A word that all of the owner's entries have and no others, so that nobody's search goes through everybody's."""
    return "o" + blake2b(f"{store} {owner}".encode(), digest_size=12).hexdigest()


def wanted(store: int, owner: str, words: Collection[str]) -> str:
    """What `Matches` takes: for FTS5 each word is a string, and PostgreSQL does not mind the quotes."""
    return " ".join(f'"{word}"' for word in (mark(store, owner), *words))


def known(store: int, owner: str, words: Collection[str]) -> str:
    """What is put into `sought.words`."""
    return " ".join((mark(store, owner), *words))
