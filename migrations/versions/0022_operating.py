"""Endpoints that are held with a reason, jobs about what goes there, and why each attempt was made.

Revision 0022, after 0021. Safe for the code that is running: it adds tables, and columns that may be empty;
on PostgreSQL the indexes are built beside the writes. They hold only what is held.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

HELD = sa.text("state = 'held'")
INDEXES = (
    ("ix_endpoint_held", "endpoint", ["kind", "owner", "id"]),
    ("ix_task_held", "task", ["lane", "department"]),
    ("ix_delivery_held", "delivery", ["lane", "endpoint_id"]),
)
WORK = ("task", "delivery")
ATTEMPTS = ("attempt", "delivery_attempt")


def upgrade() -> None:
    """What is new."""
    op.add_column("endpoint", sa.Column("held_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("endpoint", sa.Column("held_because", sa.Text(), nullable=True))
    for name in (*WORK, *ATTEMPTS):
        op.add_column(name, sa.Column("trigger", sa.String(length=16), nullable=True))
    for name in ATTEMPTS:
        op.add_column(name, sa.Column("key_id", sa.String(length=16), nullable=True))
    _add_jobs()
    with op.get_context().autocommit_block():
        for name, table, columns in INDEXES:
            # What a build that was cut off left behind is no index that PostgreSQL would use.
            op.drop_index(name, table, if_exists=True)
            op.create_index(
                name, table, columns, sqlite_where=HELD, postgresql_where=HELD, postgresql_concurrently=True
            )


def _add_jobs() -> None:
    op.create_table(
        "endpoint_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('pause', 'resumption', 'replay')", name=op.f("ck_endpoint_job_kind_known")
        ),
        sa.CheckConstraint(
            "(next_at IS NULL) = (ended_at IS NOT NULL)", name=op.f("ck_endpoint_job_due_until_ended")
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_endpoint_job_endpoint")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint_job")),
    )
    op.create_index("ix_endpoint_job_endpoint_id", "endpoint_job", ["endpoint_id"])
    op.create_table(
        "endpoint_job_item",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("work_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'due')", name=op.f("ck_endpoint_job_item_state_known")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_endpoint_job_item_cases")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["endpoint_job.id"], name=op.f("fk_endpoint_job_item_endpoint_job")
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "job_id", "work_id", name=op.f("pk_endpoint_job_item")),
    )
    op.create_index("ix_endpoint_job_item_job_id_state", "endpoint_job_item", ["job_id", "state"])


def downgrade() -> None:
    """The way back; jobs that are not done are forgotten, what they were about stays as it is."""
    for name, table, _ in INDEXES:
        op.drop_index(name, table)
    op.drop_table("endpoint_job_item")
    op.drop_table("endpoint_job")
    for name in ATTEMPTS:
        with op.batch_alter_table(name) as batch_op:
            batch_op.drop_column("key_id")
    for name in (*WORK, *ATTEMPTS):
        with op.batch_alter_table(name) as batch_op:
            batch_op.drop_column("trigger")
    with op.batch_alter_table("endpoint") as batch_op:
        batch_op.drop_column("held_because")
        batch_op.drop_column("held_at")
