"""How a case is written in rows and read from them: pure functions, one pair a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import RowMapping

from onenet.domain.case import Applicant, Case, CaseContent, MaterialGiven, Step, Task, Timer, Waiting
from onenet.domain.chain import canonical
from onenet.domain.outcome import ResultGiven, SupplementRequest
from onenet.domain.states import StepState, TaskState, TimerState

Row = Mapping[str, Any]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _read_list(kind: Any, text: str) -> tuple[Any, ...]:
    return () if text == "[]" else tuple(kind(**value) for value in json.loads(text))


def case_key(case: Case) -> dict[str, Any]:
    """The columns that tie a row to the case."""
    return {"lane": case.lane, "case_id": case.id}


def case_row(case: Case) -> dict[str, Any]:
    """The row of `cases`."""
    return case_changes(case) | {
        "number": case.number,
        "bundle_code": case.bundle.code,
        "bundle_version": case.bundle.version,
        "jurisdiction": case.jurisdiction,
        "subject": case.subject,
        "client": case.client,
        "tracking_secret": case.tracking_secret,
        "utc_offset_minutes": case.utc_offset_minutes,
        "created_at": case.created_at,
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
    }


def content_row(case: Case) -> dict[str, Any]:
    """The row of `case_content`."""
    content = case.content
    said = {
        "applicant": _plain(content.applicant),
        "answers": content.answers,
        "form": content.form,
        "materials": [_plain(material) for material in content.materials],
    }
    return {**case_key(case), "content": canonical(said)}


def _plain(value: Applicant | MaterialGiven) -> dict[str, Any]:
    """The fields of a value that holds only texts; `asdict` would copy what they hold as well."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def read_content(text: str) -> CaseContent:
    """What the applicant said."""
    content = json.loads(text)
    return CaseContent(
        applicant=Applicant(**content["applicant"]),
        answers=content["answers"],
        form=content["form"],
        materials=tuple(MaterialGiven(**material) for material in content["materials"]),
    )


def step_row(case: Case, step: Step) -> dict[str, Any]:
    """The row of a step."""
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
        "opinion": step.opinion,
        "reason": step.reason,
        "results": _json(step.results) if step.results else "[]",
        "requests": _json(step.requests) if step.requests else "[]",
    }


def read_step(row: RowMapping) -> Step:
    """The step in a row."""
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
        opinion=row["opinion"],
        reason=row["reason"],
        results=_read_list(ResultGiven, row["results"]),
        requests=_read_list(SupplementRequest, row["requests"]),
    )


def task_row(case: Case, task: Task) -> dict[str, Any]:
    """The row of a task."""
    return task_changes(case, task) | {
        "step": task.step,
        "department": task.department,
        "submission": task.submission,
        "created_at": task.created_at,
        "payload": task.payload,
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
    }


def read_task(row: Row) -> Task:
    """The task in a row."""
    plain = {name: row[name] for name in Task._fields if name != "state"}
    return Task(**plain, state=TaskState(row["state"]))


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


def read_timer(row: RowMapping) -> Timer:
    """The timer in a row."""
    return Timer(row["id"], row["step"], row["kind"], row["due_at"], TimerState(row["state"]))
