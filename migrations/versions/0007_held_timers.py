"""Timers that are held, as their case cannot be read.

Revision 0007, after 0006. Safe for the code that is running: it adds a column that may be empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.add_column("timer", sa.Column("held_reason", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """The way back; no row is lost, and what was held is tried again."""
    with op.batch_alter_table("timer") as batch_op:
        batch_op.drop_column("held_reason")
