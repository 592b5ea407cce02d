"""Encryption.

Revision 0008, after 0007. Safe for the code that is running: what is new may stay empty. What was written
before stays as it is until `onenet kek rotate`. The index is built beside the writes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OF_APPLICANT = "ix_cases_of_applicant"


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "encryption_key",
        sa.Column("kid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("suite", sa.String(length=16), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_encryption_key")),
    )
    with op.batch_alter_table("cases") as batch_op:
        batch_op.add_column(sa.Column("data_key", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("sealed_secret", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("applicant_index", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("step") as batch_op:
        batch_op.add_column(sa.Column("said", sa.Text(), nullable=True))
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(OF_APPLICANT, "cases", if_exists=True)
        op.create_index(OF_APPLICANT, "cases", ["applicant_index"], postgresql_concurrently=True)


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where something is sealed: without its keys it could never be read again.

    Raises: RuntimeError.
    """
    if connection.exec_driver_sql("SELECT 1 FROM encryption_key LIMIT 1").first():
        raise RuntimeError("going below revision 0008 would lose the keys of what is encrypted")


def downgrade() -> None:
    """The way back, while nothing is sealed."""
    op.drop_index(OF_APPLICANT, "cases")
    with op.batch_alter_table("step") as batch_op:
        batch_op.drop_column("said")
    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_column("applicant_index")
        batch_op.drop_column("sealed_secret")
        batch_op.drop_column("data_key")
    op.drop_table("encryption_key")
