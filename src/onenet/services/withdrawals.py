"""Withdrawals as the people of a department see them: what is outstanding, and that it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from onenet.domain.case import WITHDRAWAL, Task
from onenet.domain.commands import ConfirmWithdrawal
from onenet.domain.principal import Principal
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import Visible
from onenet.errors import NotFound
from onenet.ids import from_text
from onenet.services.advance import Gate
from onenet.services.cases import NOBODY, Replying, change
from onenet.services.change import Result
from onenet.services.reading import Reading, Seen
from onenet.store import cases as store_cases
from onenet.store import withdrawals as store
from onenet.store.database import Database
from onenet.store.withdrawals import Place


@dataclass(frozen=True, slots=True)
class Notice:
    """A department is told that a task is withdrawn; its case as whoever asks sees it."""

    seen: Seen
    task: Task


async def page(
    database: Database,
    reading: Reading,
    visible: Visible,
    department: str | None,
    *,
    after: Place | None,
    limit: int,
) -> tuple[list[Notice], Place | None]:
    """What is outstanding, the oldest first, and where the next page begins, if there is one."""
    async with database.read() as connection:
        found = await store.page(connection, visible, department, after, limit + 1)
    shown = found[:limit]
    cases = await reading.whole({place.case_id: version for place, version in shown})
    notices = []
    for place, _ in shown:
        case = cases[place.case_id]
        if (sight := visible.sight_of(case)) is not None:
            notices.append(Notice(Seen(case, sight), case.tasks[place.task_id]))
    return notices, shown[-1][0] if len(found) > limit else None


async def find(database: Database, reading: Reading, key: str, who: Principal, now: datetime) -> Notice:
    """The notice of this key. Raises: NotFound, the same for another department's, and for none."""
    task_id = from_text(TASK_PREFIX, key)
    async with database.read() as connection:
        found = await store_cases.case_of_task(connection, task_id) if task_id else None
    seen = await reading.case(found[0] if found else NOBODY, who, now, what="case")
    task = seen.case.tasks[task_id] if task_id else None
    if task is None or task.kind != WITHDRAWAL or seen.sight.view.department not in (None, task.department):
        raise NotFound
    return Notice(seen, task)


async def confirm(gate: Gate, found: Notice, words: str | None, replying: Replying) -> Result:
    """Says that the department knows, and has undone what was to be undone. Raises: Unavailable."""
    return await gate.submit(change(found.seen.case.id, ConfirmWithdrawal(found.task.id, words), replying))
