"""Whether a deadline of a step or a case may still move.

Revision 0027, after 0026. Safe for the code that is running: columns that it leaves as they are. Open cases
are due at once, so that the worker of the new code notes this, and starts the clocks of the cases.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_OPEN = ("received", "accepted", "in_progress")
_CASES = sa.table("cases", *map(sa.column, ("state", "updated_at", "next_due_at")))


def upgrade() -> None:
    """What is new."""
    for table in ("cases", "step"):
        column = sa.Column("is_provisional", sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column(table, column)
    op.get_bind().execute(
        sa.update(_CASES).where(_CASES.c.state.in_(_OPEN)).values(next_due_at=_CASES.c.updated_at)
    )


def downgrade() -> None:
    """The way back; it is worked out anew when it is wanted again."""
    for table in ("cases", "step"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column("is_provisional")
