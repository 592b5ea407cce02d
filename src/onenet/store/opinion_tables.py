"""The table of opinions asked: what the lists of those who were asked go by. What was asked, put and said
stands sealed in the step.
"""

from __future__ import annotations

from typing import get_args

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, String, Table, Uuid

from onenet.domain.procedures import OpinionState
from onenet.store.schema import Timestamp, metadata, of_case, to_case

opinion = Table(
    "opinion",
    metadata,
    *of_case(),
    Column("id", Uuid, nullable=False),
    Column("step", String(64), nullable=False),
    # The one that is asked, not that of the step.
    Column("department", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("due_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("lane", "case_id", "id"),
    to_case(),
    CheckConstraint(f"state IN ({', '.join(map(repr, get_args(OpinionState)))})", name="state_known"),
    Index(None, "id"),
    Index(None, "department", "state", "due_at", "id"),
)
