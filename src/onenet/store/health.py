"""How endpoints fare, as all workers know it: a row each, which is changed by who read it last."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.breaker import CLOSED, Breaker, BreakerState, Minute
from onenet.domain.bucket import Bucket
from onenet.store.endpoints import EndpointRow
from onenet.store.health_tables import endpoint_health
from onenet.store.queue import Owner
from onenet.store.tables import endpoint

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Health:
    """How one endpoint fares; `kind` and `owner` are the endpoint's. `version` 0: there is no row yet.

    `probe_token`: of the one call that is made while the breaker is not closed; it ends with `probe_until`.
    """

    endpoint_id: UUID
    kind: str
    owner: str
    version: int = 0
    breaker: Breaker = CLOSED
    probe_token: UUID | None = None
    probe_until: datetime | None = None
    alerts: int = 0
    rest_until: datetime | None = None
    answer_times: tuple[int, ...] = ()

    @property
    def is_shut(self) -> bool:
        """Whether nobody calls but the prober."""
        return not self.breaker.is_closed

    def rests(self, now: datetime) -> bool:
        """Whether nobody calls it now, but perhaps a prober."""
        return self.is_shut or (self.rest_until is not None and self.rest_until > now)

    @property
    def of(self) -> Owner:
        """Whose the work is, as the queue has it."""
        return self.owner if self.kind == "department" else self.endpoint_id


_BREAKER = tuple(name for name in Breaker.__dataclass_fields__ if name not in ("state", "recent"))
_PLAIN = ("endpoint_id", "version", "probe_token", "probe_until", "alerts", "rest_until")
_JSON = ("recent", "answer_times")
_EVERY = select(
    endpoint.c.kind, endpoint.c.owner,
    *(endpoint_health.c[name] for name in (*_PLAIN, *_BREAKER, "state", *_JSON)),
).join_from(endpoint_health, endpoint)  # fmt: skip


async def every(connection: AsyncConnection) -> dict[UUID, Health]:
    """All that were ever called."""
    rows = (await connection.execute(_EVERY)).mappings()
    return {row["endpoint_id"]: _read(row) for row in rows}


def _read(row: RowMapping) -> Health:
    recent = tuple(Minute(*each) for each in json.loads(row["recent"]))
    breaker = Breaker(
        state=BreakerState(row["state"]), recent=recent, **{name: row[name] for name in _BREAKER}
    )
    times = tuple(json.loads(row["answer_times"]))
    plain = {name: row[name] for name in (*_PLAIN, "kind", "owner")}
    return Health(breaker=breaker, answer_times=times, **plain)


def _row(health: Health) -> dict[str, Any]:
    breaker = health.breaker
    return {
        **{name: getattr(health, name) for name in _PLAIN},
        **{name: getattr(breaker, name) for name in _BREAKER},
        "state": breaker.state.value,
        "recent": json.dumps([(each.number, each.calls, each.failed) for each in breaker.recent]),
        "answer_times": json.dumps(health.answer_times),
    }


async def write(connection: AsyncConnection, health: Health) -> bool:
    """Writes it over the row of its version; False when somebody changed that, or took it away."""
    row = _row(replace(health, version=health.version + 1))
    if health.version == 0:
        made = _INSERT[connection.dialect.name](endpoint_health).values(row).on_conflict_do_nothing()
    else:
        c = endpoint_health.c
        same = (c.endpoint_id == health.endpoint_id, c.version == health.version)
        made = update(endpoint_health).where(*same).values(row)
    return (await connection.execute(made.returning(endpoint_health.c.version))).first() is not None


async def bucket(connection: AsyncConnection, endpoint: EndpointRow) -> Bucket | None:
    """What is in the bucket of this endpoint, which nobody else takes of until this transaction ends.

    None: nobody took anything yet.
    """
    await write(connection, Health(endpoint.id, endpoint.kind, endpoint.owner))  # unless there is a row
    c = endpoint_health.c
    statement = select(c.tokens, c.tokens_at).where(c.endpoint_id == endpoint.id).with_for_update()
    found = (await connection.execute(statement)).one_or_none()
    return None if found is None or found.tokens is None else Bucket(found.tokens, found.tokens_at)


async def save_bucket(connection: AsyncConnection, endpoint_id: UUID, after: Bucket) -> None:
    """Writes what is left in it; that raises no version."""
    statement = update(endpoint_health).where(endpoint_health.c.endpoint_id == endpoint_id)
    await connection.execute(statement.values(tokens=after.tokens, tokens_at=after.at))


async def forget(connection: AsyncConnection, endpoint_id: UUID) -> None:
    """Knows nothing of it any more: it is somewhere else now, or somebody mended it."""
    await connection.execute(delete(endpoint_health).where(endpoint_health.c.endpoint_id == endpoint_id))
