"""Pauses: nothing is sent to an endpoint while it is held; what waits for it stays where it is.

A task or delivery of a held endpoint is due like any other and is left out of every claim (`store.queue`), so
nothing has to be moved aside, and nothing can be left behind: resuming the endpoint is one row. What was held
one by one, by a 410 or because all tries were spent, is put on its way by a job. What needs a person's
attention is not: nothing tells that it would go better now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import security_log
from onenet.adapters.transport import Attempt
from onenet.errors import NotFound
from onenet.ids import new_id
from onenet.store import endpoints, health, jobs
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.jobs import Job

JOB_PREFIX = "job"
GONE = 410
IS_GONE = "it answered 410"

log = structlog.get_logger()


class Asked(NamedTuple):
    """Of which endpoint something is asked, by whom, and when."""

    endpoint_id: UUID
    actor: str
    at: datetime


class Done(NamedTuple):
    """The endpoint as it is now, and the job that sees to the rest: of a pause, that each step says so."""

    endpoint: EndpointRow
    job: Job


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold an endpoint until it is resumed; one that is held already gets this reason."""

    asked: Asked
    because: str

    async def effect(self, connection: AsyncConnection) -> Done:
        """Does it. Raises: NotFound."""
        known = await _known(connection, self.asked)
        held_at = known.held_at or self.asked.at
        endpoint = replace(known, state="held", held_at=held_at, held_because=self.because)
        await endpoints.replace(connection, endpoint)
        made = _job(self.asked, "pause")
        return Done(endpoint, await jobs.append(connection, made, jobs.on_its_way(endpoint)))

    def report(self, done: Done) -> None:
        """Tells the security log."""
        security_log.report(
            "endpoint_held", "paused", endpoint=str(done.endpoint.id), owner=done.endpoint.owner
        )


@dataclass(frozen=True, slots=True)
class Resumption:
    """Let an endpoint be sent what waits for it, and what is held for it alone."""

    asked: Asked

    async def effect(self, connection: AsyncConnection) -> Done:
        """Does it. Raises: NotFound."""
        known = await _known(connection, self.asked)
        endpoint = replace(known, state="active", held_at=None, held_because=None)
        await endpoints.replace(connection, endpoint)
        await health.forget(connection, endpoint.id)  # it is called at once
        await jobs.ask_now(connection, endpoint, self.asked.at)
        made = _job(self.asked, "resumption")
        return Done(endpoint, await jobs.append(connection, made, jobs.released(endpoint, self.asked.at)))

    def report(self, done: Done) -> None:
        """Tells the security log."""
        security_log.report("endpoint_resumed", endpoint=str(done.endpoint.id), owner=done.endpoint.owner)


async def _known(connection: AsyncConnection, asked: Asked) -> EndpointRow:
    found = await endpoints.by_id(connection, asked.endpoint_id, for_update=True)
    if found is None:
        raise NotFound
    return found


def _job(asked: Asked, kind: jobs.Kind) -> Job:
    return Job(new_id(), asked.endpoint_id, kind, asked.actor, 0, asked.at, asked.at)


async def hold_if_gone(
    database: Database, endpoint: EndpointRow | None, attempt: Attempt, now: datetime
) -> None:
    """Holds the endpoint that answered 410, if it is still at the address that was called: all else that
    waits for it is spared a call. Raises: Unavailable. Source: Standard Webhooks 1.0.0.
    """
    if endpoint is None or attempt.status != GONE:
        return
    async with database.transaction() as connection:
        known = await endpoints.by_id(connection, endpoint.id, for_update=True)
        if known is None or known.state == "held" or known.url != endpoint.url:
            return
        held = replace(known, state="held", held_at=now, held_because=IS_GONE)
        await endpoints.replace(connection, held)
    log.warning("endpoint_held", endpoint=str(endpoint.id), owner=endpoint.owner, reason=IS_GONE)
    security_log.report("endpoint_held", "gone", endpoint=str(endpoint.id), owner=endpoint.owner)


async def job_of(database: Database, endpoint_id: UUID, id: UUID, kind: jobs.Kind) -> Job:
    """The job of this kind about this endpoint. Raises: NotFound."""
    async with database.read() as connection:
        found = await jobs.find(connection, endpoint_id, id)
    if found is None or found.kind != kind:
        raise NotFound
    return found
