"""Webhooks: sends one delivery to its subscriber and records what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from onenet import crashing
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import Clock
from onenet.domain.outcome import TryLater
from onenet.domain.retry import GiveUp, after_failure
from onenet.ids import to_text
from onenet.services.leases import Claimed
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.services.steps import ended
from onenet.services.together import Together
from onenet.store import deliveries, queue
from onenet.store.bulk import Row
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow

LARGEST_BATCH = 200

_End = tuple[dict[str, Any], dict[str, Any]]
"""An attempt that ended, and what becomes of its delivery."""


class Settling:
    """Records what came of deliveries; what ends together shares a commit."""

    def __init__(self, database: Database):
        """One for each worker."""
        self._database = database
        self._together: Together[_End, None] = Together(
            self._write, largest=LARGEST_BATCH, rounds=1, key=lambda end: end[0]["id"]
        )

    async def settle(self, end: dict[str, Any], settled: dict[str, Any]) -> None:
        """Records the end of an attempt and its effect; without the lease, nothing but the attempt.

        Raises: Unavailable.
        """
        await self._together.submit((end, settled))

    async def _write(self, ends: list[_End]) -> list[Exception | None]:
        async with self._database.transaction() as connection:
            await queue.end_attempts(connection, queue.DELIVERIES, [end for end, _ in ends])
            await deliveries.settle(connection, [settled for _, settled in ends])
            crashing.point("before_commit")
        crashing.point("after_commit")
        return [None] * len(ends)


async def deliver(settling: Settling, transport: Transport, clock: Clock, claimed: Claimed) -> None:
    """Tells one subscriber of one event; a result whose lease is lost changes nothing but the attempts."""
    row = claimed.row
    attempt = await _post(claimed.endpoint, transport, row, clock.now())
    await settling.settle(ended(row, attempt), _settled(claimed, attempt, clock.now()))


async def _post(endpoint: EndpointRow | None, transport: Transport, row: Row, now: datetime) -> Attempt:
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
