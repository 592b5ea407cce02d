"""The hash of the secret that opens the progress of a case.

Revision 0012, after 0011. It adds a column that may be empty: secrets of before stay valid as they are,
until `onenet kek rotate` leaves their hash alone. Code of before cannot read cases that are opened after it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.add_column("cases", sa.Column("secret_hash", sa.LargeBinary(), nullable=True))


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where a case has nothing but the hash: a hash cannot be made a secret again.

    Raises: RuntimeError.
    """
    if connection.exec_driver_sql("SELECT 1 FROM cases WHERE secret_hash IS NOT NULL LIMIT 1").first():
        raise RuntimeError("going below revision 0012 would lose the secrets by which progress is looked up")


def downgrade() -> None:
    """The way back, while no case has a hash."""
    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_column("secret_hash")
