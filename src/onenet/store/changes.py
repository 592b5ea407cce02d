"""What must be written for changes of cases: a case before and after, and the rows that differ. Pure but for
the nonces of what is sealed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from onenet.domain.case import Case, Step, Task
from onenet.domain.procedures import Procedure, opinions_of
from onenet.domain.ratings import ratings_of
from onenet.domain.tickets import ticket_of
from onenet.encryption import DataKey, KeyRing
from onenet.store import bulk, opinions, ratings, rows, ticket_rows
from onenet.store.bulk import Part, Row
from onenet.store.sealing import key_of


@dataclass(frozen=True, slots=True)
class Changed:
    """A case before (None when new) and after."""

    before: Case | None
    after: Case


def next_version(before: Case | None) -> int:
    """The version that a case is saved as, however many changes of it are saved together."""
    return 1 if before is None else before.version + 1


def saved(before: Case | None, after: Case) -> Case:
    """The case as it is once it is saved."""
    version = next_version(before)
    return after if after.version == version else after._replace(version=version)


def differs(before: Case, after: Case) -> bool:
    """Whether there is anything to save, beside events."""
    return (
        before.tasks != after.tasks
        or before.steps != after.steps
        or before.timers != after.timers
        or before.content is not after.content
        or before.timing != after.timing
    )


def rows_of(changes: Iterable[Changed], ring: KeyRing) -> dict[Part, list[Row]]:
    """The rows of these cases that are new or differ, sealed. Raises: Unreadable, MisconfiguredError."""
    found: dict[Part, list[Row]] = defaultdict(list)
    for change in changes:
        before, after = change.before, saved(change.before, change.after)
        if before is None:
            _add(found, after, ring)
        else:
            _change(found, before, after, ring)
    return found


def _add(found: dict[Part, list[Row]], case: Case, ring: KeyRing) -> None:
    key = key_of(ring, case.data_key)
    found[bulk.CASES].append(rows.case_row(case, ring))
    found[bulk.CONTENTS].append(rows.content_row(case, key))
    found[bulk.STEPS] += [rows.step_row(case, step, key) for step in case.steps.values()]
    found[bulk.TASKS] += [rows.sealed_task_row(case, task, key) for task in case.tasks.values()]
    found[bulk.TIMERS] += [rows.timer_row(case, timer) for timer in case.timers.values()]
    for step in case.steps.values():
        _change_opinions(found, case, step)
    if ticket := ticket_of(case.content.procedures):
        found[bulk.TICKETS].append(ticket_rows.row(case, ticket))
        found[bulk.TICKET_UNITS] += ticket_rows.unit_rows(case, ticket)


def _change(found: dict[Part, list[Row]], before: Case, after: Case, ring: KeyRing) -> None:
    key = key_of(ring, after.data_key)
    found[bulk.CASES_CHANGED].append({**rows.case_changes(after), "before_version": before.version})
    if before.content is not after.content:
        found[bulk.CONTENTS_CHANGED].append(rows.content_row(after, key))
        _change_ratings(found, before, after)
        _change_ticket(found, before, after)
    for code, step in after.steps.items():
        if before.steps[code] is not step:
            found[bulk.STEPS_CHANGED].append(rows.step_row(after, step, key))
            _change_opinions(found, after, step, before.steps[code].procedures)
    for id, task in after.tasks.items():
        old = before.tasks.get(id)
        if old is None:
            found[bulk.TASKS].append(rows.sealed_task_row(after, task, key))
        elif old is not task:
            _change_task(found, after, task, old, key)
    for id, timer in after.timers.items():
        if id not in before.timers:
            found[bulk.TIMERS].append(rows.timer_row(after, timer))
        elif before.timers[id] is not timer:
            found[bulk.TIMERS_CHANGED].append(rows.timer_row(after, timer))


def _change_ratings(found: dict[Part, list[Row]], before: Case, after: Case) -> None:
    old = {each.stage: each for each in ratings_of(before.content.procedures)}
    for each in ratings_of(after.content.procedures):
        if each.stage not in old:
            found[bulk.RATINGS].append(ratings.row(after, each))
        elif old[each.stage] is not each:
            found[bulk.RATINGS_CHANGED].append(ratings.row(after, each))


def _change_opinions(
    found: dict[Part, list[Row]], case: Case, step: Step, before: tuple[Procedure, ...] = ()
) -> None:
    if before is step.procedures:
        return
    old = {each.id: each for each in opinions_of(before)}
    for each in opinions_of(step.procedures):
        if each.id not in old:
            found[bulk.OPINIONS].append(opinions.row(case, step, each))
        elif old[each.id].state != each.state:
            found[bulk.OPINIONS_CHANGED].append(opinions.row(case, step, each))


def _change_ticket(found: dict[Part, list[Row]], before: Case, after: Case) -> None:
    now = ticket_of(after.content.procedures)
    was = ticket_of(before.content.procedures)
    if now is None or was is None or now is was:
        return
    found[bulk.TICKETS_CHANGED].append(ticket_rows.row(after, now))
    old = list(ticket_rows.unit_rows(before, was))
    for row in ticket_rows.unit_rows(after, now):
        if row not in old:
            known = any((each["round"], each["number"]) == (row["round"], row["number"]) for each in old)
            found[bulk.TICKET_UNITS_CHANGED if known else bulk.TICKET_UNITS].append(row)


def _change_task(
    found: dict[Part, list[Row]], case: Case, task: Task, old: Task, key: DataKey | None
) -> None:
    changed = rows.task_changes(case, task)
    changed |= {"before_state": old.state, "before_lease_token": old.lease_token}
    if task.reference is None and task.poll_every_s is None:
        found[bulk.TASKS_CHANGED].append(changed)
    else:
        changed |= rows.asked_columns(task, key) | {"before_poll_token": old.poll_token}
        found[bulk.TASKS_ASKED].append(changed)
