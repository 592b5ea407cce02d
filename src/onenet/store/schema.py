"""The schema that the tables belong to: one metadata, names of constraints, and what many tables say alike.

Apart from the tables, so that they can lie in several modules; `tables` has all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    MetaData,
    SmallInteger,
    TextClause,
    Uuid,
)
from sqlalchemy.types import TypeDecorator


class Timestamp(TypeDecorator[datetime]):
    """A moment in UTC, aware on every engine (SQLite itself forgets the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses a naive time, which would mean something else on each engine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Gives the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


def of_case() -> list[Any]:
    """The columns that tie a row to its case."""
    return [
        Column("lane", SmallInteger, nullable=False),
        Column("case_id", Uuid, nullable=False),
    ]


def to_case() -> ForeignKeyConstraint:
    """That there is such a case."""
    return ForeignKeyConstraint(["lane", "case_id"], ["cases.lane", "cases.id"])


def only(condition: TextClause) -> dict[str, Any]:
    """The rows that an index holds, the others being many and never looked for by it."""
    return {"postgresql_where": condition, "sqlite_where": condition}
