"""Invariants I1 to I8 of one case, as far as its rows tell: small pure checks in a table.

A check yields one line for each violation and nothing when all is well. Source: reliability.md section 3.
I1, I3, I4 and I6 also have a side outside (who was answered, what a department did) that no database knows;
checked here is that the rows agree with what those outside were told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from onenet.domain import opinions
from onenet.domain.calendar import local_day
from onenet.domain.case import APPLICATION, OPINION, WITHDRAWAL, Case, Task
from onenet.domain.delegation import Owner
from onenet.domain.events import RATING_EVENTS, EventType
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.stalls import stalls
from onenet.domain.states import FINAL_STEP, MET, OVER, StepState
from onenet.ids import to_text
from onenet.services import record
from onenet.store.events import Event
from onenet.store.inspection import parked


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it has to be: where, what, and what to do about it."""

    invariant: str
    case_id: UUID | None
    step: str | None
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class Looked:
    """One case with all that hangs on it, read at one moment. `ratings`: what figures are made of."""

    case: Case
    events: list[Event]
    deliveries: list[RowMapping]
    ratings: list[RowMapping]
    is_numbered: bool


Said = Iterator[tuple[str | None, str]]
"""The step, if it is about one, and what is wrong."""

RESTORE = "compare with a backup: `onenet log verify` names each row that was changed from outside"
RECONCILE = "`onenet doctor --reconcile`, or leave a worker running: it looks every minute"
REPORT = "keep the database as it is and report it: no onenet of ours writes this"


def numbers_lead_back(looked: Looked) -> Said:
    """I1: whoever holds the case's number finds the case."""
    if not looked.is_numbered:
        yield None, f"its number {looked.case.number} leads to no case"


def chain_holds(looked: Looked) -> Said:
    """I5: numbers without a gap, each event chained to the one before, the case's row names the last."""
    for found in record.check_chain(looked.case.id, looked.events, _head(looked.case)):
        yield found.step, f"event {found.seq}: {found.kind} {found.detail}".rstrip()


def rows_follow_events(looked: Looked) -> Said:
    """I5: the case is the one that was opened; it and its steps stand where their events left them."""
    case = looked.case
    states = {step.code: step.state.value for step in case.steps.values()}
    for found in record.check_states(case.id, looked.events, _head(case), states):
        yield found.step, f"{found.kind}: {found.detail}"


def _head(case: Case) -> record.Head:
    owner = Owner(case.client, case.subject)
    bundle, where = case.bundle, (case.jurisdiction, case.receiving)
    opened = record.Opened(case.number, bundle.code, bundle.version, *where, owner)
    return record.Head(case.seq, case.head_hash, case.state.value, opened)


def claims_follow_events(looked: Looked) -> Said:
    """I5: an open step at a desk is the clerk's who took it up, or to whom it was handed, or nobody's."""
    told: dict[str, str | None] = {}
    for event in looked.events:
        if event.step is None or event.type not in _CLAIMS:
            continue
        to = event.content().get("to", event.actor)
        told[event.step] = None if event.type == EventType.STEP_PUT_BACK else to
    for step in looked.case.steps.values():
        by = None if step.state in FINAL_STEP else told.get(step.code)
        if (step.claim and step.claim.by) != by:
            yield step.code, "it is another clerk's than its events say"


_CLAIMS = (EventType.STEP_CLAIMED, EventType.STEP_HANDED_OVER, EventType.STEP_PUT_BACK)


def ratings_follow_events(looked: Looked) -> Said:
    """I5: the row of each rating, which the figures are made of, says what its events say."""
    kept = {row["stage"]: row for row in looked.ratings}
    for stage, told in _ratings_told(looked).items():
        row = kept.pop(stage, None)
        if row is None:
            yield None, f"its rating of {stage} is in no figure: it has no row"
        elif wrong := [name for name, value in told.items() if row[name] != value]:
            yield None, f"the row of its rating of {stage} has another {', '.join(wrong)} than its events"
    for stage in kept:
        yield None, f"it has the row of a rating of {stage} that nobody gave"


def _ratings_told(looked: Looked) -> dict[str, dict[str, Any]]:
    """Each rating by its stage, as the events left it; what is erased is due no more."""
    case, found = looked.case, dict[str, dict[str, Any]]()
    for event in looked.events:
        said = event.content()
        if event.type == EventType.DATA_ERASED:
            found = {stage: told | {"due_at": None} for stage, told in found.items()}
        elif event.type == EventType.RATING_GIVEN:
            found[said["stage"]] = {
                "jurisdiction": case.jurisdiction,
                "bundle": case.bundle.code,
                "item": case.bundle.member(said["about"]).item if said.get("about") else None,
                "department": said["department"],
                "level": said["level"],
                "is_named": int(said["is_named"]),
                "rated_on": local_day(datetime.fromisoformat(event.at), case.utc_offset_minutes).isoformat(),
            }
        if event.type in RATING_EVENTS:
            until = said.get("until")
            found[said["stage"]] |= {
                "state": said["rating_state"],
                "due_at": datetime.fromisoformat(until) if until else None,
            }
    return found


def results_are_kept(looked: Looked) -> Said:
    """I2: a completed step has the results and the opinion that its event tells."""
    told: dict[str, Mapping[str, Any]] = {}
    for event in looked.events:
        if event.type == "step.completed" and event.step is not None:
            told[event.step] = event.content()
    for step in looked.case.steps.values():
        if step.state is StepState.COMPLETED and step.code in told:
            content = told[step.code]
            if [result.as_issued() for result in step.results] != content.get("results", []):
                yield step.code, "its results are not those on record"
            if "results" in content and step.opinion != content.get("opinion"):
                yield step.code, "its opinion is not the one on record"


def ends_are_final(looked: Looked) -> Said:
    """I2: no step leaves a final state."""
    final = {state.value for state in FINAL_STEP}
    ended: dict[str, int] = {}
    for event in looked.events:
        state = event.content().get("state") if event.step is not None else None
        if event.step is None or state is None:
            continue
        if event.step in ended:
            yield event.step, f"it ended with event {ended[event.step]} and moved again with {event.seq}"
        if state in final:
            ended[event.step] = event.seq


def one_key_for_each_submission(looked: Looked) -> Said:
    """I3, I4: each submission has one task, under the key that case, step and number give."""
    case = looked.case
    for step in case.steps.values():
        tasks = [task for task in case.tasks.values() if task.kind == APPLICATION]
        numbers = sorted(task.submission for task in tasks if task.step == step.code)
        if len(set(numbers)) != len(numbers):
            yield step.code, f"it has two tasks of one submission: {numbers}"
    for task in case.tasks.values():
        if task.kind == OPINION:
            yield from _of_question(looked, task)
            continue
        named = WITHDRAWAL if task.kind == WITHDRAWAL else "task"
        if task.id != case.derived_id(named, task.step, task.submission):
            yield task.step, f"task {task.id} is not under the key of submission {task.submission}"
        if task.submission > case.steps[task.step].submission:
            yield task.step, f"task {task.submission} is of a submission that the step does not know"
        if task.department != case.bundle.member(task.step).department:
            yield task.step, f"its task is addressed to {task.department}, whose business it is not"
        sheet = json.loads(task.payload)
        if (sheet.get("task"), sheet.get("step")) != (to_text(TASK_PREFIX, task.id), task.step):
            yield task.step, f"what task {task.submission} says is of another task"


def _of_question(looked: Looked, task: Task) -> Said:
    """The task of a question is that of an opinion, goes to who is asked, and ends with it."""
    asked = opinions.find(looked.case, task.step, task.id)
    if asked is None:
        if not any(event.type == EventType.DATA_ERASED for event in looked.events):
            yield task.step, f"task {task.id} asks for an opinion that the step does not know"
        return
    if task.department != asked.department:
        yield task.step, f"its question is addressed to {task.department}, which is not asked"
    if (asked.state == "asked") == (task.state in OVER):
        yield task.step, f"its question is {task.state.value}, and the opinion {asked.state}"
    sheet = json.loads(task.payload)
    if (sheet.get("task"), sheet.get("opinion")) != (to_text(TASK_PREFIX, task.id), str(task.id)):
        yield task.step, f"what question {task.id} says is of another one"


def submissions_have_a_cause(looked: Looked) -> Said:
    """I7: a join fires once; more submissions come only of what was handed in or an officer's release."""
    causes: dict[str, int] = {}
    for event in looked.events:
        if event.step is not None and event.type in _CAUSES:
            causes[event.step] = causes.get(event.step, 0) + 1
    for step in looked.case.steps.values():
        most = 1 + causes.get(step.code, 0)
        if step.submission > most:
            yield step.code, f"it was handed out {step.submission} times, with cause for {most}"


_CAUSES = frozenset(
    {"step.supplemented", "step.made_good", "step.released", "step.committed", "step.commitment_taken_back"}
)


def inputs_come_first(looked: Looked) -> Said:
    """I7: no step is handed out before what it comes after is done, or released in spite of it."""
    states: dict[str, str] = {}
    released: set[str] = set()
    met, final = {state.value for state in MET}, {state.value for state in FINAL_STEP}
    members = {member.code: member for member in looked.case.bundle.members}
    for event in looked.events:
        content = event.content()
        if event.type == "case.received":
            states = dict(content["steps"])
        state = content.get("state")
        if event.step is None or state is None:
            continue
        if states.get(event.step) == "waiting" and state in ("ready", "dispatched"):
            enough = final if event.step in released else met
            member = members[event.step]
            for before in member.after:
                goes_on = member.if_failed.get(before) == "go_on"
                if states.get(before) not in (final if goes_on else enough):
                    yield event.step, f"event {event.seq} hands it out before {before} is done"
        if event.type == "step.released":
            released.add(event.step)
        states[event.step] = state


def deliveries_tell_events(looked: Looked) -> Said:
    """I3: each message to a subscriber is of an event of the case, once, under the key that both give."""
    types = {event.seq: event.type for event in looked.events}
    for row in looked.deliveries:
        if types.get(row["seq"]) != row["type"]:
            yield None, f"delivery {row['id']} tells event {row['seq']}, which is another one or none"
        if row["id"] != looked.case.derived_id("delivery", row["seq"], row["endpoint_id"]):
            yield None, f"delivery {row['id']} is not under the key of event {row['seq']}"


def nothing_stalls(looked: Looked) -> Said:
    """I8: whatever is open waits for something that exists."""
    for stall in stalls(looked.case):
        yield stall.step, f"{stall.kind}: {stall.detail}"
    for row in looked.deliveries:
        if parked(row):
            yield None, f"delivery {row['id']} is {row['state']} and never due"


@dataclass(frozen=True, slots=True)
class Check:
    """A check, the invariant it belongs to, and what to do when it finds something."""

    invariant: str
    find: Callable[[Looked], Said]
    advice: str
    reads_events: bool = False


CHECKS = (
    Check("I1", numbers_lead_back, RESTORE),
    Check("I2", results_are_kept, RESTORE, reads_events=True),
    Check("I2", ends_are_final, REPORT, reads_events=True),
    Check("I3", one_key_for_each_submission, RESTORE),
    Check("I3", deliveries_tell_events, RESTORE),
    Check("I5", rows_follow_events, RESTORE, reads_events=True),
    Check("I5", claims_follow_events, RESTORE, reads_events=True),
    Check("I5", ratings_follow_events, RESTORE, reads_events=True),
    Check("I7", inputs_come_first, REPORT, reads_events=True),
    Check("I7", submissions_have_a_cause, REPORT, reads_events=True),
    Check("I8", nothing_stalls, RECONCILE),
)


def check_case(looked: Looked) -> Iterator[Finding]:
    """Everything in one case that is not as it has to be.

    What a broken chain says is not believed: its other events are not read for more.
    """
    broken = [_finding("I5", looked, said, RESTORE) for said in chain_holds(looked)]
    yield from broken
    for check in CHECKS:
        if check.reads_events and broken:
            continue
        for said in check.find(looked):
            yield _finding(check.invariant, looked, said, check.advice)


def _finding(invariant: str, looked: Looked, said: tuple[str | None, str], advice: str) -> Finding:
    step, what = said
    return Finding(invariant, looked.case.id, step, what, advice)
