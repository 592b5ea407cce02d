"""Tables about who somebody is: tokens that were taken back, and who is logged in. Few rows, soon over."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from onenet.store.schema import Timestamp, metadata

token_revocation = Table(
    "token_revocation",
    metadata,
    Column("issuer", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value_hash", LargeBinary, nullable=False),
    Column("before", Timestamp, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("issuer", "kind", "value_hash"),
    CheckConstraint("kind IN ('token', 'subject')", name="kind_known"),
)

login_session = Table(
    "login_session",
    metadata,
    Column("id_hash", LargeBinary, nullable=False),
    Column("issuer", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("role", String(16), nullable=False),
    Column("department", String(64)),
    Column("jurisdictions", Text, nullable=False),
    Column("acr", String(255)),
    Column("authenticated_at", Timestamp),
    Column("created_at", Timestamp, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    # Of log-ins from before they are empty.
    Column("address", String(64)),
    Column("browser", String(64)),
    PrimaryKeyConstraint("id_hash"),
    Index("ix_login_session_of_subject", "issuer", "subject"),
)
