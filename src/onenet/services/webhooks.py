"""Webhooks: sends one delivery to its subscriber and records what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from onenet import crashing
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import Clock
from onenet.domain.outcome import TryLater
from onenet.domain.retry import GiveUp, after_failure
from onenet.ids import to_text
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.services.steps import Claimed, ended
from onenet.store import deliveries, endpoints, queue
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow


async def deliver(database: Database, transport: Transport, clock: Clock, claimed: Claimed) -> None:
    """Tells one subscriber of one event; a result whose lease is lost changes nothing but the attempts."""
    row = claimed.row
    async with database.read() as connection:
        known = {endpoint.id: endpoint for endpoint in await endpoints.every(connection, "subscriber")}
    attempt = await _post(known.get(row["endpoint_id"]), transport, row, clock.now())
    settled = _settled(claimed, attempt, clock.now())
    async with database.transaction() as connection:
        await queue.end_attempts(connection, queue.DELIVERIES, [ended(row, attempt)])
        await deliveries.settle(connection, [settled])
        crashing.point("before_commit")
    crashing.point("after_commit")


async def _post(
    endpoint: EndpointRow | None, transport: Transport, row: RowMapping, now: datetime
) -> Attempt:
    if endpoint is None or endpoint.state == "held":
        return Attempt(TryLater("gone", "the endpoint is held"), None, now, now, "gone", "", 0)
    return await transport.post_signed(
        endpoint.url,
        row["payload"].encode(),
        secrets=endpoint.secrets,
        message_id=to_text(DELIVERY_PREFIX, row["id"]),
        now=now,
    )


def _settled(claimed: Claimed, attempt: Attempt, now: datetime) -> dict[str, Any]:
    row = claimed.row
    settled = {
        "key_lane": row["lane"],
        "key_case_id": row["case_id"],
        "key_id": row["id"],
        "key_token": claimed.token,
        "state": "done",
        "tries": row["tries"],
        "next_at": None,
        "held_reason": None,
    }
    if not isinstance(attempt.outcome, TryLater):
        return settled
    tries = row["tries"] + 1
    verdict = after_failure(attempt.outcome, row["id"], tries, first_at=row["first_attempt_at"], now=now)
    if isinstance(verdict, GiveUp):
        return settled | {"state": "held", "tries": tries, "held_reason": verdict.reason}
    return settled | {"state": "pending", "tries": verdict.tries, "next_at": verdict.at}
