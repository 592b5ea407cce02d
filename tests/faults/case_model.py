"""A case in plain Python: small, slow and obvious. It says what each command must lead to.

It shares nothing with `onenet.domain` but the names of states and the schedule of retries. It knows three
steps: `a`, and `b` after it where that applies, and `c` beside them, at the same department as `a`, so that
one of the two tasks queues behind the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from onenet.domain.outcome import TryLater
from onenet.domain.retry import Retry, after_failure

LEASE = timedelta(seconds=30)

FINAL = ("completed", "rejected", "skipped", "cancelled")
MET = ("completed", "skipped")
OPEN_CASE = ("received", "accepted", "in_progress")
ON_ITS_WAY = ("pending", "sending", "held")

LEADS_TO = {
    "accepted": "accepted",
    "completed": "completed",
    "rejected": "rejected",
    "supplement_needed": "supplement_needed",
    "suspended": "suspended",
    "resumed": "accepted",
}
"""Where each word of a department takes a step."""

POSSIBLE = {
    "dispatched": ("accepted", "completed", "rejected", "supplement_needed"),
    "ready": ("accepted", "completed", "rejected", "supplement_needed"),
    "held": ("accepted", "completed", "rejected", "supplement_needed"),
    "accepted": ("accepted", "completed", "rejected", "supplement_needed", "suspended"),
    "supplement_needed": ("accepted", "rejected"),
    "suspended": ("resumed",),
}
"""What a department may say in each state of its step."""

DECIDED = {"complete": "completed", "reject": "rejected", "skip": "skipped", "cancel": "cancelled"}


class Refused(Exception):
    """The command is a conflict and leaves nothing behind."""


@dataclass
class Task:
    """What a department is handed. `next_at`: due, or end of its lease; None while it waits for nothing."""

    id: UUID
    step: str
    number: int
    department: str
    next_at: datetime | None
    created_at: datetime
    state: str = "pending"
    token: UUID | None = None
    tries: int = 0
    first_at: datetime | None = None
    heard: int = 0

    def settle(self, state: str) -> None:
        """Leaves the queue."""
        self.state, self.token, self.next_at = state, None, None


@dataclass
class Step:
    """One step. `resume`: where a supplement leads back to."""

    code: str
    department: str
    after: tuple[str, ...]
    state: str = "waiting"
    number: int = 0
    resume: str = ""


@dataclass
class Case:
    """One case and all that belongs to it."""

    id: UUID
    subject: str
    state: str = "received"
    steps: dict[str, Step] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    """What the command under way has brought: `dispatched`, `completed`."""

    # ---- commands

    def open(self, local: bool, now: datetime) -> None:
        """Begins."""
        self.steps = {
            "a": Step("a", "health", ()),
            "b": Step("b", "police", ("a",), "waiting" if local else "skipped"),
            "c": Step("c", "health", ()),
        }
        self._settle(now)

    def answer(self, task: Task, word: str, seq: int | None, now: datetime) -> str:
        """A department's word about a task; gives what became of it."""
        step = self.steps[task.step]
        if task.number != step.number or step.state in FINAL or task.state in ("done", "withdrawn"):
            return self._after("recorded-late", now)
        if seq is not None and seq <= task.heard:
            return self._after("recorded-stale", now)
        if word not in POSSIBLE[step.state]:
            return self._after("refused", now)
        if seq is not None:
            task.heard = seq
        task.settle("done" if word in ("completed", "rejected") else "sent")
        if word == step.state == "accepted":
            return self._after("unchanged", now)
        if step.state in ("held", "ready"):
            self.said.add("dispatched")
        if word == "supplement_needed":
            step.resume = "accepted" if step.state == "accepted" else "dispatched"
        self._move(step, LEADS_TO[word])
        return self._after("applied", now)

    def record(self, task: Task, token: UUID, said: str | TryLater, now: datetime) -> bool:
        """A worker's result: `received`, a word that came at once, or a failure; whether its lease held."""
        if task.token != token:
            return False
        if isinstance(said, TryLater):
            self._fail(task, said, now)
            self._settle(now)
            return True
        task.settle("sent")
        if said == "received":
            self._settle(now)
        elif self.answer(task, said, None, now) == "refused" and self.steps[task.step].state != "suspended":
            self._move(self.steps[task.step], "held")
        return True

    def hand_in(self, code: str, now: datetime, *, complete: bool) -> None:
        """A supplement. Raises: Refused."""
        step = self.steps[code]
        if step.state != "supplement_needed" or not complete:
            raise Refused
        step.state = step.resume
        self._hand_out(step, now)
        self._settle(now)

    def withdraw(self) -> None:
        """The end. Raises: Refused."""
        if self.state not in OPEN_CASE:
            raise Refused
        for step in self.steps.values():
            if step.state not in FINAL:
                self._end(step, "cancelled")
        self.state = "withdrawn"

    def decide(self, code: str, action: str, now: datetime) -> None:
        """An officer's decision about a held step. Raises: Refused."""
        step = self.steps[code]
        if step.state != "held":
            raise Refused
        if action in DECIDED:
            self._end(step, DECIDED[action])
        else:
            self._release_by_hand(step, now)
        self._settle(now)

    def claim(self, token: UUID, now: datetime) -> Iterator[Task]:
        """Everything that is due gets a lease."""
        for task in self.tasks:
            if task.next_at is not None and task.next_at <= now:
                task.state, task.token, task.next_at = "sending", token, now + LEASE
                task.first_at = task.first_at or now
                yield task

    # ---- what follows

    def _move(self, step: Step, state: str) -> None:
        step.state = state
        if state == "completed":
            self.said.add("completed")

    def _end(self, step: Step, state: str) -> None:
        for task in self.tasks:
            if task.step == step.code and task.state not in ("done", "withdrawn"):
                task.settle("withdrawn")
        self._move(step, state)

    def _fail(self, task: Task, failure: TryLater, now: datetime) -> None:
        task.tries += 1
        first_at = task.first_at or now
        verdict = after_failure(failure, task.id, task.tries, first_at=first_at, now=now)
        if isinstance(verdict, Retry):
            task.settle("pending")
            task.next_at, task.tries = verdict.at, verdict.tries
        else:
            task.settle("held")
            self.steps[task.step].state = "held"

    def _release_by_hand(self, step: Step, now: datetime) -> None:
        task = self.live(step.code)
        if task is None or task.state in ("done", "withdrawn"):
            if any(self.steps[code].state not in FINAL for code in step.after):
                raise Refused
            step.state = "waiting"
            self._hand_out(step, now)
            return
        step.state = "dispatched"
        if task.state in ("sent", "held"):
            task.settle("pending")
            task.tries, task.first_at = 0, None

    def _hand_out(self, step: Step, now: datetime) -> None:
        before = self.live(step.code)
        if before is not None and before.state not in ("done", "withdrawn"):
            before.settle("done")
        queued = any(t.department == step.department and t.state in ON_ITS_WAY for t in self.tasks)
        step.number += 1
        self.tasks.append(
            Task(self.name_of(step), step.code, step.number, step.department, None if queued else now, now)
        )
        if step.state == "waiting":
            self._move(step, "ready" if queued else "dispatched")
            self.said |= set() if queued else {"dispatched"}

    def name_of(self, step: Step) -> UUID:
        """Stands for the task's id until it is read from the database: the schedule's jitter hangs on it."""
        return UUID(int=step.number)

    def live(self, code: str) -> Task | None:
        """The task of the step's present submission."""
        number = self.steps[code].number
        return next((t for t in self.tasks if t.step == code and t.number == number), None)

    def _after(self, reply: str, now: datetime) -> str:
        self._settle(now)
        return reply

    def _settle(self, now: datetime) -> None:
        """Steps that can go on go on, queues move up, the case follows."""
        if self.state in OPEN_CASE:
            for step in self.steps.values():
                if step.state == "waiting":
                    self._release(step, now)
            self._move_up(now)
            self._follow()
        self.said = set()

    def _release(self, step: Step, now: datetime) -> None:
        before = [self.steps[code].state for code in step.after]
        if any(state in FINAL and state not in MET for state in before):
            step.state = "held"
        elif all(state in MET for state in before):
            self._hand_out(step, now)

    def _move_up(self, now: datetime) -> None:
        """Of each department the first in the queue goes, when nothing is on its way there."""
        queue = [task for task in self.tasks if task.state == "pending" and task.next_at is None]
        for task in sorted(queue, key=lambda task: (task.created_at, task.number, task.step)):
            away = [t for t in self.tasks if t.department == task.department and t.state in ON_ITS_WAY]
            if any(t.state != "pending" or t.next_at is not None for t in away):
                continue
            task.next_at = now
            if self.steps[task.step].state == "ready":
                self.steps[task.step].state = "dispatched"
                self.said.add("dispatched")

    def _follow(self) -> None:
        states = [step.state for step in self.steps.values()]
        if all(state in FINAL for state in states):
            self.state = self._end_state(states)
            return
        if self.state == "received" and {"accepted", "suspended", "completed"} & set(states):
            self.state = "accepted"
        if self.state == "accepted" and self.said:
            self.state = "in_progress"

    @staticmethod
    def _end_state(states: list[str]) -> str:
        if "completed" in states:
            return "partly_completed" if {"rejected", "cancelled"} & set(states) else "completed"
        if "rejected" in states:
            return "rejected"
        return "withdrawn" if "cancelled" in states else "completed"
