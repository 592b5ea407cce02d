"""Access records of what is of no one case: the export of all that is held about somebody.

Revision 0011, after 0010. Safe for the code that is running: it writes no such record, and shows none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    _case_id(nullable=True)


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where there are such records: the code before cannot read them. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM access_record WHERE case_id IS NULL LIMIT 1").first():
        raise RuntimeError("going below revision 0011 would lose the access records that are of no case")


def downgrade() -> None:
    """The way back, while there is no such record."""
    _case_id(nullable=False)


def _case_id(*, nullable: bool) -> None:
    """The table is told and not looked up, so that the SQL can also be printed (SQLite writes it anew)."""
    with op.batch_alter_table(
        "access_record", copy_from=_access_record(was_nullable=not nullable)
    ) as batch_op:
        batch_op.alter_column("case_id", existing_type=sa.Uuid(), nullable=nullable)


def _access_record(*, was_nullable: bool) -> sa.Table:
    return sa.Table(
        "access_record",
        sa.MetaData(),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=was_nullable),
        sa.Column("owner_client", sa.String(64), nullable=False),
        sa.Column("owner_subject", sa.String(128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text()),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.CheckConstraint("times >= 1", name=op.f("ck_access_record_times_some")),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_access_record")),
        sa.Index("ix_access_record_owner_subject_at_lane_id", "owner_subject", "at", "lane", "id"),
    )
