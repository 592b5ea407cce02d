"""Hotline tickets and their units: what lists, supervision and figures go by.

Revision 0034, after 0033. Safe for the code that is running: tables that it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

STATES = (
    "received", "dispatched", "returned", "answered", "closed", "solved", "unsolved", "ended", "withdrawn",
)  # fmt: skip
UNIT_STATES = ("at_work", "done", "returned", "taken_off")


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "ticket",
        *_of_case(),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("about", sa.String(16), nullable=False),
        sa.Column("rounds", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "case_id", name=op.f("pk_ticket")),
        _to_case("ticket"),
        sa.CheckConstraint(f"state IN ({', '.join(map(repr, STATES))})", name=op.f("ck_ticket_state_known")),
    )
    op.create_index(op.f("ix_ticket_state"), "ticket", ["state"])
    op.create_table(
        "ticket_unit",
        *_of_case(),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("part", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("assigned_on", sa.String(10), nullable=False),
        sa.Column("is_late", sa.SmallInteger(), nullable=False),
        sa.Column("is_solved", sa.SmallInteger()),
        sa.Column("is_satisfied", sa.SmallInteger()),
        sa.PrimaryKeyConstraint("lane", "case_id", "round", "number", name=op.f("pk_ticket_unit")),
        _to_case("ticket_unit"),
        sa.CheckConstraint(
            f"state IN ({', '.join(map(repr, UNIT_STATES))})", name=op.f("ck_ticket_unit_state_known")
        ),
    )
    op.create_index(op.f("ix_ticket_unit_department_state"), "ticket_unit", ["department", "state"])
    op.create_index(
        op.f("ix_ticket_unit_assigned_on_department"), "ticket_unit", ["assigned_on", "department"]
    )


def _of_case() -> list[sa.Column[object]]:
    return [
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
    ]


def _to_case(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f(f"fk_{table}_cases")
    )


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses where somebody filed a ticket: nobody could read its case. Raises: RuntimeError."""
    if connection.exec_driver_sql("SELECT 1 FROM ticket LIMIT 1").first():
        raise RuntimeError("going below revision 0034 would lose the tickets")


def downgrade() -> None:
    """The way back, while nobody filed a ticket."""
    op.drop_table("ticket_unit")
    op.drop_table("ticket")
