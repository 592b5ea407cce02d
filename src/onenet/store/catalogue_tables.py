"""The tables of the published catalogue: few rows, whole on every node."""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, SmallInteger, String, Table, Text

from onenet.store.schema import Timestamp, metadata

jurisdiction = Table(
    "jurisdiction",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("content", Text, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
)

department = Table(
    "department",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("content", Text, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
)

calendar_year = Table(
    "calendar_year",
    metadata,
    Column("code", String(64), nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("content", Text, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("code", "year"),
)

bundle_version = Table(
    "bundle_version",
    metadata,
    Column("code", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("published_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("code", "version"),
)
