"""Draft: the working copy of a case while one command is being decided, with the verbs that change it.

Every state goes through the tables of `states`; every change of a step leaves an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from onenet.domain.calendar import zone_of
from onenet.domain.case import (
    Case,
    CaseContent,
    Decision,
    Moment,
    Reply,
    Step,
    Task,
    Timer,
    Waiting,
    task_of,
)
from onenet.domain.clocks import Clock, Mark, heard
from onenet.domain.events import EventType, NewEvent, split
from onenet.domain.procedures import Procedure
from onenet.domain.retry import next_poll
from onenet.domain.states import (
    CASE_MOVES,
    FINAL_STEP,
    STEP_MOVES,
    TASK_MOVES,
    CaseState,
    StepState,
    TaskState,
    TimerState,
    move,
)

if TYPE_CHECKING:
    from onenet.domain.lights import Turns

_LEFT_BEHIND: Mapping[StepState, Mapping[str, Any]] = {
    StepState.SUPPLEMENT_NEEDED: {"resume": None, "requests": ()},
    StepState.SUSPENDED: {"reason": None},
    StepState.HELD: {"reason": None},
}
"""What belongs to a state alone: a step that leaves it, by whatever way, does not take it along."""

_NOBODYS = dict.fromkeys(("lease_token", "next_at", "fetch_at", "poll_at", "poll_token", "trigger"))
"""What a task has that somebody is to do something about."""


class Draft:
    """A case being changed. Nothing is saved here; `decision()` hands over what came of it."""

    def __init__(self, case: Case, now: Moment):
        """Starts from the case as it was loaded."""
        self.case = case
        self.now = now
        self.state = case.state
        self.steps = dict(case.steps)
        self.tasks = dict(case.tasks)
        self.timers = dict(case.timers)
        self.content = case.content
        self.timing = case.timing
        self.rules = now.rules_of(case.jurisdiction)
        self.events: list[NewEvent] = []
        self.is_look = False  # whether time passes: whatever is due is looked at
        self.turns: tuple[tuple[Clock, CaseContent], Turns | None] | None = None
        """When the light of the case turns, as last worked out, and of what (`lights`)."""

    @property
    def here(self) -> datetime:
        """The time that it is in the place of the case."""
        return self.now.at.astimezone(zone_of(self.case.utc_offset_minutes))

    @property
    def today(self) -> date:
        """The day that it is there."""
        return self.here.date()

    def add(self, type: EventType, step: str | None = None, **data: Any) -> None:
        """Appends an event; members without a value are left out."""
        kept = {name: value for name, value in data.items() if value is not None}
        self.events.append(NewEvent(type, step, kept))

    def tell(self, type: EventType, step: str, **data: Any) -> None:
        """An event of a step that moves it nowhere; it says the state only of one that can still move."""
        state = self.steps[step].state
        self.add(type, step, state=None if state in FINAL_STEP else state, **data)

    def move_case(self, wanted: CaseState, reason: str | None = None) -> None:
        """Moves the case and says so. Raises: IllegalMove."""
        self.state = move(CASE_MOVES, self.state, wanted)
        self.add(EventType(f"case.{wanted.value}"), reason=reason)

    def move_step(
        self,
        code: str,
        wanted: StepState,
        event: EventType,
        data: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Step:
        """Moves a step, changes what goes with it, says so. Raises: IllegalMove."""
        step = self.steps[code]
        state = move(STEP_MOVES, step.state, wanted)
        if state in FINAL_STEP:
            changes = {"waiting": None, "claim": None, **changes}
        changes = {**_LEFT_BEHIND.get(step.state, {}), **self._on_time(step, event), **changes}
        changed = step._replace(state=state, since=self.now.at, **changes)
        self.steps[code] = changed
        self.add(event, code, state=state, waiting=_waiting(changed.waiting), **(data or {}))
        return changed

    def _on_time(self, step: Step, event: EventType) -> Mapping[str, Any]:
        """What the event does to the step's clock, and to the time of the office that received it."""
        changes: dict[str, Any] = {}
        restarts = self.case.bundle.member(step.code).after_supplement == "restart"
        clock = heard(step.timing.clock, Mark(event, self.now.at), restarts=restarts)
        if clock is not step.timing.clock:
            changes["timing"] = step.timing._replace(clock=clock)
        is_new = event is EventType.STEP_DISPATCHED and step.received_at is None
        if is_new or event is EventType.STEP_SUPPLEMENTED:
            changes["received_at"] = self.now.at
        return changes

    def say_waiting(self, code: str, waiting: Waiting) -> None:
        """Notes what a waiting step now waits for; an event only when that is something else than before."""
        step = self.steps[code]
        if step.waiting != waiting:
            self.steps[code] = step._replace(waiting=waiting)
            self.add(EventType.STEP_WAITING, code, state=step.state, waiting=_waiting(waiting))

    def say_until(self, code: str, limit: str, until: datetime, *, is_provisional: bool) -> None:
        """Notes that what a step waits for ends at another moment, since a calendar was published."""
        step = self.steps[code]
        if step.waiting is None or step.waiting.until is None:
            raise AssertionError("asked before: it waits, and was said to end")
        told = {"from": step.waiting.until.isoformat(), "to": until.isoformat()}
        self.steps[code] = step._replace(waiting=step.waiting._replace(until=until))
        self.add(EventType.STEP_DEADLINE_MOVED, code, limit=limit, **told, is_provisional=is_provisional)

    def put_procedure(self, code: str, now: Procedure, instead_of: Procedure | None = None) -> None:
        """Adds a procedure to a step, or says how one stands now."""
        step = self.steps[code]
        said = [now if each is instead_of else each for each in step.procedures]
        self.steps[code] = step._replace(procedures=tuple(said if instead_of else (*said, now)))

    def move_task(self, task: Task, wanted: TaskState, **changes: Any) -> Task:
        """Moves a task; it gives up its lease, and is neither called about nor fetched nor asked about.

        Raises: IllegalMove.
        """
        state = move(TASK_MOVES, task.state, wanted)
        changed = task._replace(
            state=state,
            **{**_NOBODYS, **changes},
        )
        self.tasks[task.id] = changed
        return changed

    def ask_again(self, task: Task, **changes: Any) -> Task:
        """Ends the lease of a poll; the department is asked again, by what the task says of it then."""
        changed = task._replace(**{"poll_token": None, **changes})
        if changed.poll_every_s is not None:
            at = next_poll(changed.poll_every_s, task.id, changed.polls, self.now.machine_at)
            changed = changed._replace(poll_at=at)
        self.tasks[task.id] = changed
        return changed

    def cancel_timers(self, step: str) -> None:
        """Drops the step's timers that have not fired."""
        for timer in list(self.timers.values()):
            if timer.step == step and timer.state is TimerState.PENDING:
                self.timers[timer.id] = timer._replace(state=TimerState.CANCELLED)

    def put_timer(self, timer: Timer) -> None:
        """Sets a timer."""
        self.timers[timer.id] = timer

    def task(self, task_id: UUID) -> Task:
        """The task as it now is. Raises: KeyError."""
        return self.tasks[task_id]

    def live_task(self, step: str) -> Task | None:
        """The task of the step's present submission, as it now is."""
        return task_of(self.tasks.values(), step, self.steps[step].submission)

    def decision(self, reply: Reply = "applied") -> Decision:
        """What came of the command. Of a case that is erased nobody's words are kept any more, whoever says
        them: nothing looks a second time for what is to be erased.
        """
        if self.case.content.is_erased:
            self.events = [event._replace(data=split(event.data)[0]) for event in self.events]
        case = self.case._replace(
            state=self.state,
            updated_at=self.now.at if self.events else self.case.updated_at,
            content=self.content,
            timing=self.timing,
            steps=self.steps,
            tasks=self.tasks,
            timers=self.timers,
        )
        return Decision(case, tuple(self.events), reply)


def _waiting(waiting: Waiting | None) -> dict[str, Any] | None:
    if waiting is None:
        return None
    told: dict[str, Any] = {"waits_for": waiting.waits_for, "reason": waiting.reason}
    if waiting.refs:
        told["refs"] = cast("list[str]", list(waiting.refs))
    if waiting.until is not None:
        told["until"] = waiting.until.isoformat()
    return told
