"""Replays: what went to an endpoint in a while is sent again, under the ids that it had, as a job.

Source: Standard Webhooks 1.0.0 (replay is strongly advised); delivery.md section 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import security_log
from onenet.errors import Conflict, NotFound
from onenet.ids import new_id, to_text
from onenet.services.pauses import JOB_PREFIX, Asked
from onenet.store import endpoints, inspection, jobs
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.jobs import Chosen, Job

LONGEST_AGO = timedelta(days=90)
FITTING = {"department": ("held", "sent"), "subscriber": ("held", "done")}
"""What can be sent again: of a department's tasks never one that is done or withdrawn."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """From when and until when it was written, which states and types of it; empty: all that can be sent."""

    since: datetime
    until: datetime
    states: Sequence[str] = ()
    types: Sequence[str] = ()


def _chosen(endpoint: EndpointRow, wanted: Wanted, now: datetime) -> Chosen:
    """Raises: Conflict."""
    fitting = FITTING[endpoint.kind]
    if not now - LONGEST_AGO <= wanted.since < wanted.until:
        raise Conflict("expected a time within the last 90 days, before `until`")
    if unfit := sorted(set(wanted.states) - set(fitting)):
        raise Conflict(
            f"what goes there and is {unfit[0]} is not sent again: expected {' or '.join(fitting)}"
        )
    if wanted.types and endpoint.kind == "department":
        raise Conflict("tasks of a department have no types of events: leave them out")
    return Chosen(wanted.since, min(wanted.until, now), tuple(wanted.states or fitting), tuple(wanted.types))


async def count(database: Database, endpoint_id: UUID, wanted: Wanted, now: datetime) -> int:
    """How much that would be; nothing is sent. Raises: NotFound, Conflict."""
    async with database.read() as connection:
        endpoint = await _known(connection, endpoint_id)
        chosen = jobs.chosen(endpoint, _chosen(endpoint, wanted, now))
        await inspection.no_time_limit(connection)
        return await jobs.count(connection, chosen)


async def _known(connection: AsyncConnection, id: UUID, *, for_update: bool = False) -> EndpointRow:
    found = await endpoints.by_id(connection, id, for_update=for_update)
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Replay:
    """Send again what was chosen, at half of what an endpoint is sent in a second at most."""

    asked: Asked
    wanted: Wanted

    async def effect(self, connection: AsyncConnection) -> Job:
        """Writes the job. Raises: NotFound, Conflict."""
        asked = self.asked
        endpoint = await _known(connection, asked.endpoint_id, for_update=True)
        chosen = _chosen(endpoint, self.wanted, asked.at)
        if await jobs.open_of(connection, endpoint.id, "replay"):
            raise Conflict("a replay to this endpoint is under way")
        await inspection.no_time_limit(connection)
        wanted = {
            "since": chosen.since.isoformat(), "until": chosen.until.isoformat(),
            "states": list(chosen.states), "types": list(chosen.types),
        }  # fmt: skip
        made = Job(new_id(), endpoint.id, "replay", asked.actor, 0, asked.at, asked.at, wanted)
        return await jobs.append(connection, made, jobs.chosen(endpoint, chosen))

    def report(self, done: Job) -> None:
        """Tells the security log."""
        job = to_text(JOB_PREFIX, done.id)
        security_log.report("replayed", endpoint=str(done.endpoint_id), job=job, number=done.total)
