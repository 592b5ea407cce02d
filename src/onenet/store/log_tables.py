"""The tables of the log: what is sealed, and what stands beside events without being chained.

An event row is written once and never again, so nothing here is a column of it. Of these only `event_private`
is written with a change of a case; all others are the sealer's. Rules: security.md section 6.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
)

from onenet.store.schema import of_case, to_case
from onenet.store.tables import Timestamp, metadata

event_private = Table(
    "event_private",
    metadata,
    *of_case(),
    Column("seq", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("lane", "case_id", "seq"),
    to_case(),
)
"""What an event tells that is personal or free text, sealed with the salt of the event's commitment to it."""

log_unsealed = Table(
    "log_unsealed",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("cases", Text),
    Column("changes", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)
"""Said by each process after its commits: these cases (JSON) have new events. NULL: look through all."""

log_leaf = Table(
    "log_leaf",
    metadata,
    *of_case(),
    Column("seq", Integer, nullable=False),
    Column("leaf", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    PrimaryKeyConstraint("lane", "case_id", "seq"),
    CheckConstraint("events >= 1 AND events <= seq AND leaf >= events - 1", name="run_possible"),
)
"""Where events stand in the tree: some `events` of a case in a row; the last, `seq`, is leaf `leaf`."""

log_tile = Table(
    "log_tile",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "number"),
)

log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

log_stamp = Table(
    "log_stamp",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("reply", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)
"""What an authority signed of the checkpoint of that size, as it was received (RFC 3161)."""

log_key = Table(
    "log_key",
    metadata,
    Column("origin", String(128), primary_key=True),
    Column("public", String(255), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)
"""Who signs: `public` as others read it, `secret` sealed by the key ring."""

log_sealer = Table(
    "log_sealer",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("holder", Uuid),
    Column("until", Timestamp),
    Column("next_lane", SmallInteger, nullable=False),
    Column("lanes_left", SmallInteger, nullable=False),
)
"""One row: who seals, until when; how far the look through all cases is. Each sealing raises `fence`."""
