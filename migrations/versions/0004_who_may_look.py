"""Who may look and who has looked: kinds and jurisdictions of keys, delegations, emergency access, records.

Revision 0004, after 0003. Safe for the code that is running: it knows nothing of the new tables and column,
and makes no key of a new kind. On the way back the keys of the new kinds go: that code cannot read them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OLD = ("frontend", "department", "administrator")
NEW = (*OLD, "officer", "supervisor", "auditor")


def upgrade() -> None:
    """What is new."""
    _kinds(NEW, add=[sa.Column("jurisdictions", sa.Text(), server_default="[]", nullable=False)])
    op.create_table(
        "delegation",
        sa.Column("delegate_subject", sa.String(128), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delegate_client", sa.String(64), nullable=False),
        sa.Column("owner_client", sa.String(64), nullable=False),
        sa.Column("owner_subject", sa.String(128), nullable=False),
        sa.Column("bundles", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid()),
        sa.Column("proof", sa.String(200)),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("(case_id IS NULL) = (bundles <> '[]')", name=op.f("ck_delegation_one_scope")),
        sa.PrimaryKeyConstraint("delegate_subject", "id", name=op.f("pk_delegation")),
    )
    op.create_index(
        op.f("ix_delegation_owner_subject_created_at"), "delegation", ["owner_subject", "created_at"]
    )
    _create_break_glass()
    _create_access_record()


def downgrade() -> None:
    """The way back."""
    for table in ("access_record", "break_glass", "delegation"):
        op.drop_table(table)
    op.execute("DELETE FROM api_key WHERE kind IN ('officer', 'supervisor', 'auditor')")
    _kinds(OLD, drop=["jurisdictions"])


def _kinds(kinds: tuple[str, ...], add: Sequence[sa.Column[str]] = (), drop: Sequence[str] = ()) -> None:
    """The table is told and not looked up, so that the SQL can also be printed (SQLite writes it anew)."""
    words = ", ".join(f"'{kind}'" for kind in kinds)
    told = _api_key(NEW if drop else OLD, [sa.Column(name, sa.Text(), server_default="[]") for name in drop])
    with op.batch_alter_table("api_key", copy_from=told) as batch_op:
        for column in add:
            batch_op.add_column(column)
        for name in drop:
            batch_op.drop_column(name)
        batch_op.drop_constraint(op.f("ck_api_key_kind_known"), type_="check")
        batch_op.create_check_constraint(op.f("ck_api_key_kind_known"), f"kind IN ({words})")


def _api_key(kinds: tuple[str, ...], further: Sequence[sa.Column[str]]) -> sa.Table:
    words = ", ".join(f"'{kind}'" for kind in kinds)
    return sa.Table(
        "api_key",
        sa.MetaData(),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("public", sa.String(length=8), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        *further,
        sa.CheckConstraint(f"kind IN ({words})", name=op.f("ck_api_key_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("public", name=op.f("uq_api_key_public")),
    )


def _create_break_glass() -> None:
    op.create_table(
        "break_glass",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(255)),
        sa.Column("approved_at", sa.DateTime(timezone=True)),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (ends_at IS NULL)", name=op.f("ck_break_glass_ends_when_approved")
        ),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_break_glass")),
    )
    op.create_index(op.f("ix_break_glass_asked_at_lane_id"), "break_glass", ["asked_at", "lane", "id"])


def _create_access_record() -> None:
    op.create_table(
        "access_record",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("owner_client", sa.String(64), nullable=False),
        sa.Column("owner_subject", sa.String(128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text()),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.CheckConstraint("times >= 1", name=op.f("ck_access_record_times_some")),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_access_record")),
    )
    op.create_index(
        op.f("ix_access_record_owner_subject_at_lane_id"),
        "access_record",
        ["owner_subject", "at", "lane", "id"],
    )
