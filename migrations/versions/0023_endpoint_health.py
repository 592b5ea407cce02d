"""How endpoints fare, and how often each may be called in a second.

Revision 0023, after 0022. Safe for the code that is running: a table it does not know, and a column that it
leaves at no limit. Nobody who is called today is called more slowly by this.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "endpoint_health",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("recent", sa.Text(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True)),
        sa.Column("retry_at", sa.DateTime(timezone=True)),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("probe_token", sa.Uuid()),
        sa.Column("probe_until", sa.DateTime(timezone=True)),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("rest_until", sa.DateTime(timezone=True)),
        sa.Column("answer_times", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Float()),
        sa.Column("tokens_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_endpoint_health")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoint.id"], name=op.f("fk_endpoint_health_endpoint"), ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "state IN ('closed', 'open', 'half_open')", name=op.f("ck_endpoint_health_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (opened_at IS NULL)", name=op.f("ck_endpoint_health_open_says_since_when")
        ),
    )
    op.add_column("endpoint", sa.Column("rate_per_s", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """The way back; what is lost is known again after some calls."""
    op.drop_table("endpoint_health")
    with op.batch_alter_table("endpoint") as batch_op:
        batch_op.drop_column("rate_per_s")
