"""The table of ratings: what lists and figures go by. Who gave one and what was said stands in its case.

A row tells no more of the case than a figure does, and outlives what was said in it.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, SmallInteger, String, Table, Uuid

from onenet.domain.ratings import RatingState
from onenet.store.schema import Timestamp, metadata, of_case, to_case

rating = Table(
    "rating",
    metadata,
    *of_case(),
    Column("stage", String(16), nullable=False),
    Column("id", Uuid, nullable=False),
    Column("jurisdiction", String(64), nullable=False),
    Column("bundle", String(64), nullable=False),
    # The item that it speaks of; NULL: the case as a whole.
    Column("item", String(64)),
    Column("department", String(64), nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("is_named", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    # The local day: the moment would tell a department who stood behind a rating without a name.
    Column("rated_on", String(10), nullable=False),
    Column("due_at", Timestamp),
    PrimaryKeyConstraint("lane", "case_id", "stage"),
    to_case(),
    CheckConstraint("level BETWEEN 1 AND 5", name="level_known"),
    CheckConstraint(
        f"state IN ({', '.join(repr(state.value) for state in RatingState)})", name="state_known"
    ),
    Index(None, "id"),
    Index(None, "rated_on", "id"),
)
