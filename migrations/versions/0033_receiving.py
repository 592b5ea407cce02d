"""Where a case, or a draft of one, is handed in, when that is not where it is handled.

Revision 0033, after 0032. Safe for the code that is running: columns that it leaves empty, which means the
same place.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.add_column("cases", sa.Column("receiving", sa.String(64)))
    op.add_column("draft", sa.Column("receiving", sa.String(64)))


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where a counter elsewhere received anything. Raises: RuntimeError."""
    for table in (sa.table("cases", sa.column("receiving")), sa.table("draft", sa.column("receiving"))):
        if connection.execute(sa.select(1).where(table.c.receiving.is_not(None)).limit(1)).first():
            raise RuntimeError("going below revision 0033 would lose where cases were handed in")


def downgrade() -> None:
    """The way back, while nothing was handed in elsewhere."""
    op.drop_column("draft", "receiving")
    op.drop_column("cases", "receiving")
