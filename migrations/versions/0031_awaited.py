"""The first day by which something that was promised is to follow or to be looked at, of each step.

Revision 0031, after 0030. Safe for the code that is running: it leaves the column empty. What is awaited of
steps that were written by it is listed as soon as anything happens to them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

INDEX = "ix_step_awaited"
AWAITED = sa.text("awaited_on IS NOT NULL")


def upgrade() -> None:
    """The column and the index."""
    op.add_column("step", sa.Column("awaited_on", sa.Date()))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "step", if_exists=True)
        op.create_index(
            INDEX,
            "step",
            ["lane", "department", "awaited_on"],
            sqlite_where=AWAITED,
            postgresql_where=AWAITED,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """Both away; they are worked out anew when they are wanted again."""
    op.drop_index(INDEX, "step")
    with op.batch_alter_table("step") as batch_op:
        batch_op.drop_column("awaited_on")
