"""Version of a case.

Revision 0003, after 0002. Safe for the code that is running: it leaves the column out and the database fills
it. What changes often gets room on its page, so that an update stays there (PostgreSQL).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HOT = ("cases", "step", "task")


def upgrade() -> None:
    """What is new."""
    with op.batch_alter_table("cases") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        for table in HOT:
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80)")


def downgrade() -> None:
    """The way back; no row is lost."""
    if op.get_bind().dialect.name == "postgresql":
        for table in HOT:
            op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_column("version")
