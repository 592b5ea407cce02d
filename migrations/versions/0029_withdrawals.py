"""Tasks that tell a department that another one is withdrawn: their kind, and an index of those outstanding.

Revision 0029, after 0028. Safe for the code that is running: it writes no such task, and a task without a
kind is an application. A process of the version before that claims one would send it as an application, in
the words of its sheet, which names no form: stop old workers before new servers where departments mind.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

INDEX = "ix_task_withdrawal"
OUTSTANDING = sa.text("kind = 'withdrawal' AND state <> 'done'")


def upgrade() -> None:
    """The column and the index."""
    op.add_column("task", sa.Column("kind", sa.String(16), nullable=False, server_default="application"))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "task", if_exists=True)
        op.create_index(
            INDEX,
            "task",
            ["lane", "department", "created_at"],
            sqlite_where=OUTSTANDING,
            postgresql_where=OUTSTANDING,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """Both away; what was still to be told is lost, as it would be sent as an application."""
    op.execute(
        "UPDATE task SET state = 'done', next_at = NULL, fetch_at = NULL, lease_token = NULL"
        " WHERE kind = 'withdrawal'"
    )
    op.drop_index(INDEX, "task")
    op.drop_column("task", "kind")
