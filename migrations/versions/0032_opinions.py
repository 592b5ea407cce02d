"""Opinions asked of other departments: what their lists go by.

Revision 0032, after 0031. Safe for the code that is running: a table that it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

STATES = ("asked", "given", "withdrawn", "ended")


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "opinion",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "case_id", "id", name=op.f("pk_opinion")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_opinion_cases")
        ),
        sa.CheckConstraint(f"state IN ({', '.join(map(repr, STATES))})", name=op.f("ck_opinion_state_known")),
    )
    op.create_index(op.f("ix_opinion_id"), "opinion", ["id"])
    op.create_index(
        op.f("ix_opinion_department_state_due_at_id"), "opinion", ["department", "state", "due_at", "id"]
    )


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where an opinion was asked: who was asked would not find it any more. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM opinion LIMIT 1").first():
        raise RuntimeError("going below revision 0032 would lose the opinions that were asked")


def downgrade() -> None:
    """The way back, while no opinion was asked."""
    op.drop_table("opinion")
