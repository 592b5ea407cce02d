"""The desk: what lies at departments' desks, and what clerks do with it. Every act goes through the gate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from onenet.domain import content, results, subjects
from onenet.domain.bundle import Bundle
from onenet.domain.case import OPINION, Case, Step, Task
from onenet.domain.commands import Clerk, DecideStep, HandOver, WorkAtDesk
from onenet.domain.outcome import Completed, Outcome, SupplementNeeded, TakenBack
from onenet.domain.principal import Principal, Role
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import Visible
from onenet.errors import FormInvalid, NotFound
from onenet.ids import from_text, to_text
from onenet.services.advance import Gate
from onenet.services.cases import NOBODY, Replying, change, unknown
from onenet.services.change import Result
from onenet.services.reading import Reading, Seen, access
from onenet.store import cases as store_cases
from onenet.store import desk as store
from onenet.store.database import Database
from onenet.store.desk import Place, Wanted

OFFICER = "officer:[a-z0-9][a-z0-9_-]{0,63}(/[!-~]{1,128})?"
"""An officer as the record calls them: who logs in at an issuer, or a department by its officers' key."""


@dataclass(frozen=True, slots=True)
class DeskTask:
    """A task that lies, or lay, at a desk, with its case as the clerk sees it."""

    seen: Seen
    step: Step
    task: Task

    @property
    def case(self) -> Case:
        """Its case."""
        return self.seen.case

    @property
    def key(self) -> str:
        """Its name on the wire, `tsk_…`."""
        return to_text(TASK_PREFIX, self.task.id)


def clerk(who: Principal) -> Clerk:
    """Who works at the desk, as the record calls them."""
    return Clerk(who.id, is_supervisor=who.role is Role.SUPERVISOR)


async def page(
    database: Database,
    reading: Reading,
    visible: Visible,
    wanted: Wanted,
    *,
    after: Place | None,
    limit: int,
) -> tuple[list[DeskTask], Place | None]:
    """Tasks that lie at a desk, the oldest first, and where the next page begins, if there is one."""
    async with database.read() as connection:
        found = await store.page(connection, visible, wanted, after, limit + 1)
    shown = found[:limit]
    cases = await reading.whole({place.case_id: version for place, version in shown})
    tasks = [task for place, _ in shown if (task := _task_at(cases[place.case_id], place.code, visible))]
    return tasks, shown[-1][0] if len(found) > limit else None


def _task_at(case: Case, code: str, visible: Visible) -> DeskTask | None:
    """The step's task, if it still lies at the desk in the case as it is by now."""
    sight, step, task = visible.sight_of(case), case.steps[code], case.live_task(code)
    if sight is None or task is None or step.desk_at is None or step.waiting is None:
        return None
    return DeskTask(Seen(case, sight), step, task)


async def find(
    database: Database, reading: Reading, key: str, who: Principal, now: datetime, *, what: str | None
) -> DeskTask:
    """The task of this key, if it was handed to a desk and this principal sees it; noted as `what`.

    Raises: NotFound, the same for a task of another department, of a system, and for none.
    """
    task_id = from_text(TASK_PREFIX, key)
    async with database.read() as connection:
        found = await store_cases.case_of_task(connection, task_id) if task_id else None
    seen = await reading.case(found[0] if found else NOBODY, who, now, what=what)
    task = seen.case.tasks[_known(task_id)]
    step = seen.case.steps[task.step]
    if (
        task.kind == OPINION
        or step.desk_at is None
        or seen.sight.view.department not in (None, step.department)
    ):
        raise NotFound
    return DeskTask(seen, step, task)


async def show(
    database: Database, reading: Reading, key: str, who: Principal, now: datetime
) -> tuple[DeskTask, str | None]:
    """The task with the text of its sheet, for who may read what was said; the look is on record first.

    Raises: NotFound; Unavailable when it cannot be recorded.
    """
    if "content:read" not in who.permissions:
        return await find(database, reading, key, who, now, what="case"), None
    found = await find(database, reading, key, who, now, what=None)
    fields = content.shown(found.case, found.seen.sight.view).fields()
    made = access(*found.seen, who, now, "application")
    await reading.accesses.write([made._replace(fields=fields)])
    return found, found.task.payload


def _known(task_id: UUID | None) -> UUID:
    if task_id is None:
        raise NotFound
    return task_id


async def work(gate: Gate, found: DeskTask, command: WorkAtDesk, replying: Replying) -> Result:
    """Puts an act through the gate.

    Raises: UnknownReference for a code that the item does not name; NotFound, PreconditionFailed,
    MoveRefused, Unavailable.
    """
    act = command.act
    if isinstance(act, HandOver):
        _check_name(act.to, found.step.department)
    else:
        check_codes(found.case.bundle, found.step.code, act)
    return await gate.submit(change(found.case.id, command, replying))


def _check_name(name: str, department: str) -> None:
    """Passes when it can be an officer's of the department: who logs in, or its own key."""
    is_key = "/" not in name
    if not re.fullmatch(OFFICER, name) or (is_key and name != f"officer:{department}"):
        raise unknown("/to", "不是该部门的人员", "this is nobody of the department")


def check_codes(bundle: Bundle, step: str, act: object) -> None:
    """Passes when the item names all that is asked for or issued: a person can mend a slip at once.

    Raises: UnknownReference; FormInvalid for results that end before they begin or are there twice.
    """
    member, whose = bundle.member(step), subjects.of(bundle, step)
    known: dict[str, set[str]] = {
        "result": {result.code for result in member.results},
        "material": set(member.materials),
        "field": set(member.fields),
    }
    for pointer, kind, code in _codes(act):
        if code not in known[kind] | {subjects.plain(whose, each) for each in known[kind]}:
            raise unknown(pointer, "该事项没有此代码", f"the item has no such {kind}")
    if isinstance(act, Completed | DecideStep) and (wrong := tuple(results.faults(act.results))):
        raise FormInvalid("the results cannot be issued like that", faults=wrong)


def _codes(act: Outcome | object) -> Sequence[tuple[str, str, str]]:
    """Where in an answer a code stands, of what kind, and the code."""
    match act:
        case Completed(results=results) | DecideStep(results=results):
            return [(f"/results/{n}/code", "result", each.code) for n, each in enumerate(results)]
        case TakenBack(_, _, codes):
            return [(f"/results/{n}", "result", code) for n, code in enumerate(codes)]
        case SupplementNeeded(requests, _, _):
            return [(f"/requests/{n}/code", each.kind, each.code) for n, each in enumerate(requests)]
        case _:
            return []
