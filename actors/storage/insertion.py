"""Rows go into a table many at a time, by statements whose texts stay the same.

A text made anew for each number of rows takes longer to compile than what it inserts; and a statement for each row
would give the interpreter lock away at each of them. So there is one for 256 rows, one for 128, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, bindparam
from sqlalchemy.types import TypeEngine

SIZES = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement. SQLite takes 32,766 parameters, PostgreSQL 65,535."""


class Insertion:
    """`statement` for rows, each a tuple of the table's columns in their order.

    `dialect` is one whose parameters have places and no names. `exact` says by the type of a column what makes its
    values what the driver likes best; those of other columns it is given as they are.
    """

    is_select = False

    def __init__(
        self,
        statement: Insert,
        dialect: Dialect,
        exact: Mapping[type[TypeEngine[Any]], Callable[[Any], Any]] = MappingProxyType({}),
    ) -> None:
        self._statement = statement
        self._dialect = dialect
        columns = statement.table.columns
        self._exact = [
            (slice(place, None, len(columns)), exact[type(column.type)])
            for place, column in enumerate(columns)
            if type(column.type) in exact
        ]
        self._text = cache(self._compiled)

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Inserts them all. Raises what SQLAlchemy raises."""
        begin = 0
        for size in SIZES:
            while len(rows) - begin >= size:
                values = [*chain.from_iterable(rows[begin : begin + size])]
                for column, convert in self._exact:
                    values[column] = map(convert, values[column])
                connection.exec_driver_sql(self._text(size), tuple(values))
                begin += size

    def _compiled(self, size: int) -> str:
        columns = self._statement.table.columns
        row = [[bindparam(None, type_=column.type, unique=True) for column in columns] for _ in range(size)]
        return str(self._statement.values(row).compile(dialect=self._dialect))
