"""The tables. Every workflow table's key begins with `lane`; small look-up tables have their own keys.

The state columns carry CHECK constraints made from the tables of `domain.states`. JSON is kept as the exact
text that was written, so that hashes and answers do not depend on a database's idea of JSON.
Migrations equal this metadata (tests/migrations). Rules: scale.md section 5.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    false,
    text,
)

from onenet.domain.states import CaseState, DeliveryState, Light, StepState, TaskState, TimerState
from onenet.store import identity_tables, schema
from onenet.store.schema import of_case, only, to_case

metadata, Timestamp = schema.metadata, schema.Timestamp
OF_IDENTITY = (identity_tables.token_revocation, identity_tables.login_session)
"""Tables of a module of their own, which belong to the same metadata."""


def _states(column: str, states: type[StrEnum]) -> CheckConstraint:
    words = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def _timing() -> list[Column[Any]]:
    """How a step or a case stands with time; `clock` is JSON."""
    return [
        Column("clock", Text),
        Column("promised_due_at", Timestamp),
        Column("statutory_due_at", Timestamp),
        Column("light", String(8), nullable=False, server_default=Light.GREEN),
        Column("next_due_at", Timestamp),
        Column("is_provisional", Boolean, nullable=False, server_default=false()),
    ]


HELD = text("state = 'held'")
LIT = "waits_for IS NOT NULL AND (light <> 'green' OR urging_due_at IS NOT NULL)"
"""An open step that supervision looks at."""

# ---- callers: few rows, whole on every node

api_key = Table(
    "api_key",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("public", String(8), nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp),
    Column("revoked_at", Timestamp),
    Column("jurisdictions", Text, nullable=False, server_default="[]"),
    Column("networks", Text, nullable=False, server_default="[]"),
    Column("last_used_at", Timestamp),
    CheckConstraint(
        "kind IN ('frontend', 'department', 'administrator', 'officer', 'supervisor', 'auditor')",
        name="kind_known",
    ),
)

endpoint = Table(
    "endpoint",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("adapter", String(64), nullable=False),
    Column("url", String(2048), nullable=False),
    Column("secrets", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("held_at", Timestamp),
    Column("held_because", Text),
    # Calls in a second; 0: as many as there are.
    Column("rate_per_s", Integer, nullable=False, server_default="0"),
    CheckConstraint("kind IN ('department', 'subscriber')", name="kind_known"),
    CheckConstraint("state IN ('active', 'held')", name="state_known"),
    Index(None, "owner"),
    Index("ix_endpoint_held", "kind", "owner", "id", **only(HELD)),
    Index("uq_endpoint_department", "owner", unique=True, **only(text("kind = 'department'"))),
)

# Key-encryption keys that rows are sealed under; no secret. `proof` is a known text, sealed with the key.
encryption_key = Table(
    "encryption_key",
    metadata,
    Column("kid", Integer, nullable=False, autoincrement=False),
    Column("suite", String(16), nullable=False),
    Column("proof", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("kid"),
)

# ---- look-up tables with keys of their own

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("scope", String(255), nullable=False),
    Column("key", String(255), nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("lane", SmallInteger),
    Column("case_id", Uuid),
    Column("created_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("scope", "key"),
)

case_number = Table(
    "case_number",
    metadata,
    Column("organisation", String(64), nullable=False),
    Column("number", String(64), nullable=False),
    *of_case(),
    PrimaryKeyConstraint("organisation", "number"),
    Index(None, "number"),
)

case_counter = Table(
    "case_counter",
    metadata,
    Column("scope", String(200), nullable=False),
    Column("day", String(10), nullable=False),
    Column("serial", Integer, nullable=False),
    PrimaryKeyConstraint("scope", "day"),
)

# ---- workflow: all rows of a case share its lane

_OPEN = "state IN ('received', 'accepted', 'in_progress')"

cases = Table(
    "cases",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("number", String(64), nullable=False),
    Column("bundle_code", String(64), nullable=False),
    Column("bundle_version", Integer, nullable=False),
    Column("jurisdiction", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("client", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("head_hash", LargeBinary, nullable=False),
    Column("tracking_secret", String(64), nullable=False),
    Column("utc_offset_minutes", SmallInteger, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    # Wrapped; NULL: of a case from before there was encryption, or of one whose key somebody took out.
    Column("data_key", LargeBinary),
    # `tracking_secret`, which is empty then. Both are of cases from before there was `secret_hash`.
    Column("sealed_secret", Text),
    Column("applicant_index", LargeBinary),
    Column("secret_hash", LargeBinary),
    *_timing(),
    # Where it was handed in; NULL: where it is handled.
    Column("receiving", String(64)),
    PrimaryKeyConstraint("lane", "id"),
    _states("state", CaseState),
    CheckConstraint("seq >= 1", name="seq_begun"),
    CheckConstraint("lane BETWEEN 0 AND 255", name="lane_range"),
    Index("ix_cases_of_subject", "subject", "created_at", "lane", "id"),
    Index("ix_cases_by_age", "created_at", "lane", "id"),
    Index("ix_cases_of_applicant", "applicant_index"),
    # Closed cases are not in it, so that looking through the open ones does not slow down with the years.
    Index("ix_cases_open", "lane", "id", **only(text(_OPEN))),
    Index("ix_cases_due", "lane", "next_due_at", **only(text("next_due_at IS NOT NULL"))),
)

case_content = Table(
    "case_content",
    metadata,
    *of_case(),
    Column("content", Text, nullable=False),
    PrimaryKeyConstraint("lane", "case_id"),
    to_case(),
)

step = Table(
    "step",
    metadata,
    *of_case(),
    Column("code", String(64), nullable=False),
    Column("department", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("since", Timestamp, nullable=False),
    Column("waits_for", String(16)),
    Column("wait_reason", String(64)),
    Column("wait_refs", Text),
    Column("wait_until", Timestamp),
    Column("submission", SmallInteger, nullable=False),
    Column("resume", String(32)),
    Column("opinion", Text),
    Column("reason", Text),
    Column("results", Text, nullable=False),
    Column("requests", Text, nullable=False),
    Column("procedures", Text, nullable=False, server_default="[]"),
    # The five above, sealed, which are empty then.
    Column("said", Text),
    # At a department's desk: since when, and who has taken it up and when.
    Column("desk_at", Timestamp),
    Column("claimed_by", String(255)),
    Column("claimed_at", Timestamp),
    Column("received_at", Timestamp),
    # When the first urging that is open is to be answered: of `procedures`, for looking up.
    Column("urging_due_at", Timestamp),
    # Where what it issued is found by a verification code; tells nothing of it.
    Column("result_locator", Integer),
    # The first day by which something that was promised is to follow or to be looked at: likewise.
    Column("awaited_on", Date),
    *_timing(),
    PrimaryKeyConstraint("lane", "case_id", "code"),
    to_case(),
    _states("state", StepState),
    CheckConstraint(
        "(waits_for IS NULL) = (state IN ('completed', 'rejected', 'skipped', 'cancelled'))",
        name="waiting_says_why",
    ),
    Index("ix_step_of_department", "department", "lane", "case_id"),
    Index("ix_step_result", "lane", "result_locator", **only(text("result_locator IS NOT NULL"))),
    Index("ix_step_awaited", "lane", "department", "awaited_on", **only(text("awaited_on IS NOT NULL"))),
    Index("ix_step_lit", "lane", "case_id", "code", **only(text(LIT))),
    Index(
        "ix_step_at_desk",
        *("lane", "department", "desk_at"),
        **only(text("desk_at IS NOT NULL AND waits_for IS NOT NULL")),
    ),
)

task = Table(
    "task",
    metadata,
    *of_case(),
    Column("id", Uuid, nullable=False),
    Column("step", String(64), nullable=False),
    Column("department", String(64), nullable=False),
    Column("submission", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("payload", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("next_at", Timestamp),
    Column("lease_token", Uuid),
    Column("first_attempt_at", Timestamp),
    Column("applied_seq", Integer, nullable=False),
    Column("held_reason", String(64)),
    Column("fetch_at", Timestamp),
    Column("reference", Text),
    Column("poll_at", Timestamp),
    Column("poll_token", Uuid),
    Column("poll_every_s", Integer),
    Column("polls", SmallInteger, nullable=False, server_default="0"),
    Column("trigger", String(16)),
    Column("kind", String(16), nullable=False, server_default="application"),
    PrimaryKeyConstraint("lane", "case_id", "id"),
    ForeignKeyConstraint(["lane", "case_id", "step"], ["step.lane", "step.case_id", "step.code"]),
    _states("state", TaskState),
    CheckConstraint("(lease_token IS NOT NULL) = (state = 'sending')", name="lease_while_sending"),
    CheckConstraint("next_at IS NULL OR state IN ('pending', 'sending')", name="due_while_unsent"),
    Index("ix_task_by_id", "lane", "id"),
    Index("ix_task_due", "lane", "next_at", **only(text("next_at IS NOT NULL"))),
    Index("ix_task_held", "lane", "department", **only(HELD)),
    Index("ix_task_to_fetch", "lane", "department", "fetch_at", **only(text("fetch_at IS NOT NULL"))),
    Index(
        "ix_task_withdrawal",
        *("lane", "department", "created_at"),
        **only(text("kind = 'withdrawal' AND state <> 'done'")),
    ),
    Index("ix_task_to_poll", "lane", "poll_at", **only(text("poll_at IS NOT NULL"))),
)


def _attempt(name: str, of: str, parent: str) -> Table:
    """One HTTP call of a row of `parent`; the row is written when the call begins, completed when it ends."""
    return Table(
        name,
        metadata,
        *of_case(),
        Column(of, Uuid, nullable=False),
        Column("number", Integer, nullable=False),
        Column("started_at", Timestamp, nullable=False),
        Column("ended_at", Timestamp),
        Column("status", SmallInteger),
        Column("failure", String(16)),
        Column("reason", Text),
        Column("excerpt", Text),
        Column("trigger", String(16)),
        Column("key_id", String(16)),
        PrimaryKeyConstraint("lane", "case_id", of, "number"),
        ForeignKeyConstraint(
            ["lane", "case_id", of], [f"{parent}.lane", f"{parent}.case_id", f"{parent}.id"]
        ),
    )


attempt = _attempt("attempt", "task_id", "task")

timer = Table(
    "timer",
    metadata,
    *of_case(),
    Column("id", Uuid, nullable=False),
    Column("step", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("due_at", Timestamp, nullable=False),
    Column("state", String(16), nullable=False),
    Column("held_reason", String(64)),
    PrimaryKeyConstraint("lane", "case_id", "id"),
    ForeignKeyConstraint(["lane", "case_id", "step"], ["step.lane", "step.case_id", "step.code"]),
    _states("state", TimerState),
    Index("ix_timer_due", "lane", "due_at", **only(text("state = 'pending'"))),
)

event = Table(
    "event",
    metadata,
    *of_case(),
    Column("seq", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("step", String(64)),
    Column("actor", String(255), nullable=False),
    Column("at", String(32), nullable=False),
    Column("data", Text, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lane", "case_id", "seq"),
    to_case(),
)

delivery = Table(
    "delivery",
    metadata,
    *of_case(),
    Column("id", Uuid, nullable=False),
    Column("endpoint_id", Uuid, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("next_at", Timestamp),
    Column("lease_token", Uuid),
    Column("first_attempt_at", Timestamp),
    Column("held_reason", String(64)),
    Column("trigger", String(16)),
    PrimaryKeyConstraint("lane", "case_id", "id"),
    to_case(),
    ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"]),
    _states("state", DeliveryState),
    CheckConstraint("(lease_token IS NOT NULL) = (state = 'sending')", name="lease_while_sending"),
    CheckConstraint("next_at IS NULL OR state IN ('pending', 'sending')", name="due_while_unsent"),
    Index("ix_delivery_by_age", "created_at", "lane", "id"),
    Index("ix_delivery_held", "lane", "endpoint_id", **only(HELD)),
    Index("ix_delivery_due", "lane", "next_at", **only(text("next_at IS NOT NULL"))),
)

delivery_attempt = _attempt("delivery_attempt", "delivery_id", "delivery")
