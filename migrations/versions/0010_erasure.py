"""Erasure and legal hold.

Revision 0010, after 0009. Safe for the code that is running: two tables it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OPEN = sa.text("erased_at IS NULL")


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "erasure",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lane", "case_id", name=op.f("pk_erasure")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_erasure_cases")
        ),
    )
    op.create_index(
        "ix_erasure_open", "erasure", ["lane", "case_id"], postgresql_where=_OPEN, sqlite_where=_OPEN
    )
    op.create_table(
        "legal_hold",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("lane", "case_id", "placed_at", name=op.f("pk_legal_hold")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_legal_hold_cases")
        ),
    )


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where a case is held back from erasure, or was erased: nobody would know any more.

    Raises: RuntimeError.
    """
    for table in ("legal_hold", "erasure"):
        if connection.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first():  # noqa: S608  # our own names
            raise RuntimeError(f"going below revision 0010 would lose the rows of {table}")


def downgrade() -> None:
    """The way back, while nothing is held or erased."""
    op.drop_table("legal_hold")
    op.drop_index("ix_erasure_open", "erasure")
    op.drop_table("erasure")
