"""The tables of erasure: which cases are to be erased or were, and which must not be.

They outlive what a person said; why a case is held back is in somebody's words, and sealed.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    text,
)

from onenet.store.tables import Timestamp, metadata

_TO_CASE = ["cases.lane", "cases.id"]

erasure = Table(
    "erasure",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("basis", String(200), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("decided_at", Timestamp, nullable=False),
    Column("erased_at", Timestamp),
    PrimaryKeyConstraint("lane", "case_id"),
    ForeignKeyConstraint(["lane", "case_id"], _TO_CASE),
    # Few rows: what is decided and not done.
    Index(
        "ix_erasure_open",
        "lane",
        "case_id",
        postgresql_where=text("erased_at IS NULL"),
        sqlite_where=text("erased_at IS NULL"),
    ),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("placed_at", Timestamp, nullable=False),
    Column("placed_by", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", Timestamp),
    Column("lifted_by", String(255)),
    PrimaryKeyConstraint("lane", "case_id", "placed_at"),
    ForeignKeyConstraint(["lane", "case_id"], _TO_CASE),
)
