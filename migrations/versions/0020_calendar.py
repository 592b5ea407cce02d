"""Working days: the years of calendars, as they were published.

Revision 0020, after 0019. Safe for the code that is running: it adds a table that only newer code asks for.
Publish the catalogue again afterwards: until then only weekends are known, and every year is provisional.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "calendar_year",
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("year", sa.SmallInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", "year", name="pk_calendar_year"),
    )


def downgrade() -> None:
    """The way back; what is lost is published again from the catalogue."""
    op.drop_table("calendar_year")
