"""Walk: one case taken through commands in memory, with what a worker and the gate would do in between."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from onenet.domain.bundle import Bundle
from onenet.domain.case import Case, MaterialGiven, Moment, Reply, Step, Task
from onenet.domain.commands import (
    Command,
    DecideStep,
    FireTimer,
    HandInSupplement,
    Open,
    RecordAnswer,
    RecordAttempt,
    RecordPoll,
    Withdraw,
    WorkAtDesk,
)
from onenet.domain.machine import decide
from onenet.domain.outcome import Outcome
from onenet.domain.states import TaskState, TimerState
from onenet.store.events import Event, link
from onenet.store.queue import LEASE
from tests.factories import ACTOR, NOW, make_blank, make_content, moment

Action = Literal["hold", "release", "complete", "reject", "skip", "cancel"]


class Walk:
    """A case under way. `now` moves only when it is told to; `events` are all that happened so far."""

    def __init__(self, blank: Case, at: datetime = NOW):
        """Nothing has happened yet: the first command is `Open`."""
        self.case = blank
        self.now = at
        self.events: list[Event] = []

    def tell(self, command: Command) -> Reply:
        """Decides one command and keeps what came of it, as the gate does."""
        now: Moment = moment(self.now)
        decision = decide(self.case, command, now)
        actor = command.clerk.name if isinstance(command, WorkAtDesk) else ACTOR
        new = link(
            self.case.id, self.case.seq, self.case.head_hash, decision.events,
            actor=actor, at=self.now.isoformat(timespec="microseconds"), new_salt=lambda: "0" * 32,
        )  # fmt: skip
        self.events += new
        self.case = decision.case
        if new:
            self.case = self.case._replace(seq=new[-1].seq, head_hash=new[-1].hash)
        return decision.reply

    def claim(self, step: str) -> UUID:
        """Takes the step's task under a lease, as `store.queue.claim` does; gives the token."""
        return self.claim_task(self.task(step))

    def claim_task(self, task: Task) -> UUID:
        """The same of any task."""
        assert task.next_at is not None, "the task is not due"
        token = self.case.derived_id("lease", task.id, task.attempt + 1)
        claimed = task._replace(
            state=TaskState.SENDING, lease_token=token, attempt=task.attempt + 1,
            next_at=self.now + LEASE, first_attempt_at=task.first_attempt_at or self.now,
        )  # fmt: skip
        self.case = self.case._replace(tasks={**self.case.tasks, task.id: claimed})
        return token

    def attempt(self, step: str, outcome: Outcome) -> Reply:
        """A worker claims the step's task, calls, and records this outcome."""
        return self.tell(RecordAttempt(self.task(step).id, self.claim(step), outcome))

    def attempt_task(self, task: Task, outcome: Outcome) -> Reply:
        """The same of any task."""
        return self.tell(RecordAttempt(task.id, self.claim_task(task), outcome))

    def claim_poll(self, step: str) -> UUID:
        """Takes the poll of the step's task under a lease, as `store.queue.claim` does; gives the token."""
        task = self.task(step)
        assert task.poll_at is not None, "nobody is asked about the task"
        token = self.case.derived_id("poll", task.id, task.attempt + 1)
        claimed = task._replace(poll_token=token, attempt=task.attempt + 1, poll_at=self.now + LEASE)
        self.case = self.case._replace(tasks={**self.case.tasks, task.id: claimed})
        return token

    def poll(self, step: str, outcome: Outcome) -> Reply:
        """A worker asks about the step's task when that is due, and records this outcome."""
        self.now = max(self.now, self.task(step).poll_at or self.now)
        return self.tell(RecordPoll(self.task(step).id, self.claim_poll(step), outcome))

    def answer(self, step: str, outcome: Outcome, seq: int | None = None, submission: int = 0) -> Reply:
        """The department calls back about the step's present task, or about that of a submission."""
        task_id = self.task(step).id
        if submission:
            task_id = self.case.derived_id("task", step, submission)
        return self.tell(RecordAnswer(task_id, outcome, seq))

    def supplement(self, step: str, *materials: str, **form: Any) -> Reply:
        """The applicant hands these materials and fields in."""
        given = tuple(MaterialGiven(code, f"file:{code}-again") for code in materials)
        return self.tell(HandInSupplement(step, given, form))

    def withdraw(self) -> Reply:
        """The applicant takes the case back."""
        return self.tell(Withdraw())

    def decide(self, step: str, action: Action) -> Reply:
        """A person decides about a held step."""
        return self.tell(DecideStep(step, action, "by a person"))

    def pass_time(self, by: timedelta) -> None:
        """Time passes and every timer that is due fires."""
        self.now += by
        for timer in list(self.case.timers.values()):
            if timer.state is TimerState.PENDING and timer.due_at <= self.now:
                self.tell(FireTimer(timer.id))

    def step(self, code: str) -> Step:
        """The step as it is now."""
        return self.case.steps[code]

    def task(self, code: str) -> Task:
        """The task of the step's present submission."""
        task = self.case.live_task(code)
        assert task is not None, f"{code} has no task"
        return task

    def sheet(self, code: str) -> dict[str, Any]:
        """What the department was told of the step."""
        content: dict[str, Any] = json.loads(self.task(code).payload)
        return content

    def states(self) -> str:
        """The steps' states in the bundle's order."""
        return " ".join(step.state.value for step in self.case.steps.values())

    def types(self) -> list[str]:
        """The types of all events so far."""
        return [event.type for event in self.events]


def begin(
    bundle: Bundle | None = None, *, at: datetime = NOW, lane: int | None = None, **content: Any
) -> Walk:
    """A walk whose case was just opened; `content` as in `make_content`."""
    given = make_content(**content)
    blank = make_blank(bundle, content=given, number="32050020261123000001", at=at, lane=lane)
    walk = Walk(blank, at)
    walk.tell(Open())
    return walk
