"""Since when a step is decided at its department's desk, and who has taken it up.

Revision 0018, after 0017. Safe for the code that is running: it adds columns that may be empty, and on
PostgreSQL the index is built beside the writes. It holds only open steps that lie at a desk.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEX = "ix_step_at_desk"
AT_DESK = sa.text("desk_at IS NOT NULL AND waits_for IS NOT NULL")


def upgrade() -> None:
    """What is new."""
    op.add_column("step", sa.Column("desk_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("step", sa.Column("claimed_by", sa.String(255), nullable=True))
    op.add_column("step", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "step", if_exists=True)
        op.create_index(
            INDEX,
            "step",
            ["lane", "department", "desk_at"],
            sqlite_where=AT_DESK,
            postgresql_where=AT_DESK,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """The way back; the steps stay, and the record says who had them."""
    op.drop_index(INDEX, "step")
    with op.batch_alter_table("step") as batch_op:
        batch_op.drop_column("claimed_at")
        batch_op.drop_column("claimed_by")
        batch_op.drop_column("desk_at")
