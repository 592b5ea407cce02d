"""How steps and cases stand with time: the clock of their limits, when each is used up, what is due next.

Revision 0024, after 0023. Safe for the code that is running: columns that it leaves empty. What it changes
meanwhile gets its clock, from the step's last move, when the new code comes to the case. Clocks of open cases
are read from their events here; deadlines are worked out by the worker, for which they are due at once.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import context, op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

LANES = 256
_OPEN = ("received", "accepted", "in_progress")
_STOPS = {"step.suspended": "special_procedure", "step.supplement_needed": "supplement"}
_GOES_ON = ("step.accepted", "step.resumed", "step.supplemented")
INDEX = "ix_cases_due"
DUE = sa.text("next_due_at IS NOT NULL")

_CASES = sa.table("cases", *map(sa.column, ("lane", "id", "state", "updated_at", "next_due_at")))
_STEP = sa.table(
    "step", *map(sa.column, ("lane", "case_id", "code", "state", "since", "received_at", "clock"))
)
_EVENT = sa.table("event", *map(sa.column, ("lane", "case_id", "seq", "type", "step", "at")))


def _timing() -> list[sa.Column]:
    return [
        sa.Column("clock", sa.Text()),
        sa.Column("promised_due_at", sa.DateTime(timezone=True)),
        sa.Column("statutory_due_at", sa.DateTime(timezone=True)),
        sa.Column("light", sa.String(8), nullable=False, server_default="green"),
        sa.Column("next_due_at", sa.DateTime(timezone=True)),
    ]


def upgrade() -> None:
    """What is new, and the clocks of open cases."""
    op.add_column("step", sa.Column("received_at", sa.DateTime(timezone=True)))
    op.add_column("step", sa.Column("procedures", sa.Text(), nullable=False, server_default="[]"))
    for table in ("cases", "step"):
        for column in _timing():
            op.add_column(table, column)
    with op.get_context().autocommit_block():
        # What a build that was cut off left behind is no index that PostgreSQL would use.
        op.drop_index(INDEX, "cases", if_exists=True)
        op.create_index(
            INDEX,
            "cases",
            ["lane", "next_due_at"],
            sqlite_where=DUE,
            postgresql_where=DUE,
            postgresql_concurrently=True,
        )
    connection = op.get_bind()
    connection.execute(
        sa.update(_STEP).where(_STEP.c.state == "dispatched").values(received_at=_STEP.c.since)
    )
    if (
        not context.is_offline_mode()
    ):  # printed SQL reads nothing: the new code starts the clocks then, as above
        for lane in range(LANES):
            _start_clocks(connection, lane)
    connection.execute(
        sa.update(_CASES).where(_CASES.c.state.in_(_OPEN)).values(next_due_at=_CASES.c.updated_at)
    )


def _start_clocks(connection: sa.Connection, lane: int) -> None:
    marks = connection.execute(
        sa.select(_EVENT.c.case_id, _EVENT.c.step, _EVENT.c.type, _EVENT.c.at)
        .join_from(_EVENT, _CASES, sa.and_(_CASES.c.lane == _EVENT.c.lane, _CASES.c.id == _EVENT.c.case_id))
        .where(_EVENT.c.lane == lane, _CASES.c.state.in_(_OPEN), _EVENT.c.type.in_([*_STOPS, *_GOES_ON]))
        .order_by(_EVENT.c.case_id, _EVENT.c.seq)
    )
    clocks = {}
    for case_id, step, type, at in marks:
        key = (case_id, step)
        if key not in clocks:
            if type == "step.accepted":
                clocks[key] = [at, None, []]
            continue
        pauses = clocks[key][2]
        if type in _STOPS:
            pauses.append([at, None, _STOPS[type]])
        elif pauses and pauses[-1][1] is None:
            pauses[-1][1] = at
    for (case_id, step), clock in clocks.items():
        same = (_STEP.c.lane == lane, _STEP.c.case_id == case_id, _STEP.c.code == step)
        connection.execute(sa.update(_STEP).where(*same).values(clock=json.dumps(clock)))


def downgrade() -> None:
    """The way back; deadlines are told by the events again, what went on beside a state is lost."""
    with op.batch_alter_table("step") as batch_op:
        for name in ("received_at", "procedures", *(column.name for column in _timing())):
            batch_op.drop_column(name)
    op.drop_index(INDEX, "cases")
    with op.batch_alter_table("cases") as batch_op:
        for column in _timing():
            batch_op.drop_column(column.name)
