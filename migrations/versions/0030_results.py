"""Where what a step issued is found by a verification code: a column, and an index of it.

Revision 0030, after 0029. Safe for the code that is running: it writes steps without it. What it issues
until it is stopped cannot be verified.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INDEX = "ix_step_result"
FOUND = sa.text("result_locator IS NOT NULL")


def upgrade() -> None:
    """The column and the index."""
    op.add_column("step", sa.Column("result_locator", sa.Integer()))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "step", if_exists=True)
        op.create_index(
            INDEX,
            "step",
            ["lane", "result_locator"],
            sqlite_where=FOUND,
            postgresql_where=FOUND,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """Both away."""
    op.drop_index(INDEX, "step")
    op.drop_column("step", "result_locator")
