"""First tables.

Revision 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("public", sa.String(length=8), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('frontend', 'department', 'administrator')", name=op.f("ck_api_key_kind_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("public", name=op.f("uq_api_key_public")),
    )
    op.create_table(
        "bundle_version",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_bundle_version")),
    )
    op.create_table(
        "case_counter",
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "day", name=op.f("pk_case_counter")),
    )
    op.create_table(
        "case_number",
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "number", name=op.f("pk_case_number")),
    )
    with op.batch_alter_table("case_number", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_number_number"), ["number"], unique=False)

    op.create_table(
        "cases",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("bundle_code", sa.String(length=64), nullable=False),
        sa.Column("bundle_version", sa.Integer(), nullable=False),
        sa.Column("jurisdiction", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tracking_secret", sa.String(length=64), nullable=False),
        sa.Column("utc_offset_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('received', 'accepted', 'in_progress', 'completed', 'partly_completed', "
            "'rejected', 'withdrawn')",
            name=op.f("ck_cases_state_known"),
        ),
        sa.CheckConstraint("lane BETWEEN 0 AND 255", name=op.f("ck_cases_lane_range")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_cases_seq_begun")),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_cases")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index("ix_cases_by_age", ["created_at", "lane", "id"], unique=False)
        batch_op.create_index("ix_cases_of_subject", ["subject", "created_at", "lane", "id"], unique=False)

    op.create_table(
        "department",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_department")),
    )
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("adapter", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('department', 'subscriber')", name=op.f("ck_endpoint_kind_known")),
        sa.CheckConstraint("state IN ('active', 'held')", name=op.f("ck_endpoint_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
    )
    with op.batch_alter_table("endpoint", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_endpoint_owner"), ["owner"], unique=False)
        batch_op.create_index(
            "uq_endpoint_department",
            ["owner"],
            unique=True,
            postgresql_where=sa.text("kind = 'department'"),
            sqlite_where=sa.text("kind = 'department'"),
        )

    op.create_table(
        "idempotency_key",
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_table(
        "jurisdiction",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_jurisdiction")),
    )
    op.create_table(
        "case_content",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_case_content_cases")
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", name=op.f("pk_case_content")),
    )
    op.create_table(
        "delivery",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_reason", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(lease_token IS NOT NULL) = (state = 'sending')", name=op.f("ck_delivery_lease_while_sending")
        ),
        sa.CheckConstraint(
            "next_at IS NULL OR state IN ('pending', 'sending')", name=op.f("ck_delivery_due_while_unsent")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'done', 'held')", name=op.f("ck_delivery_state_known")
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_delivery_endpoint")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_delivery_cases")
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_by_age", ["created_at", "lane", "id"], unique=False)
        batch_op.create_index(
            "ix_delivery_due",
            ["lane", "next_at"],
            unique=False,
            postgresql_where=sa.text("next_at IS NOT NULL"),
            sqlite_where=sa.text("next_at IS NOT NULL"),
        )

    op.create_table(
        "event",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_event_cases")),
        sa.PrimaryKeyConstraint("lane", "case_id", "seq", name=op.f("pk_event")),
    )
    op.create_table(
        "step",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waits_for", sa.String(length=16), nullable=True),
        sa.Column("wait_reason", sa.String(length=64), nullable=True),
        sa.Column("wait_refs", sa.Text(), nullable=True),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submission", sa.SmallInteger(), nullable=False),
        sa.Column("resume", sa.String(length=32), nullable=True),
        sa.Column("opinion", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("requests", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(waits_for IS NULL) = (state IN ('completed', 'rejected', 'skipped', 'cancelled'))",
            name=op.f("ck_step_waiting_says_why"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'ready', 'dispatched', 'accepted', 'supplement_needed', 'suspended', "
            "'completed', 'rejected', 'skipped', 'cancelled', 'held')",
            name=op.f("ck_step_state_known"),
        ),
        sa.ForeignKeyConstraint(["lane", "case_id"], ["cases.lane", "cases.id"], name=op.f("fk_step_cases")),
        sa.PrimaryKeyConstraint("lane", "case_id", "code", name=op.f("pk_step")),
    )
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.create_index(
            "ix_step_of_department", ["department", "state", "lane", "case_id"], unique=False
        )

    op.create_table(
        "delivery_attempt",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("failure", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lane", "case_id", "delivery_id"],
            ["delivery.lane", "delivery.case_id", "delivery.id"],
            name=op.f("fk_delivery_attempt_delivery"),
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "delivery_id", "number", name=op.f("pk_delivery_attempt")),
    )
    op.create_table(
        "task",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("submission", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_seq", sa.Integer(), nullable=False),
        sa.Column("held_reason", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(lease_token IS NOT NULL) = (state = 'sending')", name=op.f("ck_task_lease_while_sending")
        ),
        sa.CheckConstraint(
            "next_at IS NULL OR state IN ('pending', 'sending')", name=op.f("ck_task_due_while_unsent")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'done', 'held', 'withdrawn')",
            name=op.f("ck_task_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["lane", "case_id", "step"], ["step.lane", "step.case_id", "step.code"], name=op.f("fk_task_step")
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "id", name=op.f("pk_task")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index("ix_task_by_id", ["lane", "id"], unique=False)
        batch_op.create_index(
            "ix_task_due",
            ["lane", "next_at"],
            unique=False,
            postgresql_where=sa.text("next_at IS NOT NULL"),
            sqlite_where=sa.text("next_at IS NOT NULL"),
        )

    op.create_table(
        "timer",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'fired', 'cancelled')", name=op.f("ck_timer_state_known")),
        sa.ForeignKeyConstraint(
            ["lane", "case_id", "step"],
            ["step.lane", "step.case_id", "step.code"],
            name=op.f("fk_timer_step"),
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "id", name=op.f("pk_timer")),
    )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index(
            "ix_timer_due",
            ["lane", "due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "attempt",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("failure", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lane", "case_id", "task_id"],
            ["task.lane", "task.case_id", "task.id"],
            name=op.f("fk_attempt_task"),
        ),
        sa.PrimaryKeyConstraint("lane", "case_id", "task_id", "number", name=op.f("pk_attempt")),
    )


def refuse_downgrade(connection: sa.Connection) -> None:
    """Refuses while there is a case, since cases cannot be made again."""
    if connection.execute(sa.text("SELECT 1 FROM cases LIMIT 1")).first():
        raise RuntimeError("there are cases: going below revision 0001 would lose them")


def downgrade() -> None:
    """The way back to nothing."""
    refuse_downgrade(op.get_bind())
    op.drop_table("attempt")
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_timer_due",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )

    op.drop_table("timer")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_task_due",
            postgresql_where=sa.text("next_at IS NOT NULL"),
            sqlite_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_task_by_id")

    op.drop_table("task")
    op.drop_table("delivery_attempt")
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_index("ix_step_of_department")

    op.drop_table("step")
    op.drop_table("event")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_delivery_due",
            postgresql_where=sa.text("next_at IS NOT NULL"),
            sqlite_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_delivery_by_age")

    op.drop_table("delivery")
    op.drop_table("case_content")
    op.drop_table("jurisdiction")
    op.drop_table("idempotency_key")
    with op.batch_alter_table("endpoint", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_endpoint_department",
            postgresql_where=sa.text("kind = 'department'"),
            sqlite_where=sa.text("kind = 'department'"),
        )
        batch_op.drop_index(batch_op.f("ix_endpoint_owner"))

    op.drop_table("endpoint")
    op.drop_table("department")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index("ix_cases_of_subject")
        batch_op.drop_index("ix_cases_by_age")

    op.drop_table("cases")
    with op.batch_alter_table("case_number", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_number_number"))

    op.drop_table("case_number")
    op.drop_table("case_counter")
    op.drop_table("bundle_version")
    op.drop_table("api_key")
