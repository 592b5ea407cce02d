"""The table of drafts: what somebody has begun to fill in and has not sent in yet.

What was filled in is sealed under a key that lies in the row: whoever takes a draft away takes its key.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Uuid,
)

from onenet.store.tables import Timestamp, metadata

draft = Table(
    "draft",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("client", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("bundle", String(64), nullable=False),
    Column("jurisdiction", String(64), nullable=False),
    # Where it is handed in; NULL: where it is handled.
    Column("receiving", String(64)),
    # How often it was saved.
    Column("version", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    # Since when it is being sent in; it is looked at again when that must be settled.
    Column("sent_at", Timestamp),
    PrimaryKeyConstraint("lane", "id"),
    Index("ix_draft_of_subject", "client", "subject", "updated_at"),
    Index("ix_draft_expiry", "expires_at"),
    Index("ix_draft_sent", "sent_at"),
)
