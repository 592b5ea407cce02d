"""What somebody is shown of a case, its steps and its events. Pure: domain objects in, JSON members out.

How much that is, a `View` says: the field rule of `domain.visibility`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from onenet.api import opinion_views, ticket_views
from onenet.api.answers import as_json
from onenet.api.preconditions import entity_tag
from onenet.api.shapes import given, moment
from onenet.domain import commitment, corrections, reapplications, refusals, subjects, suspensions, tolerance
from onenet.domain.bundle import Bundle, Limit, Member
from onenet.domain.case import WITHDRAWAL, Case, Step, Task, Timing, Waiting
from onenet.domain.events import EVENT_KINDS, EventType
from onenet.domain.hearings import open_right
from onenet.domain.outcome import ResultGiven
from onenet.domain.procedures import Suspension, hearing_of, reapplied_by
from onenet.domain.promises import Commitment, Signature, Tolerance
from onenet.domain.rating_handling import ratable, without_news_of_ratings
from onenet.domain.results import told_state
from onenet.domain.states import FINAL_CASE, CaseState, StepState, TaskState
from onenet.domain.visibility import WHOLE, Content, View
from onenet.recent import Recent
from onenet.store.events import Event

POLL_SOON_S = 2
POLL_LATER_S = 60

ANSWERED = frozenset(
    {
        StepState.ACCEPTED,
        StepState.SUPPLEMENT_NEEDED,
        StepState.SUSPENDED,
        StepState.COMPLETED,
        StepState.REJECTED,
    }
)
"""States that only an outcome leads to."""

_SEQ = re.compile("[0-9]{1,9}")

SHAPE_VERSION = 5
"""Raised when a view changes for the same event, so that nobody keeps an old one."""


def case_tag(case: Case, view: View, representation: str) -> str:
    """The strong ETag of one representation of a case in this view; it begins with the last seq."""
    seq = without_news_of_ratings(case, view).seq
    return f'"{seq}.{_view_mark(case, view, representation)}"'


def seq_of_tags(tags: list[str] | None, case: Case, view: View) -> int | None:
    """The event that the case's own ETag in If-Match names; None without a condition, -1 for foreign tags."""
    if tags is None:
        return None
    mark = _view_mark(case, view, "case")
    parts = [tag.strip('"').partition(".") for tag in tags]
    told = max((int(seq) for seq, _, of in parts if of == mark and _SEQ.fullmatch(seq)), default=-1)
    return case.seq if told == without_news_of_ratings(case, view).seq else told


def _view_mark(case: Case, view: View, representation: str) -> str:
    return entity_tag(SHAPE_VERSION, case.id.bytes, representation, view.mark).strip('"')[:16]


def case_view(case: Case, view: View, **tracking: str) -> dict[str, Any]:
    """The members of a case. `tracking`: the last ones, where it is opened: its secret, or the seed of it."""
    id, case = str(case.id), without_news_of_ratings(case, view)
    here = f"/v1/cases/{id}"
    return given(
        {
            "id": id,
            "number": case.number,
            "state": case.state.value,
            "seq": case.seq,
            "bundle": bundle_mark(case.bundle),
            "jurisdiction": case.jurisdiction,
            "created_at": moment(case.created_at),
            "updated_at": moment(case.updated_at),
            "light": case.timing.light,
            **_limits_of(case.bundle),
            **_due(case.timing),
            "steps": step_views(case, view),
            "reapplies": _origin(case) if view.has_words else None,
            "links": {
                "self": here,
                "events": f"{here}/events",
                "steps": f"{here}/steps",
                "deadline": f"{here}/deadline",
                "withdrawal": f"{here}/withdrawal",
                "supplements": f"{here}/supplements",
                "ratings": f"{here}/ratings",
                "progress": f"/v1/progress/{case.number}",
            },
            "duplicate_of": _duplicate_of(case, view),
            "receiving": case.receiving,
            "channel": case.content.filing.channel,
            "assistance": _assistance(case, view),
            **ticket_views.own(case, view),
            **tracking,
        }
    )


def _origin(case: Case) -> dict[str, str] | None:
    again = reapplications.origin(case.content)
    return {"case": str(again.case), "number": again.number, "step": again.step} if again else None


def _assistance(case: Case, view: View) -> dict[str, Any] | None:
    """Who helped at the counter, and how the applicant agreed."""
    helped = case.content.filing.assistance
    is_shown = view.has_record or view.content is Content.WHOLE
    return {"by": helped.by, "consent": helped.consent} if helped and is_shown else None


def _duplicate_of(case: Case, view: View) -> str | None:
    """The case beside which this one was wanted: for who sees all that the applicant said."""
    intended = case.content.duplicate
    return str(intended.case) if intended and view.content is Content.WHOLE else None


_TEXTS: Recent[tuple[UUID, int, str, tuple[Waiting | None, ...]], str] = Recent(2_000)
"""What steps wait for is no part of the version where their department cannot be reached."""


def case_text(case: Case, view: View) -> str:
    """The members of a case as JSON. Many look again and again, and a case seldom changes."""
    key = (case.id, case.version, view.mark, tuple(step.waiting for step in case.steps.values()))
    text = _TEXTS.get(key)
    if text is None:
        text = as_json(case_view(case, view))
        _TEXTS.put(key, text)
    return text


def step_views(case: Case, view: View) -> list[dict[str, Any]]:
    """The steps in this view, in the bundle's order."""
    fixed = _fixed(case.bundle)
    steps = [_step(fixed[step.code], step, view) for step in case.steps.values() if _may_see(step, view)]
    for task in case.tasks.values():
        if task.kind == WITHDRAWAL:
            for step in steps:
                if step["code"] == task.step:
                    step["withdrawal"] = withdrawal_view(task)
    return steps


def event_views(events: Sequence[Event], case: Case, view: View) -> list[dict[str, Any]]:
    """The events in this view."""
    own = {code for code, step in case.steps.items() if _may_see(step, view)}
    return [
        _event(event, view)
        for event in events
        if view.has_record
        or (EVENT_KINDS[EventType(event.type)].public and (event.step in own or view.department is None))
    ]


def progress_view(case: Case) -> dict[str, Any]:
    """How the steps stand, for whoever holds number and secret: nothing that a person wrote."""
    fixed = _fixed(case.bundle)
    steps = [_step(fixed[step.code], step, WHOLE) for step in case.steps.values()]
    shown = ("code", "names", "department", "subject", "verifies", "state", "since")
    return {
        "number": case.number,
        "state": case.state.value,
        "bundle": bundle_mark(case.bundle),
        "created_at": moment(case.created_at),
        "updated_at": moment(case.updated_at),
        "steps": [{name: step[name] for name in shown if name in step} for step in steps],
        "ratable": [stage.value for stage in ratable(case)],
    }


def poll_after_s(case: Case) -> int | None:
    """How long to wait before looking again; None when nothing will change any more."""
    if case.state in FINAL_CASE:
        return None
    under_way = any(task.state in (TaskState.PENDING, TaskState.SENDING) for task in case.tasks.values())
    return POLL_SOON_S if under_way else POLL_LATER_S


def has_outcome(case: Case) -> bool:
    """Whether a department has answered anything yet: what `Prefer: wait` waits for."""
    return case.state is not CaseState.RECEIVED or any(step.state in ANSWERED for step in case.steps.values())


def bundle_mark(bundle: Bundle) -> dict[str, Any]:
    """Which bundle, in which version."""
    return {"code": bundle.code, "version": bundle.version, "names": dict(bundle.names)}


def limit_view(limit: Limit | None) -> dict[str, Any] | None:
    """A time limit."""
    return None if limit is None else {"number": limit.number, "unit": limit.unit}


def department_view(bundle: Bundle, code: str) -> dict[str, Any]:
    """A department as the bundle names it."""
    return {"code": code, "names": dict(bundle.departments[code].names)}


def _may_see(step: Step, view: View) -> bool:
    return view.department is None or step.department == view.department


class _Fixed(NamedTuple):
    """What the bundle says about a step, as members: `mark` stands before what moves, `limits` amid it."""

    mark: dict[str, Any]
    limits: dict[str, Any]


_FIXED: Recent[int, tuple[Bundle, dict[str, _Fixed]]] = Recent(1_000)
"""By the bundle's identity, which the entry keeps alive."""


def _fixed(bundle: Bundle) -> dict[str, _Fixed]:
    """What the bundle says about each of its steps, by code."""
    found = _FIXED.get(id(bundle))
    if found is None:
        found = (bundle, {member.code: _fixed_of(bundle, member) for member in bundle.members})
        _FIXED.put(id(bundle), found)
    return found[1]


def _fixed_of(bundle: Bundle, member: Member) -> _Fixed:
    department = department_view(bundle, member.department)
    mark: dict[str, Any] = {"code": member.code, "names": dict(member.names), "department": department}
    if whose := subjects.of(bundle, member.code):
        mark["subject"] = whose._asdict()
    if member.verifies:
        mark |= {"verifies": True}
    return _Fixed(mark, _limits_of(member))


def _limits_of(whose: Bundle | Member) -> dict[str, Any]:
    return given({"promised": limit_view(whose.promised), "statutory": limit_view(whose.statutory)})


def _due(timing: Timing) -> dict[str, Any]:
    """When its limits are used up; nothing while no clock runs."""
    ends = {
        name: moment(at)
        for name in ("promised_due_at", "statutory_due_at")
        if (at := getattr(timing, name)) is not None
    }
    return {**ends, "is_provisional": timing.is_provisional} if ends else {}


def _step(fixed: _Fixed, step: Step, view: View) -> dict[str, Any]:
    said = {**fixed.mark, "state": step.state, "since": moment(step.since)}
    if step.waiting is not None:
        said["waiting"] = waiting_view(step.waiting)
    said |= fixed.limits | _due(step.timing)
    said["light"] = step.timing.light
    if not view.has_words:
        return said | {"results": [], "requests": []}
    said["results"] = [_result(step, result) for result in step.results]
    said["requests"] = [corrections.as_told(request) for request in step.requests]
    if step.reason is not None:
        said["reason"] = step.reason
    if step.opinion is not None:
        said["opinion"] = step.opinion
    return said | _procedures(step, fixed.mark) | opinion_views.members(step, view)


def _result(step: Step, result: ResultGiven) -> dict[str, Any]:
    stands = {name: getattr(result, name) for name in ("state_reason", "state_on")}
    return given(result.as_issued() | {"state": told_state(step, result)} | stands)


def _procedures(step: Step, mark: Collection[str]) -> dict[str, Any]:
    """What goes on in the step beside its state."""
    said: dict[str, Any] = {}
    if lines := tolerance.ledger(step):
        said["tolerances"] = [_tolerance(line) for line in lines]
    if number := corrections.number(step):
        said["corrections"] = number
    if special := suspensions.under_way(step):
        said["special_procedure"] = _special(special)
    if refusal := refusals.refusal_of(step):
        told = refusals.shown(refusal, verifies="verifies" in mark)
        said["refusal"] = given(told | {"go_to": refusal.go_to})
    if (by := reapplied_by(step.procedures)) is not None:
        said["reapplied_by"] = str(by)
    if (signed := commitment.of(step)) is not None:
        said["commitment"] = _commitment(signed)
    return said | _hearing(step)


def _hearing(step: Step) -> dict[str, Any]:
    found = hearing_of(step.procedures)
    if found is None:
        return {}
    members = given(
        {
            "state": found.state,
            "reason": found.reason,
            "told_at": moment(found.told_at),
            "until": moment(found.until) if found.until and open_right(step) else None,
            "asked_at": moment(found.asked_at) if found.asked_at else None,
            "on": found.on.isoformat() if found.on else None,
            "place": found.place,
            "minutes": found.minutes,
        }
    )
    return {"hearing": members}


def _tolerance(line: Tolerance) -> dict[str, Any]:
    return given(
        {
            "material": line.material,
            "due_on": line.due_on.isoformat(),
            **_signature(line.signed),
            "delivered_at": moment(line.delivered_at) if line.delivered_at else None,
            "outcome": line.outcome,
            "deferred_for": line.deferred_for,
        }
    )


def _special(found: Suspension) -> dict[str, Any]:
    return given(
        {
            "procedure": found.procedure,
            "began_at": moment(found.at),
            "expected": limit_view(found.expected),
            "stops_clock": found.stops_clock,
            "is_overdue": found.is_overdue,
            "gb39046": suspensions.gb39046_code(found),
        }
    )


def withdrawal_view(task: Task) -> dict[str, Any]:
    """What a department is told, and whether it has confirmed it."""
    sheet = json.loads(task.payload)
    states = {TaskState.DONE: "confirmed", TaskState.HELD: "held"}
    return given(
        {
            "task": sheet["task"],
            "withdraws": sheet.get("withdraws"),
            "state": states.get(task.state, "outstanding"),
            "since": moment(task.created_at),
            "compensation": sheet.get("compensation"),
        }
    )


def _commitment(found: Commitment) -> dict[str, Any]:
    return _signature(found.signed) | given(
        {
            "state": found.state,
            "check_due_on": found.check_due_on and found.check_due_on.isoformat(),
            "repair_due_on": found.repair_due_on and found.repair_due_on.isoformat(),
            "is_overdue": found.is_overdue or None,
            "finding": found.finding,
            "checked_at": moment(found.checked_at) if found.checked_at else None,
        }
    )


def _signature(signed: Signature) -> dict[str, Any]:
    return {
        "text_version": signed.version,
        "text_sha256": signed.sha256,
        "signed_by": signed.by,
        "signed_at": moment(signed.at),
    }


def waiting_view(waiting: Waiting) -> dict[str, Any]:
    """For whom, and why."""
    said = {"waits_for": waiting.waits_for, "reason": waiting.reason, "refs": list(waiting.refs)}
    return said | {"until": moment(waiting.until)} if waiting.until else said


def _event(event: Event, view: View) -> dict[str, Any]:
    return given(
        {
            "seq": event.seq,
            "type": event.type,
            "at": moment(datetime.fromisoformat(event.at)),
            "step": event.step,
            "actor": event.actor if view.has_record else None,
            "data": opinion_views.told(event.type, event.content(), view),
        }
    )
