"""Version of a case.

Revision 0003, after 0002. Safe for the code that is running: it leaves the column out and the database fills
it. What changes often gets room on its page and no index over what changes, so that an update stays on its
page and touches no index (PostgreSQL). The index is built beside the writes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HOT = ("cases", "step", "task")
OF_DEPARTMENT = "ix_step_of_department"


def upgrade() -> None:
    """What is new."""
    _index_steps(["department", "lane", "case_id"])  # first: cut off in the middle, it can begin again
    with op.batch_alter_table("cases") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    _set_fillfactor("SET (fillfactor = 80)")


def downgrade() -> None:
    """The way back; no row is lost."""
    _index_steps(["department", "state", "lane", "case_id"])
    _set_fillfactor("RESET (fillfactor)")
    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_column("version")


def _set_fillfactor(said: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in HOT:
            op.execute(f"ALTER TABLE {table} {said}")


def _index_steps(columns: list[str]) -> None:
    """Puts the index over steps by department anew; one that a cut-off build left behind goes first."""
    with op.get_context().autocommit_block():
        op.drop_index(OF_DEPARTMENT, "step", if_exists=True, postgresql_concurrently=True)
        op.create_index(OF_DEPARTMENT, "step", columns, postgresql_concurrently=True)
