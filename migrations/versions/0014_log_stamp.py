"""Time stamps of checkpoints.

Revision 0014, after 0013. Safe for the code that is running: one table it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "log_stamp",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_stamp")),
    )


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where there are stamps: no authority gives one for a moment that has passed.

    Raises: RuntimeError.
    """
    if connection.exec_driver_sql("SELECT 1 FROM log_stamp LIMIT 1").first():
        raise RuntimeError("going below revision 0014 would lose the rows of log_stamp")


def downgrade() -> None:
    """The way back, while nothing is stamped."""
    op.drop_table("log_stamp")
