"""How work flows through a case: open it, release steps along the graph, hand out tasks, close it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from onenet.domain import duplicates, ending, filing, guidance, moves
from onenet.domain.bundle import Limit, Member
from onenet.domain.calendar import zone_of
from onenet.domain.case import APPLICATION, MaterialGiven, Step, Task, Timer, Waiting
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.reapplications import UPSTREAM, origin
from onenet.domain.sheet import not_granted, task_payload
from onenet.domain.states import (
    FAILED,
    FINAL_CASE,
    FINAL_STEP,
    OVER,
    STEP_MOVES,
    CaseState,
    StepState,
    TaskState,
    TimerState,
)

WAITING_PERIOD = "waiting_period"
UNREACHABLE = "department_unreachable"
TO_BE_FETCHED = "to_be_fetched"
AT_DESK, WITH_CLERK = "at_desk", "with_clerk"
ENDPOINT_HELD = "endpoint_held"


def with_department(department: str, reason: str = "with_department") -> Waiting:
    """Waiting for a department to answer."""
    return Waiting("department", reason, (department,))


LAST_YEAR = 2199
"""Days after it are no dates but words for "no limit", and the next day of the last of all does not exist."""


def end_of_day(day: date, utc_offset_minutes: int) -> datetime | None:
    """The moment at which a local day ends, in UTC; None for a day that stands for no limit."""
    if day.year > LAST_YEAR:
        return None
    return start_of_day(day + timedelta(days=1), utc_offset_minutes)


def start_of_day(day: date, utc_offset_minutes: int) -> datetime:
    """The moment at which a local day begins, in UTC."""
    return datetime.combine(day, time(), zone_of(utc_offset_minutes)).astimezone(UTC)


def open_case(draft: Draft, *, by_agent: bool = False) -> None:
    """Makes the steps: those that apply wait, the others are skipped; sets the timers of waiting periods.

    A case that applies again brings the steps along that it does not apply for.
    """
    case, now, again = draft.case, draft.now, origin(draft.content)
    draft.steps.clear()
    applies = guidance.plan(case.bundle, case.content.answers).applies
    for member in case.bundle.members:
        state = StepState.WAITING if applies[member.code] else StepState.SKIPPED
        new = Step(member.code, member.department, state, since=now.at)
        draft.steps[member.code] = case.steps.get(member.code, new)
    draft.add(
        EventType.CASE_RECEIVED,
        number=case.number,
        bundle=case.bundle.code,
        version=case.bundle.version,
        jurisdiction=case.jurisdiction,
        receiving=case.receiving,
        steps={step.code: step.state for step in draft.steps.values()},
        reapplies={"case": str(again.case), "step": again.step} if again else None,
        **duplicates.told(draft.content.duplicate),
        **filing.told(draft.content.filing),
        by_agent=by_agent or None,
    )
    for member in case.bundle.members:
        if member.waits and draft.steps[member.code].state is StepState.WAITING:
            _set_waiting_period(draft, member)


def _set_waiting_period(draft: Draft, member: Member) -> None:
    """Sets the timer of the member's waiting period; a case that came after the window is rejected."""
    case = draft.case
    wait = guidance.waiting_period(case.bundle, member, case.content.answers)
    if wait is None:
        return
    begins_on = date.fromisoformat(case.content.form[wait.from_field])
    ends_at = start_of_day(begins_on, case.utc_offset_minutes) + _length(wait.length)
    if wait.window is not None and draft.now.at >= ends_at + _length(wait.window):
        ending.end_step(draft, member.code, StepState.REJECTED, "application_window_closed")
    elif ends_at > draft.now.at:
        timer_id = case.derived_id("timer", member.code, WAITING_PERIOD)
        draft.put_timer(Timer(timer_id, member.code, WAITING_PERIOD, ends_at))


def _length(limit: Limit) -> timedelta:
    """A length in calendar days or hours; a catalogue with working days here is refused by the lint."""
    return timedelta(hours=limit.number) if limit.unit == "hours" else timedelta(days=limit.number)


def release(draft: Draft) -> None:
    """Hands out every waiting step whose dependencies are met and whose waiting period is over.

    A step is released at most once, since it leaves `waiting` by it: a join fires once.
    """
    if draft.state in FINAL_CASE:
        return
    for member in draft.case.bundle.members:
        step = draft.steps[member.code]
        # One that is held for a failed step may yet be cancelled for another.
        if step.state is StepState.WAITING or (step.waiting and step.waiting.reason == UPSTREAM):
            _release_step(draft, member)
    _unqueue(draft)


def _release_step(draft: Draft, member: Member) -> None:
    """Does with a waiting step what its edges say. Of several failed steps before it the strictest counts."""
    before = [draft.steps[code] for code in member.after]
    failed = [step.code for step in before if step.state in FAILED]
    if failed and (ends := member.whose_failure("cancel", failed)):
        ending.end_step(draft, member.code, StepState.CANCELLED, f"{UPSTREAM}: {', '.join(ends)}")
    elif failed and (stops := member.whose_failure("hold", failed)):
        words = "; ".join(_not_issued(draft, member, draft.steps[stop]) for stop in stops)
        hold(draft, member.code, UPSTREAM, words, stops)
    elif open_ := tuple([step.code for step in before if step.state not in FINAL_STEP]):
        draft.say_waiting(member.code, Waiting("steps", "dependency", open_))
    elif timer := _pending_timer(draft, member.code):
        draft.say_waiting(member.code, Waiting("time", timer.kind, (), timer.due_at))
    elif member.offline:
        hold(draft, member.code, "offline", "this step is handled at the counter")
    else:
        hand_out(draft, member.code)


def _not_issued(draft: Draft, member: Member, before: Step) -> str:
    """How a step before ended, and which materials of this member are not issued by that."""
    results = {result.code for result in draft.case.bundle.member(before.code).results}
    lost = [code for code in member.materials if draft.case.bundle.materials[code].from_result in results]
    return f"{before.code}: {before.state.value}" + (f", no {', '.join(lost)}" if lost else "")


def _pending_timer(draft: Draft, step: str) -> Timer | None:
    for timer in draft.timers.values():
        if timer.step == step and timer.state is TimerState.PENDING:
            return timer
    return None


def hand_out(draft: Draft, code: str) -> None:
    """Writes the next task of a step. It queues while an earlier task for the same department is on its way.

    A new submission is a new task under a new key; a retry never is.
    """
    step = draft.steps[code]
    retire_task(draft, code)
    number = step.submission + 1
    draft.steps[code] = step._replace(submission=number)
    queued = write_task(draft, code).next_at is None
    if step.state is not StepState.WAITING:
        return
    if queued:
        draft.move_step(
            code, StepState.READY, EventType.STEP_READY, _handing_out(draft, code),
            waiting=with_department(step.department, "queued"),
        )  # fmt: skip
    else:
        _say_dispatched(draft, code)


def write_task(draft: Draft, code: str) -> Task:
    """The task of the step's present submission, due now or queued; its id says whose it is."""
    step = draft.steps[code]
    task_id = draft.case.derived_id("task", code, step.submission)
    queued = _is_queued(draft, step.department)
    task = draft.tasks[task_id] = Task(
        id=task_id,
        step=code,
        department=step.department,
        submission=step.submission,
        state=TaskState.PENDING,
        created_at=draft.now.at,
        payload=task_payload(draft, code, task_id),
        next_at=None if queued else draft.now.machine_at,
    )
    return task


def retire_task(draft: Draft, code: str) -> None:
    """The task of the submission before is done: what still comes of it is late."""
    task = draft.live_task(code)
    if task is not None and task.state not in OVER:
        draft.move_task(task, TaskState.DONE)


def _say_dispatched(draft: Draft, code: str) -> None:
    step = draft.steps[code]
    draft.move_step(
        code, StepState.DISPATCHED, EventType.STEP_DISPATCHED, _handing_out(draft, code),
        waiting=with_department(step.department),
    )  # fmt: skip


def _handing_out(draft: Draft, code: str) -> dict[str, Any]:
    """Which submission goes out, and without which steps before it."""
    said: dict[str, Any] = {"submission": draft.steps[code].submission}
    if without := not_granted(draft, draft.case.bundle.member(code)):
        said["without"] = [each["step"] for each in without]
    return said


ON_ITS_WAY = (TaskState.PENDING, TaskState.SENDING, TaskState.HELD)


def _on_its_way(task: Task, department: str) -> bool:
    return task.department == department and task.state in ON_ITS_WAY and task.kind == APPLICATION


def _is_queued(draft: Draft, department: str) -> bool:
    return any(_on_its_way(task, department) for task in draft.tasks.values())


def _unqueue(draft: Draft) -> None:
    """Lets the first queued task of each department go where nothing is on its way any more."""
    queued = [t for t in draft.tasks.values() if _waits_behind(t)]
    for task in sorted(queued, key=lambda t: (t.created_at, t.submission, t.step)):
        others = (t for t in draft.tasks.values() if t.id != task.id)
        if any(_on_its_way(t, task.department) and not _waits_behind(t) for t in others):
            continue
        draft.tasks[task.id] = task._replace(next_at=draft.now.machine_at)
        if draft.steps[task.step].state is StepState.READY:
            _say_dispatched(draft, task.step)


def _waits_behind(task: Task) -> bool:
    return task.state is TaskState.PENDING and task.next_at is None


def can_be_held(draft: Draft, code: str) -> bool:
    """Whether a person can be asked about it: not while it is suspended, as for a hearing that was asked for
    before its department was reached, which is called on then.
    """
    state = draft.steps[code].state
    return state is StepState.HELD or StepState.HELD in STEP_MOVES[state]


def hold(draft: Draft, code: str, reason: str, words: str, refs: tuple[str, ...] = ()) -> None:
    """Stops a step until a person decides; the reason is in sight. A step that is held already stays so."""
    if draft.steps[code].state is not StepState.HELD:
        draft.move_step(
            code, StepState.HELD, EventType.STEP_HELD, {"reason": words},
            waiting=Waiting("officer", reason, refs), reason=words,
        )  # fmt: skip


def say_with_department(draft: Draft, code: str, reason: str, until: datetime) -> None:
    """The department does not have the task yet: for this reason, and until then."""
    step = draft.steps[code]
    if step.waiting is not None and step.waiting.waits_for == "department":
        draft.say_waiting(code, Waiting("department", reason, (step.department,), until))


_WITH = {StepState.ACCEPTED: "being_decided", StepState.SUSPENDED: "special_procedure"}


def say_reached(draft: Draft, code: str) -> None:
    """The department has the task after all, or can be asked about it again."""
    step = draft.steps[code]
    if step.waiting is not None and step.waiting.reason in (UNREACHABLE, TO_BE_FETCHED, ENDPOINT_HELD):
        draft.say_waiting(code, with_department(step.department, _WITH.get(step.state, "with_department")))


def say_held(draft: Draft) -> None:
    """Says of each step whose task is due whether its department's endpoint is held."""
    for task in draft.tasks.values():
        if task.kind != APPLICATION or task.state is not TaskState.PENDING:
            continue
        if task.next_at is None or task.fetch_at is not None:
            continue
        held, said = task.department in draft.now.held, draft.steps[task.step].waiting
        if held and said is not None and said.waits_for == "department":
            draft.say_waiting(task.step, with_department(task.department, ENDPOINT_HELD))
        elif not held and said is not None and said.reason == ENDPOINT_HELD:
            say_reached(draft, task.step)


def let_go_on(draft: Draft, code: str, reason: str, trigger: str | None = None) -> None:
    """A person lets a held step go on: its task is sent again under the same key, or it waits afresh.

    What was accepted stays so, as its clock ran on. A department that is asked has the task: it is asked at
    once, and not given it a second time.
    """
    task = draft.live_task(code)
    said = {"reason": reason}
    if task is None or task.state in OVER:
        _start_afresh(draft, code, said)
        return
    step = draft.steps[code]
    state = StepState.ACCEPTED if step.timing.clock else StepState.DISPATCHED
    waiting = with_department(step.department, _WITH.get(state, "with_department"))
    draft.move_step(code, state, EventType.STEP_RELEASED, said, waiting=waiting)
    if task.state is TaskState.SENT and task.poll_every_s is not None:
        draft.tasks[task.id] = draft.ask_again(task, polls=0, tries=0)._replace(poll_at=draft.now.machine_at)
        return
    send_again(draft, task, trigger)


def send_again(draft: Draft, task: Task, trigger: str | None = None) -> None:
    """Puts a task that was sent or is held back on its way, under its own key and with a fresh schedule."""
    if task.state is TaskState.SENT:
        task = draft.move_task(task, TaskState.HELD)
    if task.state is TaskState.HELD:
        # Without a time: it queues like any other, since another task may have gone out in the meantime.
        draft.move_task(
            task, TaskState.PENDING, tries=0, first_attempt_at=None, held_reason=None, trigger=trigger
        )


def _start_afresh(draft: Draft, code: str, said: Mapping[str, Any]) -> None:
    """A step that was never handed out goes out now, whatever became of the steps before it.

    It forgives a step that failed, never one that is still open: the order of the graph is kept.
    """
    member = draft.case.bundle.member(code)
    if member.offline:
        raise moves.refused(
            "this step is handled at the counter: record its outcome instead", draft, draft.steps[code]
        )
    if open_ := [before for before in member.after if draft.steps[before].state not in FINAL_STEP]:
        raise moves.refused(
            f"steps before it are not closed yet: {', '.join(open_)}", draft, draft.steps[code]
        )
    if _pending_timer(draft, code):
        raise moves.refused("its waiting period is not over", draft, draft.steps[code])
    draft.move_step(code, StepState.WAITING, EventType.STEP_RELEASED, said, waiting=None)
    hand_out(draft, code)


def take_supplement(draft: Draft, materials: tuple[MaterialGiven, ...], form: Mapping[str, Any]) -> None:
    """Adds what the applicant handed in to the content; a material given again replaces the one before."""
    given = {material.code: material for material in (*draft.content.materials, *materials)}
    merged = {**draft.content.form, **form}
    draft.content = replace(draft.content, materials=tuple(given.values()), form=merged)


BEGUN = frozenset({StepState.ACCEPTED, StepState.SUSPENDED, StepState.COMPLETED})
"""States that prove that a department accepted its step."""

WORK = frozenset({EventType.STEP_DISPATCHED, EventType.STEP_COMPLETED})
"""Events that show departments at work."""


def close(draft: Draft) -> None:
    """The case follows its steps (domain.md 4.1), where it has any: a ticket has none."""
    if draft.state in FINAL_CASE or not draft.steps:
        return
    steps = {step.state for step in draft.steps.values()}
    if steps <= FINAL_STEP:
        draft.move_case(_final_state(draft))
        return
    if draft.state is CaseState.RECEIVED and steps & BEGUN:
        draft.move_case(CaseState.ACCEPTED)
    if draft.state is CaseState.ACCEPTED and WORK.intersection([event.type for event in draft.events]):
        draft.move_case(CaseState.IN_PROGRESS)


def _final_state(draft: Draft) -> CaseState:
    """How it ended, by the steps that decide something; by all where nothing but verifications applied."""
    every = {step.state for step in draft.steps.values()}
    deciding = {draft.steps[member.code].state for member in draft.case.bundle.members if not member.verifies}
    granted = deciding if deciding - {StepState.SKIPPED} else every
    if StepState.COMPLETED in granted:
        is_part = StepState.REJECTED in granted or StepState.CANCELLED in granted
        return CaseState.PARTLY_COMPLETED if is_part else CaseState.COMPLETED
    if StepState.REJECTED in every:
        return CaseState.REJECTED
    return CaseState.WITHDRAWN if StepState.CANCELLED in every else CaseState.COMPLETED
