"""Where somebody logged in: address and browser.

Revision 0013, after 0012. Safe for the code that is running: two columns that may be empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.add_column("login_session", sa.Column("address", sa.String(length=64), nullable=True))
    op.add_column("login_session", sa.Column("browser", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """The way back; nobody is logged out by it."""
    with op.batch_alter_table("login_session") as batch_op:
        batch_op.drop_column("browser")
        batch_op.drop_column("address")
