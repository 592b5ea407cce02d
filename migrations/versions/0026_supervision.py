"""What supervision looks at: open steps whose light is not green, or that somebody was urged about.

Revision 0026, after 0025. Safe for the code that is running: a column that it leaves empty, and an index that
holds only what is late, built beside the writes on PostgreSQL.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

INDEX = "ix_step_lit"
LIT = sa.text("waits_for IS NOT NULL AND (light <> 'green' OR urging_due_at IS NOT NULL)")


def upgrade() -> None:
    """What is new."""
    op.add_column("step", sa.Column("urging_due_at", sa.DateTime(timezone=True)))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "step", if_exists=True)
        op.create_index(
            INDEX,
            "step",
            ["lane", "case_id", "code"],
            sqlite_where=LIT,
            postgresql_where=LIT,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """The way back; urgings themselves are kept where they were."""
    op.drop_index(INDEX, "step")
    with op.batch_alter_table("step") as batch_op:
        batch_op.drop_column("urging_due_at")
