"""Webhooks: sends one delivery to its subscriber and records what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from onenet import crashing, tally
from onenet.adapters import jetstream
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import Clock
from onenet.domain.outcome import TryLater
from onenet.domain.retry import GiveUp, Retry, after_failure
from onenet.errors import Unavailable
from onenet.ids import to_text
from onenet.services import outbox, pauses, relay
from onenet.services.leases import Claimed
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.services.steps import Hear, ended, say_of
from onenet.services.together import Together
from onenet.store import deliveries, queue
from onenet.store.bulk import Row
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow

LARGEST_BATCH = 200

log = structlog.get_logger()

_End = tuple[dict[str, Any], dict[str, Any]]
"""An attempt that ended, and what becomes of its delivery."""


class Settling:
    """Records what came of deliveries; what ends together shares a commit."""

    def __init__(self, database: Database):
        """One for each worker."""
        self.database = database
        self._together: Together[_End, None] = Together(
            self._write, largest=LARGEST_BATCH, rounds=1, keys=lambda end: (end[0]["id"],)
        )

    async def settle(self, end: dict[str, Any], settled: dict[str, Any]) -> None:
        """Records the end of an attempt and its effect; without the lease, nothing but the attempt.

        Raises: Unavailable.
        """
        await self._together.submit((end, settled))

    async def _write(self, ends: list[_End]) -> list[Exception | None]:
        """Writes them together; if that fails, each alone, so that one cannot spoil the others."""
        try:
            await self._write_all(sorted(ends, key=_key))
        except DBAPIError as error:
            if len(ends) == 1:
                return [error]
            return [(await self._write([end]))[0] for end in ends]
        return [None] * len(ends)

    async def _write_all(self, ends: list[_End]) -> None:
        async with self.database.transaction() as connection:
            await queue.end_attempts(connection, queue.DELIVERIES, [end for end, _ in ends])
            await deliveries.settle(connection, [settled for _, settled in ends])
            crashing.point("before_commit")
        crashing.point("after_commit")


def _key(end: _End) -> tuple[int, UUID, UUID]:
    """In which order rows are locked: two workers must not wait for one another."""
    return end[0]["lane"], end[0]["case_id"], end[0]["id"]


async def deliver(
    settling: Settling,
    transport: Transport,
    clock: Clock,
    claimed: Claimed,
    *,
    hear: Hear | None = None,
) -> None:
    """Tells one subscriber of one event; a result whose lease is lost changes nothing but the attempts."""
    row = claimed.row
    verdict_of: Verdict = _after_failure
    try:
        if claimed.endpoint is not None and claimed.endpoint.adapter == jetstream.ADAPTER:
            attempt = await _relay(claimed.endpoint, settling.database, transport, row, clock)
            verdict_of = relay.after_failure
        else:
            attempt = await _post(claimed.endpoint, transport, row, clock.now())
    except Unavailable:
        raise
    except Exception as error:  # a row that cannot be sent: held in sight, instead of failing for ever
        log.exception("delivery_failed", delivery=str(row["id"]))
        refused = TryLater("refused", f"the delivery could not be made: {type(error).__name__}")
        attempt = Attempt(refused, None, clock.now(), clock.now(), refused.failure, "", 0)
    tally.ATTEMPTS[queue.DELIVERIES.name, attempt.failure or "answered"] += 1
    if hear is not None:
        hear(claimed, attempt)
    await pauses.hold_if_gone(settling.database, claimed.endpoint, attempt, clock.now())
    end = ended(queue.DELIVERIES, row, attempt, settling.database.ring)
    settled = _settled(claimed, attempt, verdict_of, clock.now())
    await settling.settle(end, settled)
    say_of(queue.DELIVERIES, row, attempt, is_held=settled["state"] == "held")


async def _relay(
    endpoint: EndpointRow, database: Database, transport: Transport, row: Row, clock: Clock
) -> Attempt:
    started_at = clock.now()
    outcome = await relay.publish(transport.streams, database, endpoint, row)
    failure = outcome.failure if isinstance(outcome, TryLater) else None
    return Attempt(outcome, None, started_at, clock.now(), failure, "", 0)


async def _post(endpoint: EndpointRow | None, transport: Transport, row: Row, now: datetime) -> Attempt:
    if endpoint is None or endpoint.state == "held":
        return Attempt(TryLater("gone", "the endpoint is held"), None, now, now, "gone", "", 0)
    message_id = to_text(DELIVERY_PREFIX, row["id"])
    body, media_type = outbox.body(row["payload"], message_id, endpoint.options)
    return await transport.post_signed(
        endpoint.url,
        body.encode(),
        secrets=endpoint.keys_at(now),
        message_id=message_id,
        now=now,
        media_type=media_type,
    )


Verdict = Callable[[TryLater, Row, datetime], Retry | GiveUp]
"""What to do with a delivery that failed now."""


def _after_failure(failure: TryLater, row: Row, now: datetime) -> Retry | GiveUp:
    tries = max(row["tries"] + (row["trigger"] is None), 1)  # what somebody asked for spends none
    return after_failure(failure, row["id"], tries, first_at=row["first_attempt_at"], now=now)


def _settled(claimed: Claimed, attempt: Attempt, verdict_of: Verdict, now: datetime) -> dict[str, Any]:
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
    verdict = verdict_of(attempt.outcome, row, now)
    if isinstance(verdict, GiveUp):
        return settled | {"state": "held", "tries": row["tries"] + 1, "held_reason": verdict.reason}
    return settled | {"state": "pending", "tries": verdict.tries, "next_at": verdict.at}
