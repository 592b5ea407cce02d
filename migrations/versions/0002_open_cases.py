"""Index of open cases.

Revision 0002, after 0001. Safe for the code that is running: on PostgreSQL the index is built beside the
writes, without a lock that they would wait for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('received', 'accepted', 'in_progress')")


def upgrade() -> None:
    """What is new."""
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index("ix_cases_open", "cases", if_exists=True)
        op.create_index(
            "ix_cases_open",
            "cases",
            ["lane", "id"],
            sqlite_where=OPEN,
            postgresql_where=OPEN,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """The way back; an index holds no rows of its own."""
    op.drop_index("ix_cases_open", "cases")
