"""The tables of operating: work that an administrator asked for once and that workers carry on in pieces."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Uuid,
)

from onenet.store.schema import Timestamp, metadata, of_case, to_case

job = Table(
    "endpoint_job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("wanted", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    # Due while there is something left to do; a worker that takes it moves this on, which is its lease.
    Column("next_at", Timestamp),
    Column("ended_at", Timestamp),
    ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"]),
    CheckConstraint("kind IN ('pause', 'resumption', 'replay')", name="kind_known"),
    CheckConstraint("(next_at IS NULL) = (ended_at IS NOT NULL)", name="due_until_ended"),
    Index(None, "endpoint_id"),
)

# What a job is about, one row for each task or delivery; they go when the job ends.
item = Table(
    "endpoint_job_item",
    metadata,
    *of_case(),
    Column("job_id", Uuid, nullable=False),
    Column("work_id", Uuid, nullable=False),
    Column("state", String(16), nullable=False),
    PrimaryKeyConstraint("lane", "case_id", "job_id", "work_id"),
    to_case(),
    ForeignKeyConstraint(["job_id"], ["endpoint_job.id"]),
    CheckConstraint("state IN ('waiting', 'due')", name="state_known"),
    Index(None, "job_id", "state"),
)
