"""The tables of who may look and who has looked: delegations, consents, emergency access,
access records.

They outlive the cases they speak of: no foreign key leads to one.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
)

from onenet.store.tables import Timestamp, metadata

delegation = Table(
    "delegation",
    metadata,
    Column("delegate_subject", String(128), nullable=False),
    Column("id", Uuid, nullable=False),
    Column("delegate_client", String(64), nullable=False),
    Column("owner_client", String(64), nullable=False),
    Column("owner_subject", String(128), nullable=False),
    Column("bundles", Text, nullable=False),
    Column("case_id", Uuid),
    Column("proof", String(200)),
    Column("begins_at", Timestamp, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("revoked_at", Timestamp),
    PrimaryKeyConstraint("delegate_subject", "id"),
    CheckConstraint("(case_id IS NULL) = (bundles <> '[]')", name="one_scope"),
    Index(None, "owner_subject", "created_at"),
)

consent = Table(
    "consent",
    metadata,
    Column("subject", String(128), nullable=False),
    Column("id", Uuid, nullable=False),
    Column("client", String(64), nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("bundle", String(64), nullable=False),
    Column("departments", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("given_at", Timestamp, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    Column("revoked_at", Timestamp),
    PrimaryKeyConstraint("subject", "id"),
)

break_glass = Table(
    "break_glass",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("asked_by", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", Timestamp, nullable=False),
    Column("approved_by", String(255)),
    Column("approved_at", Timestamp),
    Column("ends_at", Timestamp),
    PrimaryKeyConstraint("lane", "id"),
    CheckConstraint("(approved_by IS NULL) = (ends_at IS NULL)", name="ends_when_approved"),
    Index(None, "asked_at", "lane", "id"),
)

access_record = Table(
    "access_record",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("case_id", Uuid),
    Column("owner_client", String(64), nullable=False),
    Column("owner_subject", String(128), nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("who", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("rule", String(32), nullable=False),
    Column("what", String(32), nullable=False),
    Column("fields", Text, nullable=False),
    Column("purpose", Text),
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("lane", "id"),
    CheckConstraint("times >= 1", name="times_some"),
    Index(None, "owner_subject", "at", "lane", "id"),
)
