"""By how much knowledge of what hangs on a case it was erased, and which documents a case ever took.

Revision 0035, after 0034. Safe for the code that is running: what it erases is erased again by the next one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

OF_CASE = "ix_document_case_id"
UNDONE = sa.text("erased_at IS NULL")


def upgrade() -> None:
    """The column, and the indexes."""
    op.add_column("erasure", sa.Column("revision", sa.SmallInteger(), nullable=False, server_default="0"))
    op.create_index(op.f("ix_erasure_revision"), "erasure", ["revision"])
    op.drop_index("ix_erasure_open", "erasure")
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(OF_CASE, "document", if_exists=True)
        op.create_index(OF_CASE, "document", ["case_id"], postgresql_concurrently=True)


def downgrade() -> None:
    """The way back."""
    op.drop_index(OF_CASE, "document")
    op.create_index(
        "ix_erasure_open", "erasure", ["lane", "case_id"], sqlite_where=UNDONE, postgresql_where=UNDONE
    )
    op.drop_index(op.f("ix_erasure_revision"), "erasure")
    op.drop_column("erasure", "revision")
