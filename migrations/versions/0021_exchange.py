"""Who reads departments' own databases, and how that goes.

Revision 0021, after 0020. Safe for the code that is running: a table it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "exchange_reading",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("looked_at", sa.DateTime(timezone=True)),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("unread_since", sa.DateTime(timezone=True)),
        sa.Column("fault", sa.String(200)),
        sa.Column("fault_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_exchange_reading")),
    )


def downgrade() -> None:
    """The way back; nothing is lost: what was read is marked in the departments' own databases."""
    op.drop_table("exchange_reading")
