"""Documents: files that are handed in, uploads on their way, links that hand them on.

Revision 0009, after 0008. Safe for the code that is running: it knows nothing of the new tables. On the way
back the rows go; the files stay in their folder or bucket, and nothing can open them any more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is new."""
    _documents()
    _uploads()
    _links()


def _documents() -> None:
    op.create_table(
        "document",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("finding", sa.String(length=200), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("scan_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('storing', 'scanning', 'clean', 'infected', 'unscanned')",
            name=op.f("ck_document_state_known"),
        ),
        sa.CheckConstraint(
            "(scan_at IS NOT NULL) = (state = 'scanning')", name=op.f("ck_document_scan_while_scanning")
        ),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_document")),
    )
    op.create_index("ix_document_of_subject", "document", ["client", "subject", "created_at"])
    for name, column in (("ix_document_to_scan", "scan_at"), ("ix_document_to_check", "check_at")):
        due = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "document", ["lane", column], postgresql_where=due, sqlite_where=due)


def _uploads() -> None:
    op.create_table(
        "document_upload",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("received_bytes", sa.Integer(), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("pieces", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "received_bytes BETWEEN 0 AND size_bytes", name=op.f("ck_document_upload_received_within_size")
        ),
        sa.PrimaryKeyConstraint("lane", "id", name=op.f("pk_document_upload")),
    )
    op.create_index("ix_document_upload_of_subject", "document_upload", ["client", "subject"])
    op.create_index("ix_document_upload_expiry", "document_upload", ["expires_at"])


def _links() -> None:
    op.create_table(
        "document_link",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lane", "hash", name=op.f("pk_document_link")),
    )
    op.create_index("ix_document_link_expiry", "document_link", ["expires_at"])


def downgrade() -> None:
    """The way back; documents can no longer be opened."""
    op.drop_table("document_link")
    op.drop_table("document_upload")
    op.drop_table("document")
