"""The tables of documents. A document has a lane of its own: it is there before any case is.

Names, checksums and keys are sealed: a row tells whose it is, how large, and what becomes of it.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    text,
)

from onenet.store.schema import only
from onenet.store.tables import Timestamp, metadata

document = Table(
    "document",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("client", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("about", LargeBinary, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("object", String(80), nullable=False),
    Column("state", String(16), nullable=False),
    Column("finding", String(200)),
    Column("case_id", Uuid),
    Column("tries", SmallInteger, nullable=False),
    Column("scan_at", Timestamp),
    Column("check_at", Timestamp),
    Column("created_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("lane", "id"),
    CheckConstraint("state IN ('storing', 'scanning', 'clean', 'infected', 'unscanned')", name="state_known"),
    CheckConstraint("(scan_at IS NOT NULL) = (state = 'scanning')", name="scan_while_scanning"),
    Index("ix_document_of_subject", "client", "subject", "created_at"),
    Index(None, "case_id"),
    Index(
        "ix_document_to_scan",
        "lane",
        "scan_at",
        **only(text("scan_at IS NOT NULL")),
    ),
    Index(
        "ix_document_to_check",
        "lane",
        "check_at",
        **only(text("check_at IS NOT NULL")),
    ),
)

document_upload = Table(
    "document_upload",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("client", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("received_bytes", Integer, nullable=False),
    Column("about", LargeBinary, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("pieces", Text, nullable=False),
    Column("document_id", Uuid),
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("lane", "id"),
    CheckConstraint("received_bytes BETWEEN 0 AND size_bytes", name="received_within_size"),
    Index("ix_document_upload_of_subject", "client", "subject"),
    Index("ix_document_upload_expiry", "expires_at"),
)

document_link = Table(
    "document_link",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("department", String(64), nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Column("used_at", Timestamp),
    PrimaryKeyConstraint("lane", "hash"),
    Index("ix_document_link_expiry", "expires_at"),
)
"""One for each document of a task. Its lane is the last byte of the hash, which is all that is kept of it."""
