"""The tables of erasure: which cases are to be erased or were, and which must not be.

They outlive what a person said; why a case is held back is in somebody's words, and sealed.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from onenet.store.schema import of_case, to_case
from onenet.store.tables import Timestamp, metadata

erasure = Table(
    "erasure",
    metadata,
    *of_case(),
    Column("basis", String(200), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("decided_at", Timestamp, nullable=False),
    Column("erased_at", Timestamp),
    # How much was known to hang on a case when it was done; 0: it is not done, or a process of before did it.
    Column("revision", SmallInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("lane", "case_id"),
    to_case(),
    Index(None, "revision"),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    *of_case(),
    Column("placed_at", Timestamp, nullable=False),
    Column("placed_by", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", Timestamp),
    Column("lifted_by", String(255)),
    PrimaryKeyConstraint("lane", "case_id", "placed_at"),
    to_case(),
)
