"""The log: what is sealed of the events, and the private part of what they tell.

Revision 0006, after 0005. Safe for the code that is running: it adds tables, and nothing else.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "event_private",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_event_private_cases")
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "seq", name=op.f("pk_event_private")),
    )
    op.create_table(
        "log_unsealed",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cases", sa.Text(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_unsealed")),
    )
    op.create_table(
        "log_leaf",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "events >= 1 AND events <= seq AND leaf >= events - 1", name=op.f("ck_log_leaf_run_possible")
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "seq", name=op.f("pk_log_leaf")),
    )
    op.create_table(
        "log_tile",
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_log_tile")),
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoint")),
    )
    op.create_table(
        "log_key",
        sa.Column("origin", sa.String(length=128), nullable=False),
        sa.Column("public", sa.String(length=255), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_log_key")),
    )
    op.create_table(
        "log_sealer",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_lane", sa.SmallInteger(), nullable=False),
        sa.Column("lanes_left", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_log_sealer")),
    )


def downgrade() -> None:
    """The way back. What is sealed is forgotten: the events, and their chains, stay."""
    for table in ("log_sealer", "log_key", "log_checkpoint", "log_tile", "log_leaf", "log_unsealed"):
        op.drop_table(table)
    op.drop_table("event_private")
