"""Drafts: applications that are not finished.

Revision 0025, after 0024. Safe for the code that is running: a table it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "draft",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("jurisdiction", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_draft")),
    )
    op.create_index("ix_draft_of_subject", "draft", ["client", "subject", "updated_at"])
    op.create_index("ix_draft_expiry", "draft", ["expires_at"])
    op.create_index("ix_draft_sent", "draft", ["sent_at"])


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses while somebody has begun to fill in anything. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM draft LIMIT 1").first():
        raise RuntimeError("going below revision 0025 would lose the drafts")


def downgrade() -> None:
    """The way back, while there is no draft."""
    op.drop_table("draft")
