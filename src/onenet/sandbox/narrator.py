"""The narrator: tells what happens, from the commits of the gate and the callbacks at the door."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from onenet.domain.case import Case, Step, Task
from onenet.domain.outcome import Outcome
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import TaskState
from onenet.ids import to_text
from onenet.recent import Recent
from onenet.sandbox.cases import STEP
from onenet.sandbox.evidence import Heard
from onenet.sandbox.service import Service
from onenet.store import deliveries, queue

MOST_REMEMBERED = 10_000
"""Cases, and their tasks, whose last state is known; of older ones it is told again where they stand."""

_TASK_KEY = re.compile(TASK_PREFIX.encode() + rb"_[0-9A-Z]{26}")

Line: TypeAlias = Mapping[str, Any]
"""`at`, `event`, `case` (a number; None where a callback names none that is known), and by the event:

filed: `wish`. call: `task`, `number`, `status`, `ms`, `failure`, `reason`, `again_at`. callback: `id`,
`outcome`, `status`, `reply`, `trouble`. step: `state`, `submission`, `because`, `until`, `reason`.
"""


class Narrator:
    """Tells what happens in one sandbox, from now on."""

    def __init__(self, service: Service, tell: Callable[[Line], None]) -> None:
        """`tell` is told each line, in the order in which things happened to a case."""
        self._record = service.record
        self._database = service.process.parts.database
        self._clock = service.process.parts.machine_clock
        self._told_to = tell
        self._since = self._clock.now()
        self._moved = asyncio.Event()
        self._committed: list[Case] = []
        self._heard: list[Heard] = []
        self._cases: Recent[UUID, Case] = Recent(MOST_REMEMBERED)
        self._called: Recent[UUID, int] = Recent(MOST_REMEMBERED)
        self._numbers: Recent[str, str] = Recent(MOST_REMEMBERED)
        service.process.parts.gate.listen(self._on_commit)
        service.record.listeners.append(self._on_callback)

    def _on_commit(self, committed: Sequence[Case]) -> None:
        self._committed += committed
        self._moved.set()

    def _on_callback(self, heard: Heard) -> None:
        self._heard.append(heard)
        self._moved.set()

    async def run(self) -> None:
        """Tells until cancelled."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            await self.catch_up()

    def _tell(self, line: Line) -> None:
        self._told_to({"at": self._clock.now().isoformat(), **line})

    async def catch_up(self) -> None:
        """Tells what there is; while a callback is being answered, what it changes waits for it."""
        if self._record.at_door:
            return
        committed, self._committed = self._committed, []
        heard, self._heard = self._heard, []
        for case in {each.id: each for each in committed}.values():
            for task in case.tasks.values():
                self._numbers.put(to_text(TASK_PREFIX, task.id), case.number)
            if self._cases.get(case.id) is None and case.created_at >= self._since:
                self._tell(_filed(case))
            async for line in self._calls(case):
                self._tell(line)
        for each in heard:
            self._tell(_callback(each, self._number_in(each.body)))
        for case in committed:
            for line in _moves(self._cases.get(case.id), case):
                self._tell(line)
            self._cases.put(case.id, case)

    async def _calls(self, case: Case) -> AsyncIterator[Line]:
        """The calls about it that ended and were not told yet."""
        for task in case.tasks.values():
            told = self._called.get(task.id) or 0
            if task.attempt <= told:
                continue
            async with self._database.read() as connection:
                attempts = await deliveries.attempts(connection, queue.TASKS, task.id)
            for each in attempts:
                is_over = each["ended_at"] or _is_overtaken(task)
                if is_over and each["number"] > told and each["started_at"] >= self._since:
                    self._called.put(task.id, each["number"])
                    yield _call(case, task, each)

    def _number_in(self, body: bytes) -> str | None:
        """The number of the case whose task stands in these bytes, in whatever words."""
        found = _TASK_KEY.search(body)
        return self._numbers.get(found.group().decode()) if found else None


def _filed(case: Case) -> Line:
    return _line("filed", case.number, wish=case.content.form.get("wish"))


def _call(case: Case, task: Task, attempt: Mapping[str, Any]) -> Line:
    is_due = task.state is TaskState.PENDING and attempt["number"] == task.attempt
    took = attempt["ended_at"] - attempt["started_at"] if attempt["ended_at"] else None
    return _line(
        "call", case.number,
        task=to_text(TASK_PREFIX, task.id), number=attempt["number"], status=attempt["status"],
        ms=took and took // timedelta(milliseconds=1), failure=attempt["failure"],
        reason=attempt["reason"] if took else "a callback about it came first",
        again_at=_iso(task.next_at if is_due else None),
    )  # fmt: skip


def _is_overtaken(task: Task) -> bool:
    """Whether a callback came before the answer to the call, which then changes nothing and is not kept."""
    return task.state in (TaskState.SENT, TaskState.DONE) and task.poll_every_s is None


def _callback(heard: Heard, number: str | None) -> Line:
    return _line(
        "callback", number, id=heard.message_id, outcome=_word(heard.outcome), status=heard.status,
        reply=heard.reply, trouble=heard.trouble or None,
    )  # fmt: skip


def _moves(before: Case | None, case: Case) -> Iterator[Line]:
    """What became of the step, where that is another thing than before."""
    step = case.steps[STEP]
    told = _standing(step)
    if before is None or _standing(before.steps[STEP]) != told:
        yield _line("step", case.number, **told)


def _standing(step: Step) -> Mapping[str, Any]:
    waiting = step.waiting
    return {
        "state": step.state.value,
        "submission": step.submission,
        "because": waiting.reason if waiting else None,
        "until": _iso(waiting.until if waiting else None),
        "reason": step.reason,
    }


def _line(event: str, case: str | None, **more: Any) -> Line:
    return {"event": event, "case": case, **more}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _word(outcome: Outcome | None) -> str | None:
    """The outcome as departments say it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(outcome).__name__).lower() if outcome else None


# ---- for people


def text_of(line: Line) -> str:
    """The line as people read it, with local times."""
    return f"{_time(line['at'])} {line['case'] or '-':<20} {_TEXTS[line['event']](line)}"


def _time(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"


def _call_text(line: Line) -> str:
    answered = f"answered {line['status']}" if line["status"] else "no answer"
    told = f"call {line['number']} about {line['task']}: {answered}"
    told += "" if line["ms"] is None else f" after {line['ms']} ms"
    if line["reason"]:
        told += f" ({': '.join(filter(None, (line['failure'], line['reason'])))})"
    return told + (f"; again at {_time(line['again_at'])}" if line["again_at"] else "")


def _callback_text(line: Line) -> str:
    trouble = f" ({line['trouble']})" if line["trouble"] else ""
    answered = f"answered {line['status']} {line['reply']}"
    return f"callback {line['id']}: {line['outcome'] or 'unreadable'}; {answered}{trouble}"


def _until(until: str, at: str) -> str:
    """The time of a moment on this day, the day of any other."""
    return _time(until) if until[:10] == at[:10] else until[:10]


def _step_text(line: Line) -> str:
    told = f"step {line['state']}" + (f", submission {line['submission']}" if line["submission"] > 1 else "")
    told += f", {line['because']}" if line["because"] else ""
    told += f" until {_until(line['until'], line['at'])}" if line["until"] else ""
    return told + (f": {line['reason']}" if line["reason"] else "")


_TEXTS: Mapping[str, Callable[[Line], str]] = {
    "filed": lambda line: f"filed, wish = {line['wish']}",
    "call": _call_text,
    "callback": _callback_text,
    "step": _step_text,
}
