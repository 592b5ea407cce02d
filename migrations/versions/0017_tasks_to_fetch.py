"""When a department that cannot be called may fetch a task.

Revision 0017, after 0016. Safe for the code that is running: it adds a column that may be empty, and on
PostgreSQL the index is built beside the writes. It holds only what waits to be fetched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDEX = "ix_task_to_fetch"
TO_FETCH = sa.text("fetch_at IS NOT NULL")


def upgrade() -> None:
    """What is new."""
    op.add_column("task", sa.Column("fetch_at", sa.DateTime(timezone=True), nullable=True))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "task", if_exists=True)
        op.create_index(
            INDEX,
            "task",
            ["lane", "department", "fetch_at"],
            sqlite_where=TO_FETCH,
            postgresql_where=TO_FETCH,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """The way back; no task is lost: a worker takes each up by itself when its time is over."""
    op.drop_index(INDEX, "task")
    with op.batch_alter_table("task") as batch_op:
        batch_op.drop_column("fetch_at")
