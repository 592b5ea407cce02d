"""Stalls: what in a case waits for nothing, so that it would wait for ever. A sound case has none.

`stalls` only looks. `mend` sets right what can be set right without guessing, and holds in sight what cannot;
releasing and closing are left to `decide`, which does both after every command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from onenet.domain import flow
from onenet.domain.case import APPLICATION, Case, Step, Task, Timer, Waiting
from onenet.domain.draft import Draft
from onenet.domain.states import (
    FAILED,
    FINAL_CASE,
    FINAL_STEP,
    OVER,
    STEP_MOVES,
    StepState,
    TaskState,
    TimerState,
)

StallKind = Literal[
    "not_released", "wrong_reason", "not_closed", "task_missing", "task_over", "task_held", "task_parked",
    "not_asked", "no_way_back", "left_open", "task_left",
]  # fmt: skip
"""The last three are told, not mended: nothing that `decide` may do leads out of them."""

SENT_AGAIN = "sent_again"
INCONSISTENT = "inconsistent"

_WITH_DEPARTMENT = frozenset({StepState.READY, StepState.DISPATCHED, StepState.ACCEPTED, StepState.SUSPENDED})
_UNDER_WAY = frozenset({TaskState.PENDING, TaskState.SENDING, TaskState.HELD})


@dataclass(frozen=True, slots=True)
class Stall:
    """One thing that waits for nothing: the step (None: the case itself), the kind, what was expected."""

    step: str | None
    kind: StallKind
    detail: str


def stalls(case: Case) -> Iterator[Stall]:
    """Everything in the case that nothing will ever move."""
    for task in case.tasks.values():
        is_application = task.kind == APPLICATION
        if is_application and case.steps[task.step].state in FINAL_STEP and task.state not in OVER:
            yield Stall(task.step, "task_left", f"the step is closed and its task {task.state.value}")
    open_ = [step for step in case.steps.values() if step.state not in FINAL_STEP]
    if case.state in FINAL_CASE:
        for step in open_:
            yield Stall(
                step.code, "left_open", f"the case is {case.state.value}, the step {step.state.value}"
            )
        return
    if case.steps and not open_:
        yield Stall(None, "not_closed", "every step is closed and the case is not")
    for step in open_:
        yield from _of_step(case, step)


def _of_step(case: Case, step: Step) -> Iterator[Stall]:
    task = case.live_task(step.code)
    if task is not None and task.state is TaskState.SENT and task.poll_every_s and task.poll_at is None:
        yield Stall(step.code, "not_asked", "its department does not call back, and is not asked")
    if step.state is StepState.WAITING:
        yield from _of_waiting(case, step)
    elif step.state is StepState.SUPPLEMENT_NEEDED and step.resume is None:
        yield Stall(step.code, "no_way_back", "it waits for a supplement that could lead nowhere")
    elif step.state in _WITH_DEPARTMENT:
        yield from _of_task(case, step)


def _of_waiting(case: Case, step: Step) -> Iterator[Stall]:
    member = case.bundle.member(step.code)
    before = [case.steps[code] for code in member.after]
    open_ = tuple(other.code for other in before if other.state not in FINAL_STEP)
    failed = [other.code for other in before if other.state in FAILED]
    timer = _timer(case, step.code)
    if len(member.whose_failure("go_on", failed)) < len(failed):
        yield Stall(step.code, "not_released", "a step before it failed, and it still waits")
    elif not open_ and timer is None:
        yield Stall(step.code, "not_released", "everything before it is done, and it was not handed out")
    else:
        wanted = (
            Waiting("steps", "dependency", open_)
            if open_ or timer is None
            else Waiting("time", timer.kind, (), timer.due_at)
        )
        if step.waiting != wanted:
            yield Stall(step.code, "wrong_reason", f"it waits for {wanted.waits_for}, and says otherwise")


def _timer(case: Case, step: str) -> Timer | None:
    for timer in case.timers.values():
        if timer.step == step and timer.state is TimerState.PENDING:
            return timer
    return None


def _of_task(case: Case, step: Step) -> Iterator[Stall]:
    task = case.live_task(step.code)
    if task is None:
        yield Stall(step.code, "task_missing", f"it is {step.state.value} and has no task {step.submission}")
    elif task.state in OVER:
        yield Stall(step.code, "task_over", f"it is {step.state.value} and its task {task.state.value}")
    elif task.state is TaskState.HELD:
        yield Stall(step.code, "task_held", f"its task is held and the step is {step.state.value}")
    elif task.state is TaskState.SENDING and task.next_at is None:
        yield Stall(step.code, "task_parked", "its task is under a lease that never ends")
    elif task.state is TaskState.PENDING and task.next_at is None and not _is_behind(case, task):
        yield Stall(step.code, "task_parked", "its task queues behind nothing")


def _is_behind(case: Case, task: Task) -> bool:
    """Whether something for the same department is on its way, after which this task's turn comes."""
    return any(
        other.department == task.department
        and other.state in _UNDER_WAY
        and (other.next_at is not None or other.state is TaskState.HELD)
        for other in case.tasks.values()
        if other.id != task.id and other.kind == APPLICATION
    )


def mend(draft: Draft) -> bool:
    """Sets right what is wrong with steps and tasks; gives whether anything was.

    A lost task is written again under its own key, so that a department which has it already does nothing
    twice. What cannot be told from the rows is for an officer.
    """
    found = list(stalls(draft.case))
    for stall in found:
        if stall.step is None:
            continue
        task = draft.live_task(stall.step)
        if stall.kind == "task_missing":
            _write_again(draft, stall.step)
        elif stall.kind == "task_parked" and task is not None and task.state is TaskState.SENDING:
            draft.move_task(task, TaskState.PENDING, next_at=draft.now.machine_at)
        elif stall.kind == "not_asked" and task is not None:
            draft.ask_again(task)
        elif stall.kind == "task_over":
            _hold(draft, stall.step, INCONSISTENT, stall.detail)
        elif stall.kind == "task_held" and task is not None:
            _hold(draft, stall.step, f"delivery_{task.held_reason or 'needs_attention'}", stall.detail)
    return bool(found)


def _write_again(draft: Draft, code: str) -> None:
    flow.write_task(draft, code)
    draft.say_waiting(code, flow.with_department(draft.steps[code].department, SENT_AGAIN))


def _hold(draft: Draft, code: str, reason: str, words: str) -> None:
    if StepState.HELD in STEP_MOVES[draft.steps[code].state]:
        flow.hold(draft, code, reason, words)
