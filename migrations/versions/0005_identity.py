"""Tokens that were taken back, and who is logged in.

Revision 0005, after 0004. Safe for the code that is running: it knows neither table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "token_revocation",
        sa.Column("issuer", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value_hash", sa.LargeBinary(), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "kind", "value_hash", name="pk_token_revocation"),
        sa.CheckConstraint("kind IN ('token', 'subject')", name="kind_known"),
    )
    op.create_table(
        "login_session",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("department", sa.String(64)),
        sa.Column("jurisdictions", sa.Text(), nullable=False),
        sa.Column("acr", sa.String(255)),
        sa.Column("authenticated_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_login_session"),
    )
    op.create_index("ix_login_session_of_subject", "login_session", ["issuer", "subject"])


def downgrade() -> None:
    """The way back: everybody logs in again, and tokens that were taken back work until they end."""
    op.drop_table("login_session")
    op.drop_table("token_revocation")
