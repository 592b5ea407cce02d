"""Consultations: the question of an opinion goes to the department that is asked, as its tasks do.

The task has the id of the opinion, and its sheet says what was put and nothing else of the case. The question
can be read and answered beside that (`GET /v1/opinions`): what comes first counts. Source: decision 0055.
"""

from __future__ import annotations

import json
from typing import Any

from onenet.domain.case import OPINION, Step, Task
from onenet.domain.chain import canonical
from onenet.domain.draft import Draft
from onenet.domain.procedures import Opinion
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import OVER, TaskState
from onenet.ids import to_text


def hand_out(draft: Draft, step: Step, asked: Opinion) -> None:
    """Writes the task of a question, due now."""
    draft.tasks[asked.id] = Task(
        id=asked.id,
        step=step.code,
        department=asked.department,
        submission=step.submission,
        state=TaskState.PENDING,
        created_at=draft.now.at,
        payload=_sheet(draft, step, asked),
        next_at=draft.now.machine_at,
        kind=OPINION,
    )


def close(draft: Draft, asked: Opinion) -> None:
    """Nothing is to be done about the question any more: it was answered, or is not asked any longer. A call
    that is under way is recorded as late.
    """
    task = draft.tasks.get(asked.id)  # a version before asked without one
    if task is not None and task.state not in OVER:
        draft.move_task(task, TaskState.DONE if asked.state == "given" else TaskState.WITHDRAWN)


def _sheet(draft: Draft, step: Step, asked: Opinion) -> str:
    """Its members are listed in docs/departments.md: what `GET /v1/opinions` shows, and what was put."""
    case = draft.case
    member, asker = case.bundle.member(step.code), case.bundle.departments[step.department]
    sheet: dict[str, Any] = {
        "task": to_text(TASK_PREFIX, asked.id),
        "opinion": str(asked.id),
        "created_at": draft.now.at.isoformat(),
        "number": case.number,
        "item": member.item,
        "names": dict(member.names),
        "asked_by": {"code": step.department, "names": dict(asker.names)},
        "question": asked.question,
        "due_at": asked.due_at.isoformat(),
        **json.loads(asked.put),
    }
    return canonical(sheet)
