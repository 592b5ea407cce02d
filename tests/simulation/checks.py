"""Checks: what has to be true after every history, one small function each. A check yields what is broken."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Table, select

from onenet.domain.bundle import Bundle
from onenet.domain.case import WITHDRAWAL
from onenet.domain.retry import SCHEDULE_S
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import FINAL_CASE, FINAL_STEP, MET
from onenet.ids import to_text
from onenet.services import record
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.store import tables
from onenet.store.database import Database
from tests.simulation.ledger import Ledger
from tests.simulation.opened import opened

if TYPE_CHECKING:
    from tests.simulation.world import World

LEASE_S = 30.0
SEEN_LATE_S = 0.1
"""The clock is read, then comes the wait to write; what was written is seen from outside a little later."""
EARLIEST = 0.8
"""The least factor by which a wait is shortened."""

OPEN_CASES = (
    f"SELECT count(*) FROM cases WHERE state NOT IN ({','.join(repr(s.value) for s in sorted(FINAL_CASE))})"
)

ENDS = {f"step.{state.value}" for state in FINAL_STEP}
MOVES = {
    f"step.{word}"
    for word in ("accepted", "completed", "rejected", "supplement_needed", "suspended", "resumed")
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a history left: the tables' rows, the departments' and the world's ledgers."""

    ledger: Ledger
    taken: Mapping[str, Mapping[str, Any]]
    shapes: Mapping[str, Bundle]
    told: frozenset[str]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    tamperings: Sequence[record.Tampering]

    def events(self) -> Mapping[UUID, list[Mapping[str, Any]]]:
        """The events of each case, in order."""
        found: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.rows["event"]:
            found[row["case_id"]].append(row)
        return found


def accepted_is_kept(found: Found) -> Iterator[str]:
    """I1: what was promised is there, once; nothing is there that nobody asked for."""
    there = {row["id"] for row in found.rows["cases"]}
    for key, case_id in found.ledger.acknowledged.items():
        if case_id not in there:
            yield f"{key} was promised case {case_id}, which is gone"
    if len(there) != len(found.ledger.submitted):
        yield f"{len(there)} cases under {len(found.ledger.submitted)} keys"


def everything_ends(found: Found) -> Iterator[str]:
    """I8: every case, step, task and message came to its end."""
    for name, ends in (
        ("cases", FINAL_CASE), ("step", FINAL_STEP), ("task", {"done", "withdrawn"}), ("delivery", {"done"}),
        ("timer", {"fired", "cancelled"}),
    ):  # fmt: skip
        for row in found.rows[name]:
            if row["state"] not in ends:
                yield f"{name} {row.get('id', row.get('code'))} is {row['state']}"


def record_is_whole(found: Found) -> Iterator[str]:
    """I5: gap-free, chained, and the states are what the events tell."""
    for tampering in found.tamperings:
        yield f"case {tampering.case_id}: {tampering.kind} at {tampering.seq or tampering.step}"


def one_key(found: Found) -> Iterator[str]:
    """I3, I4: each task came to its department under one key, its own, and had its effect once."""
    tasks = {to_text(TASK_PREFIX, row["id"]): row for row in found.rows["task"]}
    came: Counter[str] = Counter()
    for code, taken in found.taken.items():
        for key, entry in taken.items():
            came[entry.task] += entry.effects
            task = tasks.get(entry.task)
            if key != entry.task or task is None or task["department"] != code:
                yield f"{key} came to {code} and is not the key of a task of its own"
    for text, count in came.items():
        if count != 1:
            yield f"{text} had its effect {count} times"
    for text, row in tasks.items():
        # Of a withdrawal a person may have told the department.
        if row["state"] == "done" and came[text] == 0 and row["kind"] != WITHDRAWAL:
            yield f"{text} is done and never came to {row['department']}"


def one_task_a_submission(found: Found) -> Iterator[str]:
    """I7: a step is handed out once, and once more for each supplement: a join fires once, a timer too."""
    events = Counter((row["case_id"], row["step"], row["type"]) for row in found.rows["event"])
    tasks = Counter((row["case_id"], row["step"]) for row in found.rows["task"] if row["kind"] != WITHDRAWAL)
    for row in found.rows["step"]:
        case_id, code = row["case_id"], row["code"]
        supplements = events[case_id, code, "step.supplemented"]
        if (count := tasks[case_id, code]) not in (0, 1 + supplements) or count != row["submission"]:
            yield f"{code} of {case_id} has {count} tasks after {supplements} supplements"


def one_end(found: Found) -> Iterator[str]:
    """I2: no step is done twice, no case closed twice; after that come late answers and nothing else."""
    for case_id, events in found.events().items():
        closed: set[str | None] = set()
        for row in events:
            if row["step"] in closed and not row["type"].startswith(("answer.", "withdrawal.")):
                yield f"{row['type']} of {row['step']} of {case_id} came after its end"
            if row["type"] in ENDS or row["type"].removeprefix("case.") in FINAL_CASE:
                closed.add(row["step"])


def in_order(found: Found) -> Iterator[str]:
    """I7: no step is handed out before those it depends on are completed or skipped, or at an end where the
    edge lets it go on.
    """
    shape = {row["id"]: found.shapes[row["bundle_code"]] for row in found.rows["cases"]}
    for case_id, events in found.events().items():
        met: set[str] = set()
        over: set[str] = set()
        for row in events:
            if row["type"] in ("step.ready", "step.dispatched"):
                member = shape[case_id].member(row["step"])
                enough = {
                    code: over if member.if_failed.get(code) == "go_on" else met for code in member.after
                }
                missing = [code for code, done in enough.items() if code not in done]
                if missing:
                    yield f"{row['step']} of {case_id} was handed out before {missing} were done"
            if row["type"] in {f"step.{state.value}" for state in MET}:
                met.add(row["step"])
            if row["type"] in ENDS:
                over.add(row["step"])


def answers_count_once(found: Found) -> Iterator[str]:
    """I6: an acknowledged callback is on record with its answer, and what it did is in the events, once."""
    inbox: dict[UUID, Counter[str]] = defaultdict(Counter)
    stored = {
        (row["scope"].removeprefix("callback:"), row["key"]): row for row in found.rows["idempotency_key"]
    }
    for (department, message_id), message in found.ledger.messages.items():
        row = stored.get((department, message_id))
        if message.answer is None or row is None or row["body"] != message.answer:
            yield f"callback {message_id} of {department} was answered and is not on record so"
            continue
        inbox[row["case_id"]][json.loads(row["body"])["outcome"]] += 1
    for case_id, events in found.events().items():
        done = Counter(row["type"] for row in events if row["actor"].startswith("department:"))
        said = inbox[case_id]
        for reply, count in (
            ("applied", sum(done[move] for move in MOVES)), ("recorded-late", done["answer.late"]),
            ("recorded-stale", done["answer.stale"]), ("refused", done["answer.refused"]),
        ):  # fmt: skip
            if said[reply] != count:
                yield f"{said[reply]} callbacks to {case_id} were {reply}, and the events tell of {count}"


def answers_in_order(found: Found) -> Iterator[str]:
    """I6: an answer with a lower number than one that was applied to its task is not applied after it."""
    applied: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for message in found.ledger.messages.values():
        answer = json.loads(message.answer or "{}")
        if message.seq is not None and answer.get("outcome") == "applied":
            applied[message.task].append((answer["seq"], message.seq))
    for task, pairs in applied.items():
        numbers = [number for _, number in sorted(pairs)]
        if numbers != sorted(numbers):
            yield f"answers to {task} were applied in the order {numbers}"


def leases_are_kept(found: Found) -> Iterator[str]:
    """A lease ends when its call does, or after its time; nobody gets the work before that."""
    ended = {
        (row.get("task_id") or row["delivery_id"], row["number"]): row["ended_at"]
        for row in (*found.rows["attempt"], *found.rows["delivery_attempt"])
    }
    for work, claims in found.ledger.claims.items():
        for first, second in pairwise(claims):
            over = ended.get((work, first.attempt))
            early = (second.at - first.at).total_seconds() < LEASE_S - SEEN_LATE_S
            if early and (over is None or over > second.at):
                yield f"{work} was claimed again after {second.at - first.at}, while it was being called"


def tries_are_spaced(found: Found) -> Iterator[str]:
    """Each failed try makes the next wait longer."""
    released = {row["case_id"] for row in found.rows["event"] if row["type"] == "step.released"}
    for row in found.rows["task"]:
        if row["case_id"] in released:
            continue
        claims, failed = found.ledger.claims.get(row["id"], []), 0
        for recorded in found.ledger.records.get(row["id"], []):
            if recorded.failure != "transient" or recorded.retry_after_s:
                continue
            failed += 1
            wait_s = EARLIEST * SCHEDULE_S[min(failed, len(SCHEDULE_S) - 1)] - SEEN_LATE_S
            following = next((claim for claim in claims if claim.at > recorded.at), None)
            if following and (following.at - recorded.at).total_seconds() < wait_s:
                yield f"task {row['id']} was tried again {following.at - recorded.at} after failure {failed}"


def everybody_is_told(found: Found) -> Iterator[str]:
    """Each event that the subscriber wants is one message, heard at least once, always the same."""
    wanted = {(row["case_id"], row["seq"]) for row in found.rows["event"] if row["type"] in found.told}
    written = Counter((row["case_id"], row["seq"]) for row in found.rows["delivery"])
    for place in sorted(wanted | written.keys(), key=str):
        if written[place] != (1 if place in wanted else 0):
            yield f"event {place} has {written[place]} messages"
    for row in found.rows["delivery"]:
        if set(found.ledger.heard.get(to_text(DELIVERY_PREFIX, row["id"]), ())) != {row["payload"].encode()}:
            yield f"message {row['id']} was not heard as it is on record"


def withdrawals_are_told(found: Found) -> Iterator[str]:
    """Whoever was called about a task that was withdrawn has a notice of it, and nobody else."""
    called = {row["task_id"] for row in found.rows["attempt"]}
    rows = found.rows["task"]
    notices = {json.loads(row["payload"])["withdraws"] for row in rows if row["kind"] == WITHDRAWAL}
    for row in rows:
        key, is_known = to_text(TASK_PREFIX, row["id"]), row["id"] in called
        if row["state"] == "withdrawn" and is_known != (key in notices):
            yield f"{key} was withdrawn, called about: {is_known}, told so: {key in notices}"


def periods_are_waited(found: Found) -> Iterator[str]:
    """A step with a waiting period is not handed out before its end."""
    for timer in found.rows["timer"]:
        for row in found.events()[timer["case_id"]]:
            early = row["at"] < timer["due_at"].isoformat(timespec="microseconds")
            if row["step"] == timer["step"] and row["type"] == "step.dispatched" and early:
                yield f"{row['step']} of {row['case_id']} was handed out before its period was over"


CHECKS = (
    accepted_is_kept, everything_ends, record_is_whole, one_key, one_task_a_submission, one_end, in_order,
    answers_count_once, answers_in_order, leases_are_kept, tries_are_spaced, everybody_is_told,
    periods_are_waited, withdrawals_are_told,
)  # fmt: skip

TABLES = (
    tables.cases, tables.step, tables.task, tables.attempt, tables.timer, tables.event, tables.delivery,
    tables.delivery_attempt, tables.idempotency_key,
)  # fmt: skip


async def _rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    async with database.read() as connection:
        found = {
            table.name: [dict(row) for row in (await connection.execute(_all(table))).mappings()]
            for table in TABLES
        }
    return opened(database.ring, found)


_ALL = {table.name: select(table).order_by(*table.primary_key.columns) for table in TABLES}


def _all(table: Table) -> Any:
    return _ALL[table.name]


async def violations(world: World) -> list[str]:
    """All that is not as it has to be, each with the name of its check."""
    verdict = await record.verify(world.database)
    found = Found(
        world.ledger,
        {code: department.taken for code, department in world.departments.items()},
        {bundle.code: bundle for bundle in world.shapes},
        frozenset(world.told),
        await _rows(world.database),
        verdict.tamperings,
    )
    return [f"{check.__name__}: {broken}" for check in CHECKS for broken in check(found)]


async def digest(database: Database) -> str:
    """A digest of all rows."""
    rows = await _rows(database)
    text = "\n".join(f"{name} {tuple(row.values())}" for name, found in rows.items() for row in found)
    return hashlib.sha256(text.encode()).hexdigest()


def errors_logged(logged: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Errors that the product told of, but those that were made here; the last line of each."""
    for entry in logged:
        if entry["log_level"] in ("error", "critical"):
            told = str(entry.get("exception", "")).strip().rpartition("\n")[2]
            if "Unavailable" not in told:
                yield f"log: {entry['event']}: {told}"
