"""Steps: the three beats of a call-out. Claim (committed), call (nothing open), record (the gate).

A department is called to hand a task over, and again to ask what became of it, where it does not call back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from onenet import crashing, tally
from onenet.adapters.base import Adapter, Consults, Endpoint, Polls, Talk, TaskSheet, Withdraws
from onenet.adapters.registry import adapter_for
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import Clock
from onenet.domain.case import OPINION, WITHDRAWAL
from onenet.domain.commands import FireTimer, RecordAttempt, RecordPoll
from onenet.domain.outcome import AtDesk, TryLater, Unclear
from onenet.domain.sheet import TASK_PREFIX
from onenet.encryption import KeyRing, blobs
from onenet.errors import MisconfiguredError, OnenetError, StaleWrite, Unavailable
from onenet.ids import new_id, to_text
from onenet.services import pauses
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.services.document_links import Links
from onenet.services.leases import Claimed
from onenet.store import endpoints, queue, sealing, timers
from onenet.store import health as store_health
from onenet.store.bulk import Row
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.health import Health

ACTOR = "system:worker"
UNDECIDABLE = "undecidable"
"""Why a task or timer is held whose case cannot be read or decided: `doctor --invariants` says more."""

GIVEN_BACK = "given_back"
"""Why an attempt ended that never came to a call: its worker was told to stop while it waited its turn."""

log = structlog.get_logger()


async def claim(
    database: Database,
    which: queue.Queue,
    clock: Clock,
    count: int,
    *,
    lease: timedelta = queue.LEASE,
    leave_out: Sequence[queue.Owner] = (),
) -> list[Claimed]:
    """Claims up to `count` due rows, and commits that before anybody is called."""
    wanted = queue.Wanted(new_id(), clock.now(), count, lease, leave_out)
    at_once = database.capabilities.at_once
    rows, known = await (_claim_at_once if at_once else _claim)(database, which, wanted)
    crashing.point("after_claim_commit")
    return _claimed(which, wanted.token, rows, known)


def _claimed(
    which: queue.Queue, token: UUID, rows: Sequence[Row], known: Sequence[EndpointRow]
) -> list[Claimed]:
    by_owner: dict[object, EndpointRow] = {e.owner: e for e in known if e.kind == "department"}
    by_owner |= {e.id: e for e in known if e.kind == "subscriber"}
    return [Claimed(dict(row), token, by_owner.get(row[which.owner])) for row in rows]


_Found = tuple[Sequence[Row], Sequence[EndpointRow]]


async def _claim_at_once(database: Database, which: queue.Queue, wanted: queue.Wanted) -> _Found:
    skip_locked = database.capabilities.skip_locked
    async with database.glance() as connection:
        crashing.point("before_claim_commit")
        rows = await queue.claim_at_once(connection, which, wanted, skip_locked=skip_locked)
        return rows, await endpoints.every(connection) if rows else []


async def _claim(database: Database, which: queue.Queue, wanted: queue.Wanted) -> _Found:
    """Looks first: where a claim locks the whole database, an idle worker would lock it for nothing."""
    async with database.read() as connection:
        lanes = await queue.due_lanes(connection, which, wanted.now)
    if not lanes:
        return [], []
    skip_locked = database.capabilities.skip_locked
    async with database.transaction() as connection:
        rows = await queue.claim(connection, which, lanes, wanted, skip_locked=skip_locked)
        known = await endpoints.every(connection) if rows else []
        crashing.point("before_claim_commit")
    return rows, known


async def claim_probe(
    database: Database, which: queue.Queue, clock: Clock, health: Health, lease: timedelta = queue.LEASE
) -> list[Claimed]:
    """Claims one piece of due work of an endpoint that is called by its prober alone, if there is any.

    Of all processes one does, by raising the version of the row that all have read. Raises: Unavailable.
    """
    now, token = clock.now(), new_id()
    wanted = queue.Wanted(token, now, 1, lease, only=health.of)
    async with database.read() as connection:
        lanes = await queue.due_lanes(connection, which, now, wanted.only)
    if not lanes:
        return []
    probed = replace(health, probe_token=token, probe_until=now + lease)
    async with database.transaction() as connection:
        if not await store_health.write(connection, probed):
            return []
        skip_locked = database.capabilities.skip_locked
        rows = await queue.claim(connection, which, lanes, wanted, skip_locked=skip_locked)
        if not rows:  # somebody else has it, and nobody probes
            await store_health.write(connection, replace(health, version=health.version + 1))
        known = await endpoints.every(connection)
    return [each._replace(probe=token) for each in _claimed(which, token, rows, known)]


async def give_back(database: Database, which: queue.Queue, clock: Clock, waiting: Sequence[Claimed]) -> None:
    """Gives claimed work back that nobody was called about: it is due at once. Raises: Unavailable."""
    if not waiting:
        return
    now = clock.now()
    unmade = Attempt(TryLater("transient", GIVEN_BACK), None, now, now, None, "", 0)
    back = sorted(waiting, key=lambda each: (each.row["lane"], each.row["case_id"], each.row["id"]))
    async with database.transaction() as connection:
        await queue.give_back(connection, which, [(each.row, each.token) for each in back], now)
        await queue.end_attempts(
            connection, which, [ended(which, each.row, unmade, database.ring) for each in back]
        )


def endpoint_of(row: EndpointRow, now: datetime | None = None) -> Endpoint:
    """The endpoint as adapters know it; with the old keys that still count `now`, where something is sent."""
    keys = row.secrets if now is None else row.keys_at(now)
    return Endpoint(row.id, row.owner, row.adapter, row.url, keys, row.options, row.credentials)


def _for_a_person() -> Talk:
    """The department's system has no word for it: no call at all."""
    yield from ()
    return AtDesk()


def _said_of(kind: str, adapter: Adapter, sheet: TaskSheet) -> Talk:
    """What the department's system is told of this kind of task."""
    if kind == WITHDRAWAL:
        return adapter.withdraw(sheet) if isinstance(adapter, Withdraws) else _for_a_person()
    if kind == OPINION:
        return adapter.consult(sheet) if isinstance(adapter, Consults) else _for_a_person()
    return adapter.submit(sheet)


Hear = Callable[[Claimed, Attempt], None]
"""Told of each call as it ends."""


async def dispatch(
    gate: Gate,
    transport: Transport,
    clock: Clock,
    claimed: Claimed,
    links: Links | None = None,
    *,
    hear: Hear | None = None,
) -> None:
    """Hands one claimed task to its department and records what came of it, whatever that was."""

    async def hand_over(target: Endpoint, sheet: TaskSheet) -> _Said:
        if links is not None:
            row = claimed.row
            sheet = await links.put_in(sheet, row["id"], row["case_id"], row["department"])
        return sheet.key, _said_of(claimed.row["kind"], adapter_for(target), sheet)

    attempt = await _call(claimed, transport, clock.now(), gate.ring, hand_over)
    await _record(gate, claimed, attempt, RecordAttempt, hear=hear)


async def ask(
    gate: Gate, transport: Transport, clock: Clock, claimed: Claimed, *, hear: Hear | None = None
) -> None:
    """Asks a department what became of a task that it has, and records what came of that.

    Each poll has a key of its own: under that of the task a department would say again what it said first.
    """

    async def poll(target: Endpoint, sheet: TaskSheet) -> _Said:
        adapter = adapter_for(target)
        if not isinstance(adapter, Polls):
            raise MisconfiguredError(f"the adapter {target.adapter} does not ask what became of a task")
        reference = opened(claimed.row, "reference", sealing.REFERENCE, gate.ring)
        return f"{sheet.key}-{claimed.row['attempt']}", adapter.poll(sheet, reference)

    attempt = await _call(claimed, transport, clock.now(), gate.ring, poll)
    await _record(gate, claimed, attempt, RecordPoll, hear=hear)


async def _record(
    gate: Gate,
    claimed: Claimed,
    attempt: Attempt,
    command: type[RecordAttempt | RecordPoll],
    *,
    hear: Hear | None,
) -> None:
    row = claimed.row
    which = queue.TASKS if command is RecordAttempt else queue.POLLS
    tally.ATTEMPTS[which.name, attempt.failure or "answered"] += 1
    if hear is not None:
        hear(claimed, attempt)
    await pauses.hold_if_gone(gate.database, claimed.endpoint, attempt, attempt.ended_at)
    if claimed.hand is not None:
        claimed.hand.give_back()  # the call is over; recording it keeps nobody from calling
    change = Change(
        case_id=row["case_id"],
        command=command(row["id"], claimed.token, attempt.outcome),
        actor=ACTOR,
        attempt=ended(queue.TASKS, row, attempt, gate.ring),
        claimed=claimed,
    )
    try:
        result = await gate.submit(change)
        if command is RecordAttempt:
            say_of(queue.TASKS, row, attempt, is_held=result.reply == "held")
    except StaleWrite:
        log.info("lease_lost", task=str(row["id"]), attempt=row["attempt"])
    except Unavailable:
        raise
    except Exception:  # an answer that cannot be stored: held in sight, instead of asked for again for ever
        log.exception("outcome_failed", task=str(row["id"]), attempt=row["attempt"])
        unclear = command(row["id"], claimed.token, Unclear("the answer could not be recorded"))
        unread = replace(attempt, outcome=unclear.outcome, excerpt="")
        held = ended(queue.TASKS, row, unread, gate.ring)
        await _hold(gate, claimed, replace(change, command=unclear, attempt=held))


FAILING = 4
"""Failures in a row after which people are told of one piece of work."""


def say_of(which: queue.Queue, row: Row, attempt: Attempt, *, is_held: bool) -> None:
    """Tells the log of what people should know of: that it keeps failing, goes well again, or is held."""
    known = {which.name: str(row["id"]), "owner": str(row[which.owner])}
    reason = getattr(attempt.outcome, "reason", None)
    if is_held:
        log.warning("task.held" if which is queue.TASKS else "delivery.held", **known, reason=reason)
    elif isinstance(attempt.outcome, TryLater):
        if row["tries"] + 1 == FAILING:
            log.warning("attempt.failing", **known, reason=reason)
    elif row["tries"] >= FAILING:
        log.warning("attempt.recovered", **known, tries=row["tries"])


async def _hold(gate: Gate, claimed: Claimed, change: Change) -> None:
    """Holds the step; where not even that can be decided, as the case cannot be read, its task alone."""
    try:
        await gate.submit(change)
    except (StaleWrite, Unavailable):
        raise
    except Exception:
        log.exception("case_undecidable", case=str(change.case_id), task=str(claimed.row["id"]))
        await gate.park(claimed, UNDECIDABLE)


def ended(which: queue.Queue, row: Row, attempt: Attempt, ring: KeyRing) -> dict[str, Any]:
    """The end of an attempt, as `store.queue.end_attempts` writes it: what was answered is sealed."""
    plain = {
        "lane": row["lane"],
        "case_id": row["case_id"],
        "id": row["id"],
        "number": row["attempt"],
        "ended_at": attempt.ended_at,
        "status": attempt.status,
        "failure": attempt.failure,
        "reason": getattr(attempt.outcome, "reason", None),
        "excerpt": attempt.excerpt,
        "key_id": attempt.key_id,
    }
    return sealing.sealed_attempt(ring, row["data_key"], which.attempts.name, plain)


_Said = tuple[str, Talk]
"""A key, and what is said to the department under it."""


async def _call(
    claimed: Claimed,
    transport: Transport,
    now: datetime,
    ring: KeyRing,
    say: Callable[[Endpoint, TaskSheet], Awaitable[_Said]],
) -> Attempt:
    endpoint, row = claimed.endpoint, claimed.row
    if endpoint is None and row["kind"] == OPINION:
        return Attempt(AtDesk(), None, now, now, None, "", 0)  # who is asked reads it
    if endpoint is None:
        return _not_called(TryLater("transient", "no endpoint is registered for the department"), now)
    if endpoint.state == "held":
        return _not_called(TryLater("gone", "the endpoint is held"), now)
    target = endpoint_of(endpoint, now)
    try:
        payload = payload_of(row, ring)
        sheet = TaskSheet(
            to_text(TASK_PREFIX, row["id"]), payload, json.loads(payload), attempt=row["attempt"]
        )
        key, talk = await say(target, sheet)
        return await transport.drive(talk, endpoint=target, key=key, now=now)
    except OnenetError as error:
        return _not_called(TryLater("refused", error.detail or error.code), now)
    except Exception as error:  # an adapter's own mistake: held in sight, instead of failing for ever
        log.exception("adapter_failed", adapter=target.adapter, department=target.department)
        return _not_called(TryLater("refused", f"the adapter failed: {type(error).__name__}"), now)


def payload_of(row: Row, ring: KeyRing) -> str:
    """The task's sheet. Raises: Unreadable."""
    return opened(row, "payload", sealing.PAYLOAD, ring) or ""


def opened(row: Row, column: str, place: str, ring: KeyRing) -> str | None:
    """What a sealed column of a task says. Raises: Unreadable."""
    text: str | None = row[column]
    if text is None or not blobs.is_sealed(text):
        return text  # from a case in memory, or from before there was encryption
    return sealing.unseal(sealing.key_of(ring, row["data_key"]), text, place, row["id"])


def _not_called(outcome: TryLater, now: datetime) -> Attempt:
    return Attempt(outcome, None, now, now, outcome.failure, "", 0)


async def fire_timers(database: Database, gate: Gate, clock: Clock, limit: int) -> int:
    """Fires timers that are due; how many went well. Firing twice changes nothing.

    One that fails keeps no other back: it is held, unless it is only the database that is away.
    """
    async with database.read() as connection:
        due = await timers.due(connection, clock.now(), limit)
    outcomes = await asyncio.gather(
        *(gate.submit(Change(case_id, FireTimer(timer_id), "system:timer")) for case_id, timer_id in due),
        return_exceptions=True,
    )
    failed = []
    for each, outcome in zip(due, outcomes, strict=True):
        if isinstance(outcome, Exception) and not isinstance(outcome, Unavailable):
            log.error("timer_held", case=str(each[0]), timer=str(each[1]), exc_info=outcome)
            failed.append(each)
    if failed:
        async with database.transaction() as connection:
            await timers.hold(connection, failed, UNDECIDABLE)
    return sum(not isinstance(outcome, BaseException) for outcome in outcomes)
