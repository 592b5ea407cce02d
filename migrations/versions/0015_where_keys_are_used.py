"""Keys: from where they may be used, and when they last were.

Revision 0015, after 0014. Safe for the code that is running: it makes no key that is confined to networks,
and asks for no such thing. Make the first one when no process of an earlier version is left.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.add_column("api_key", sa.Column("networks", sa.Text(), server_default="[]", nullable=False))
    op.add_column("api_key", sa.Column("last_used_at", sa.DateTime(timezone=True)))


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where a key is confined to networks: it would open everywhere. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM api_key WHERE networks <> '[]' LIMIT 1").first():
        raise RuntimeError("going below revision 0015 would let keys be used outside their networks")


def downgrade() -> None:
    """The way back, while no key is confined."""
    op.drop_column("api_key", "last_used_at")
    op.drop_column("api_key", "networks")
