"""How endpoints fare: one row for each that was ever called. Apart from `endpoint`, which commits watch."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Uuid,
)

from onenet.domain.breaker import BreakerState
from onenet.store.schema import Timestamp, metadata

_WORDS = ", ".join(f"'{state.value}'" for state in BreakerState)

endpoint_health = Table(
    "endpoint_health",
    metadata,
    Column("endpoint_id", Uuid, nullable=False),
    # Raised by every change but that of the tokens: who changes a row says which one it read.
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("in_a_row", Integer, nullable=False),
    Column("recent", Text, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("opened_at", Timestamp),
    Column("retry_at", Timestamp),
    Column("answered", Integer, nullable=False),
    Column("probe_token", Uuid),
    Column("probe_until", Timestamp),
    Column("alerts", Integer, nullable=False),
    # Until when it asked to be left alone.
    Column("rest_until", Timestamp),
    # How long its last few hundred answers took: how many were in each class of `domain.answer_times`.
    Column("answer_times", Text, nullable=False),
    Column("tokens", Float),
    Column("tokens_at", Timestamp),
    PrimaryKeyConstraint("endpoint_id"),
    ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], ondelete="CASCADE"),
    CheckConstraint(f"state IN ({_WORDS})", name="state_known"),
    CheckConstraint("(state = 'closed') = (opened_at IS NULL)", name="open_says_since_when"),
)
