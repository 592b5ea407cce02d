"""How a case is written in rows and read from them: pure functions, one pair a table.

`key` is the data key of the case: what is said in it is sealed as its row is made (`store.sealing`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping

from onenet.domain import awaited
from onenet.domain.case import (
    UNTIMED,
    Case,
    Claim,
    Step,
    Task,
    Timer,
    Timing,
    Waiting,
)
from onenet.domain.clocks import Clock, Pause
from onenet.domain.outcome import ResultGiven, SupplementRequest
from onenet.domain.states import Light, StepState, TaskState, TimerState
from onenet.domain.urging import urging_due_at
from onenet.encryption import DataKey, KeyRing, blobs
from onenet.store import contents, procedures, results, sealing

Row = Mapping[str, Any]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _read_list(kind: Any, text: str) -> tuple[Any, ...]:
    return () if text == "[]" else tuple(kind(**value) for value in json.loads(text))


def case_key(case: Case) -> dict[str, Any]:
    """The columns that tie a row to the case."""
    return {"lane": case.lane, "case_id": case.id}


def case_row(case: Case, ring: KeyRing) -> dict[str, Any]:
    """The row of `cases`."""
    key = sealing.key_of(ring, case.data_key)
    return case_changes(case) | {
        "number": case.number,
        "bundle_code": case.bundle.code,
        "bundle_version": case.bundle.version,
        "jurisdiction": case.jurisdiction,
        "receiving": case.receiving,
        "subject": case.subject,
        "client": case.client,
        "tracking_secret": "",
        "sealed_secret": None,
        "secret_hash": case.secret_hash,
        "utc_offset_minutes": case.utc_offset_minutes,
        "created_at": case.created_at,
        "data_key": case.data_key,
        "applicant_index": ring.blind_index(case.content.applicant.id_no) if key else None,
    }


def case_changes(case: Case) -> dict[str, Any]:
    """The columns of `cases` that a change moves, with their key."""
    return {
        "lane": case.lane,
        "id": case.id,
        "state": case.state,
        "seq": case.seq,
        "version": case.version,
        "head_hash": case.head_hash,
        "updated_at": case.updated_at,
        **timing_columns(case.timing),
    }


def timing_columns(timing: Timing) -> Mapping[str, Any]:
    """How a step or a case stands with time."""
    if timing is UNTIMED:
        return _UNTIMED
    return {
        "clock": timing.clock and _clock_text(timing.clock),
        "promised_due_at": timing.promised_due_at,
        "statutory_due_at": timing.statutory_due_at,
        "light": timing.light,
        "next_due_at": timing.next_due_at,
        "is_provisional": timing.is_provisional,
    }


_UNTIMED: Mapping[str, Any] = {
    "clock": None, "promised_due_at": None, "statutory_due_at": None, "light": Light.GREEN,
    "next_due_at": None, "is_provisional": False,
}  # fmt: skip


def _clock_text(clock: Clock) -> str:
    pauses = [[pause.since, pause.until, pause.reason] for pause in clock.pauses]
    return _json([clock.started_at, clock.ended_at, pauses, clock.restarted_at])


def _read_clock(text: str) -> Clock:
    started_at, ended_at, pauses, *anew = json.loads(text)
    restarted_at = next(iter(anew), None)  # the version before wrote none
    moment = datetime.fromisoformat
    return Clock(
        moment(started_at),
        tuple(Pause(moment(since), until and moment(until), reason) for since, until, reason in pauses),
        ended_at and moment(ended_at),
        restarted_at and moment(restarted_at),
    )


def read_timing(row: Row | RowMapping) -> Timing:
    """The same out of a row of `cases` or `step`."""
    if row["clock"] is None and row["next_due_at"] is None and row["light"] == Light.GREEN:
        return UNTIMED
    return Timing(
        _read_clock(row["clock"]) if row["clock"] else None,
        row["promised_due_at"],
        row["statutory_due_at"],
        Light(row["light"]),
        row["next_due_at"],
        row["is_provisional"],
    )


def content_row(case: Case, key: DataKey | None) -> dict[str, Any]:
    """The row of `case_content`."""
    text = contents.text_of(case.content)
    return {**case_key(case), "content": sealing.seal(key, text, sealing.CONTENT, case.id)}


def step_row(case: Case, step: Step, key: DataKey | None) -> dict[str, Any]:
    """The row of a step. With a key what was said of it is in one column, if there is anything to seal."""
    waiting = step.waiting
    return {
        **case_key(case),
        "code": step.code,
        "department": step.department,
        "state": step.state,
        "since": step.since,
        "waits_for": waiting and waiting.waits_for,
        "wait_reason": waiting and waiting.reason,
        "wait_refs": _json(waiting.refs) if waiting else None,
        "wait_until": waiting and waiting.until,
        "submission": step.submission,
        "resume": step.resume,
        "desk_at": step.desk_at,
        "claimed_by": step.claim and step.claim.by,
        "claimed_at": step.claim and step.claim.at,
        "received_at": step.received_at,
        "urging_due_at": urging_due_at(step) if step.procedures else None,
        "result_locator": results.locator_of(case.id, step, key) if step.results else None,
        "awaited_on": awaited.first_on(step) if step.procedures else None,
        **timing_columns(step.timing),
        **_said_columns(case, step, key),
    }


def _said_columns(case: Case, step: Step, key: DataKey | None) -> Mapping[str, Any]:
    if key is None:
        return {**_said(step), "said": None}
    if (step.opinion, step.reason) == (None, None) and not (step.results or step.requests or step.procedures):
        return _NOTHING_SEALED
    return _sealed_said(_said(step), key, f"{case.id}/{step.code}")


_NOTHING_SAID: Mapping[str, Any] = {
    "opinion": None, "reason": None, "results": "[]", "requests": "[]", "procedures": "[]",
}  # fmt: skip


_NOTHING_SEALED: Mapping[str, Any] = {**_NOTHING_SAID, "said": None}


def sealed_said(row: Row, key: DataKey) -> Mapping[str, Any]:
    """The columns that change when the row of a step in the clear is sealed."""
    return _sealed_said({name: row[name] for name in _NOTHING_SAID}, key, f"{row['case_id']}/{row['code']}")


def _sealed_said(said: Mapping[str, Any], key: DataKey, place: str) -> Mapping[str, Any]:
    if said == _NOTHING_SAID:
        return _NOTHING_SEALED
    return {**_NOTHING_SAID, "said": key.seal(_json(said), place=sealing.SAID, row=place)}


def _said(step: Step) -> Mapping[str, Any]:
    """What a department, an officer or the engine said of a step, in words or as data."""
    return {
        "opinion": step.opinion,
        "reason": step.reason,
        "results": _json(step.results) if step.results else "[]",
        "requests": _json(step.requests) if step.requests else "[]",
        "procedures": _json(procedures.as_json(step.procedures)) if step.procedures else "[]",
    }


def _read_said(row: Row, key: DataKey | None) -> Mapping[str, Any]:
    """The same out of a row. In the clear only where the case has no key."""
    if key is None:
        if row["said"] is not None:
            raise blobs.unreadable(sealing.SAID, "the key of the case is gone", row["case_id"])
        return row
    if row["said"] is None:
        return _NOTHING_SAID
    place = f"{row['case_id']}/{row['code']}"
    said: Mapping[str, Any] = json.loads(key.unseal(row["said"], place=sealing.SAID, row=place))
    return said


def read_step(row: Row, key: DataKey | None) -> Step:
    """The step in a row. Raises: Unreadable."""
    said = _read_said(row, key)
    waiting = None
    if row["waits_for"] is not None:
        refs = tuple(json.loads(row["wait_refs"]))
        waiting = Waiting(row["waits_for"], row["wait_reason"], refs, row["wait_until"])
    return Step(
        code=row["code"],
        department=row["department"],
        state=StepState(row["state"]),
        since=row["since"],
        waiting=waiting,
        submission=row["submission"],
        resume=StepState(row["resume"]) if row["resume"] else None,
        opinion=said["opinion"],
        reason=said["reason"],
        results=_read_list(ResultGiven, said["results"]),
        requests=_read_list(SupplementRequest, said["requests"]),
        desk_at=row["desk_at"],
        claim=Claim(row["claimed_by"], row["claimed_at"]) if row["claimed_by"] else None,
        received_at=row["received_at"],
        timing=read_timing(row),
        procedures=procedures.read(json.loads(said.get("procedures", "[]"))),
    )


def sealed_task_row(case: Case, task: Task, key: DataKey | None) -> dict[str, Any]:
    """The row of a task as it is stored."""
    payload = sealing.seal(key, task.payload, sealing.PAYLOAD, task.id)
    return task_row(case, task) | asked_columns(task, key) | {"payload": payload}


def task_row(case: Case, task: Task) -> dict[str, Any]:
    """The row of a task with nothing sealed: for whoever calls the department."""
    return (
        task_changes(case, task)
        | asked_columns(task, None)
        | {
            "step": task.step,
            "department": task.department,
            "submission": task.submission,
            "created_at": task.created_at,
            "payload": task.payload,
            "kind": task.kind,
        }
    )


def asked_columns(task: Task, key: DataKey | None) -> dict[str, Any]:
    """The columns of a task that its department is asked about."""
    return {
        "reference": task.reference and sealing.seal(key, task.reference, sealing.REFERENCE, task.id),
        "poll_at": task.poll_at,
        "poll_token": task.poll_token,
        "poll_every_s": task.poll_every_s,
        "polls": task.polls,
    }


def task_changes(case: Case, task: Task) -> dict[str, Any]:
    """The columns of a task that a change moves, with their key: not its payload, which is long."""
    return {
        **case_key(case),
        "id": task.id,
        "state": task.state,
        "attempt": task.attempt,
        "tries": task.tries,
        "next_at": task.next_at,
        "lease_token": task.lease_token,
        "first_attempt_at": task.first_attempt_at,
        "applied_seq": task.applied_seq,
        "held_reason": task.held_reason,
        "fetch_at": task.fetch_at,
        "trigger": task.trigger,
    }


def read_task(row: Row, key: DataKey | None) -> Task:
    """The task in a row. Raises: Unreadable."""
    return Task(
        **{name: row[name] for name in _PLAIN_OF_TASK},
        payload=sealing.unseal(key, row["payload"], sealing.PAYLOAD, row["id"]),
        reference=row["reference"] and sealing.unseal(key, row["reference"], sealing.REFERENCE, row["id"]),
        state=TaskState(row["state"]),
    )


_PLAIN_OF_TASK = [name for name in Task._fields if name not in ("state", "payload", "reference")]


def timer_row(case: Case, timer: Timer) -> dict[str, Any]:
    """The row of a timer."""
    return {
        **case_key(case),
        "id": timer.id,
        "step": timer.step,
        "kind": timer.kind,
        "due_at": timer.due_at,
        "state": timer.state,
        "held_reason": None,  # its case was read
    }


def read_timer(row: Row, key: DataKey | None) -> Timer:
    """The timer in a row; nothing of it is sealed."""
    return Timer(row["id"], row["step"], row["kind"], row["due_at"], TimerState(row["state"]))
