"""The tables of hotline tickets: what lists, supervision and figures go by. All words stand in the case.

A row tells which unit had which part when, and how it ended: that outlives what was said in the case.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, SmallInteger, String, Table

from onenet.domain.tickets import TicketState, UnitState
from onenet.store.schema import metadata, of_case, to_case


def _one_of(column: str, words: type[TicketState] | type[UnitState]) -> CheckConstraint:
    known = ", ".join(repr(word.value) for word in words)
    return CheckConstraint(f"{column} IN ({known})", name=f"{column}_known")


ticket = Table(
    "ticket",
    metadata,
    *of_case(),
    Column("state", String(16), nullable=False),
    Column("about", String(16), nullable=False),
    Column("rounds", SmallInteger, nullable=False),
    PrimaryKeyConstraint("lane", "case_id"),
    to_case(),
    _one_of("state", TicketState),
    Index(None, "state"),
)

ticket_unit = Table(
    "ticket_unit",
    metadata,
    *of_case(),
    Column("round", SmallInteger, nullable=False),
    # Its place in the round: a department that returned a ticket and got it again has two.
    Column("number", SmallInteger, nullable=False),
    Column("department", String(64), nullable=False),
    Column("part", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    # The local day.
    Column("assigned_on", String(10), nullable=False),
    Column("is_late", SmallInteger, nullable=False),
    # What the citizen said of the lead's answer; NULL: nobody was asked.
    Column("is_solved", SmallInteger),
    Column("is_satisfied", SmallInteger),
    PrimaryKeyConstraint("lane", "case_id", "round", "number"),
    to_case(),
    _one_of("state", UnitState),
    Index(None, "department", "state"),
    Index(None, "assigned_on", "department"),
)
