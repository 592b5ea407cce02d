"""Consents to use a document of an earlier case again.

Revision 0016, after 0015. Safe for the code that is running: a table it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "consent",
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("departments", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("subject", "id", name=op.f("pk_consent")),
    )


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where somebody consented to anything: it would have to be asked again. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM consent LIMIT 1").first():
        raise RuntimeError("going below revision 0016 would lose the consents")


def downgrade() -> None:
    """The way back, while nobody consented to anything."""
    op.drop_table("consent")
