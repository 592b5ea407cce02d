"""`among`: the rows whose key of several columns is one of many, found by index on every engine.

SQLite looks `(a, b) IN ((1, 2), (3, 4))` up in no index and reads the whole table; `(a = 1 AND b = 2) OR ...`
is one search for each key there, and the same as the list on PostgreSQL (tests/store/test_plans.py).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_

MOST_KEYS = 256
"""More of them at once come near the depth that SQLite allows an expression."""


def among(
    statement: Select[Any], columns: tuple[ColumnElement[Any], ...], keys: Sequence[tuple[Any, ...]]
) -> tuple[Select[Any], dict[str, Any]]:
    """The statement for rows whose `columns` are one of the keys (1 to 256 of them), and its parameters."""
    size = 1 << (len(keys) - 1).bit_length()
    padded = [*keys, *[keys[-1]] * (size - len(keys))]
    parameters = {
        f"{column.key}_{number}": value
        for number, key in enumerate(padded)
        for column, value in zip(columns, key, strict=True)
    }
    return _sized(statement, columns, size), parameters


@functools.cache
def _sized(statement: Select[Any], columns: tuple[ColumnElement[Any], ...], size: int) -> Select[Any]:
    """Sizes are powers of two, so that a statement is built and compiled nine times at most, not 256."""
    return statement.where(
        or_(
            *(
                and_(*(column == bindparam(f"{column.key}_{number}") for column in columns))
                for number in range(size)
            )
        )
    )
