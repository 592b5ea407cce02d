"""Withdrawals: a department that may have a task is told when its step is closed without it.

The notice is a task of its own kind, under its own key: it is delivered as tasks are, at least once, and is
done when the department has it. Where the item says that something must be undone, it is done when the
department, or a person for it, says that it was. Nothing of the case waits for it. Source: decision 0047.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from onenet.domain import beside, subjects
from onenet.domain.case import WITHDRAWAL, Reply, Task
from onenet.domain.chain import canonical
from onenet.domain.events import EventType
from onenet.domain.outcome import AtDesk, Completed, Outcome, Unclear
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import OVER, TaskState
from onenet.ids import to_text

if TYPE_CHECKING:
    from onenet.domain.draft import Draft


def may_be_known(task: Task) -> bool:
    """Whether the department may have the task: it was called about it, whatever came of that. Where it
    fetches, the first attempt is that it may.
    """
    was_offered = task.fetch_at is not None
    return task.state in (TaskState.SENT, TaskState.SENDING) or task.attempt > was_offered


def tell(draft: Draft, task: Task, reason: str, undo: bool = False) -> None:
    """Writes the notice that this task is withdrawn; `undo`: what was granted for it is to be undone.

    A call that is under way has ended when its lease has: the notice does not overtake it.
    """
    case, now = draft.case, draft.now
    member, whose = case.bundle.member(task.step), subjects.of(case.bundle, task.step)
    notice_id = case.derived_id(WITHDRAWAL, task.step, task.submission)
    key = to_text(TASK_PREFIX, notice_id)
    compensation = dict(member.compensation) if undo and member.compensation else None
    sheet: dict[str, Any] = {
        "task": key,
        "withdraws": _key(task),
        "created_at": now.at.isoformat(),
        "case": {"id": str(case.id), "number": case.number},
        "bundle": {"code": case.bundle.code, "version": case.bundle.version},
        "jurisdiction": case.jurisdiction,
        "step": task.step,
        "item": member.item,
        **({"subject": whose._asdict()} if whose else {}),
        "names": dict(member.names),
        "reason": reason,
        "compensation": compensation,
        **({"reference": task.reference} if task.reference else {}),
    }
    is_calling = task.state is TaskState.SENDING and task.fetch_at is None
    draft.tasks[notice_id] = Task(
        id=notice_id,
        step=task.step,
        department=task.department,
        submission=task.submission,
        state=TaskState.PENDING,
        created_at=now.at,
        payload=canonical(sheet),
        next_at=max(task.next_at or now.machine_at, now.machine_at) if is_calling else now.machine_at,
        kind=WITHDRAWAL,
    )
    draft.add(EventType.WITHDRAWAL_DUE, task.step, task=key, reason=reason, compensation=compensation)


def record(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """What came of telling the department. Whatever it answers, it has the notice then."""
    reply = beside.record(draft, task, outcome, EventType.WITHDRAWAL_HELD, {"task": _key(task)})
    task = draft.task(task.id)
    if task.state is TaskState.SENT and not isinstance(outcome, AtDesk | Unclear) and not undoes(task):
        _confirm(draft, task)
    return reply


def answered(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """A department says something about the notice: that it is done, or what changes nothing."""
    if task.state in OVER:
        draft.add(EventType.ANSWER_LATE, task.step, outcome=type(outcome).__name__, task=_key(task))
        return "recorded-late"
    if not isinstance(outcome, Completed):
        return "unchanged"
    return confirm(draft, task, outcome.opinion)


def confirm(draft: Draft, task: Task, words: str | None) -> Reply:
    """The department, or a person for it, says that it knows and that nothing is left to be undone."""
    if task.state in OVER:
        return "unchanged"
    _confirm(draft, task, words)
    return "applied"


def undoes(task: Task) -> bool:
    """Whether the notice asks for something to be undone."""
    return json.loads(task.payload).get("compensation") is not None


def _confirm(draft: Draft, task: Task, words: str | None = None) -> None:
    draft.move_task(task, TaskState.DONE)
    draft.add(EventType.WITHDRAWAL_CONFIRMED, task.step, task=_key(task), opinion=words)


def _key(task: Task) -> str:
    return to_text(TASK_PREFIX, task.id)
