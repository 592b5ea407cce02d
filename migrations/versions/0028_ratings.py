"""Ratings: what lists and figures go by.

Revision 0028, after 0027. Safe for the code that is running: a table that it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

STATES = (
    "submitted", "contact_due", "classified", "repairing", "repaired", "followed_up", "closed", "appealed",
    "removed",
)  # fmt: skip


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "rating",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.String(64), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("item", sa.String(64)),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("is_named", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("rated_on", sa.String(10), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("lane", "case_id", "stage", name=op.f("pk_rating")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_rating_cases")
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_rating_level_known")),
        sa.CheckConstraint(f"state IN ({', '.join(map(repr, STATES))})", name=op.f("ck_rating_state_known")),
    )
    op.create_index(op.f("ix_rating_id"), "rating", ["id"])
    op.create_index(op.f("ix_rating_rated_on_id"), "rating", ["rated_on", "id"])


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where somebody rated anything: the figures would be lost. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM rating LIMIT 1").first():
        raise RuntimeError("going below revision 0028 would lose the ratings")


def downgrade() -> None:
    """The way back, while nobody rated anything."""
    op.drop_table("rating")
