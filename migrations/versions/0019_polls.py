"""When a department that does not call back is asked what became of a task, and what it calls the task.

Revision 0019, after 0018. Safe for the code that is running: it adds columns that may be empty or have a
default, and on PostgreSQL the index is built beside the writes. It holds only what is asked about.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEX = "ix_task_to_poll"
TO_POLL = sa.text("poll_at IS NOT NULL")


def upgrade() -> None:
    """What is new."""
    op.add_column("task", sa.Column("reference", sa.Text(), nullable=True))
    op.add_column("task", sa.Column("poll_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("task", sa.Column("poll_token", sa.Uuid(), nullable=True))
    op.add_column("task", sa.Column("poll_every_s", sa.Integer(), nullable=True))
    op.add_column("task", sa.Column("polls", sa.SmallInteger(), server_default="0", nullable=False))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "task", if_exists=True)
        op.create_index(
            INDEX,
            "task",
            ["lane", "poll_at"],
            sqlite_where=TO_POLL,
            postgresql_where=TO_POLL,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """The way back; no task is lost: one that was asked about is sent, and awaits its answer."""
    op.drop_index(INDEX, "task")
    with op.batch_alter_table("task") as batch_op:
        for name in ("polls", "poll_every_s", "poll_token", "poll_at", "reference"):
            batch_op.drop_column(name)
