"""Opinions 征求意见: a department that handles a step asks another one what it thinks, inside the step.

A consultation is not on the closed list of LIC art. 45, so it stops no clock (domain.md section 9). The
decision stays with the department that handles the step: it may wait, withdraw the question, or decide
without the opinion, and then it says why. One that is late can still be given while the step is open; what is
open when the step ends, ends with it.

The department that was asked sees what was put to it and nothing else of the case. That is fixed as text when
it is asked (`Opinion.put`), so that it answers what it was shown, whatever is handed in meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from onenet.domain import beside, consultations, moves, sheet, subjects, told
from onenet.domain.bundle import Limit
from onenet.domain.case import Case, Reply, Step, Task
from onenet.domain.chain import canonical
from onenet.domain.clocks import Clock
from onenet.domain.commands import DecideStep
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion, OpinionAct, WithdrawOpinion
from onenet.domain.outcome import (
    AtDesk,
    Completed,
    Offered,
    OpinionGiven,
    Outcome,
    Received,
    Rejected,
    TryLater,
    Unclear,
)
from onenet.domain.procedures import Opinion, opinions_of
from onenet.domain.states import FINAL_STEP, OVER, TaskState
from onenet.errors import Fault, NotFound, UnknownReference

OPEN = "opinions are open: wait for them, withdraw them, or say in without_opinions why it is decided"


def take(draft: Draft, command: OpinionAct) -> Reply:
    """Asks, withdraws or gives one. Raises: NotFound, MoveRefused, UnknownReference."""
    step = draft.steps.get(command.step)
    if step is None:
        raise NotFound
    match command:
        case AskOpinion():
            _ask(draft, step, command)
        case WithdrawOpinion(opinion=id, reason=reason):
            found = _awaited(draft, step, id)
            _end(draft, step, found, replace(found, state="withdrawn"), reason=reason)
        case GiveOpinion(opinion=id, answer=answer, words=words, by=by):
            found = _awaited(draft, step, id)
            given = replace(found, state="given", answer=answer, words=words, answered_by=by)
            _end(draft, step, found, given, answer=answer, words=words)
    return "applied"


def record(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """What came of handing the question to who is asked, who may answer it at once."""
    of_what = {"opinion_id": str(task.id), "department": task.department}
    reply = beside.record(draft, task, outcome, EventType.OPINION_HELD, of_what)
    if isinstance(outcome, _NO_ANSWER):
        return reply
    reply = answered(draft, draft.task(task.id), outcome)
    if reply != "refused":
        return reply
    # Said at once it is told no 409, and its sender believes that it has answered.
    draft.move_task(draft.task(task.id), TaskState.HELD, held_reason="unclear_answer")
    draft.add(EventType.OPINION_HELD, task.step, **of_what, reason=_why_none(outcome))
    return "held"


def answered(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """What who is asked says to the task of a question: its opinion. Anything else is on record and changes
    nothing, as does one that comes when the question is not asked any more.
    """
    word = type(outcome).__name__
    if task.state in OVER:
        draft.add(EventType.ANSWER_LATE, task.step, outcome=word, task=str(task.id))
        return "recorded-late"
    if isinstance(outcome, _NO_ANSWER):
        return "unchanged"
    if isinstance(outcome, OpinionGiven):
        by = f"department:{task.department}"
        return take(draft, GiveOpinion(task.step, task.id, outcome.answer, outcome.words, by))
    draft.add(EventType.ANSWER_REFUSED, task.step, outcome=word, reason=_why_none(outcome))
    return "refused"


def _why_none(outcome: Outcome) -> str:
    """Why it is no opinion."""
    return outcome.reason if isinstance(outcome, Unclear) else "a question is answered by opinion_given"


_NO_ANSWER = (Received, Offered, AtDesk, TryLater)


def open_of(step: Step) -> list[Opinion]:
    """Those that are awaited, in time or late."""
    return [each for each in opinions_of(step.procedures) if each.state == "asked"] if step.procedures else []


def are_passed_over(step: Step, outcome: Outcome) -> bool:
    """Whether the outcome decides the step and says nothing of opinions that are open."""
    match outcome:
        case Completed(without_opinions=None) | Rejected(without_opinions=None):
            return bool(open_of(step))
        case _:
            return False


def check_said(draft: Draft, step: Step, command: DecideStep) -> None:
    """Passes when none is open, or the decision says that it goes on without. Raises: MoveRefused."""
    if not command.without_opinions and (found := open_of(step)):
        raise moves.refused(OPEN, draft, step, opinions=[each.department for each in found])


def follow(draft: Draft) -> None:
    """Ends what is open in each step that this command closed."""
    for code in dict.fromkeys(event.step for event in draft.events):
        step = draft.steps.get(code) if code else None
        if step and step.procedures and step.state in FINAL_STEP:
            for each in open_of(step):
                _end(draft, step, each, replace(each, state="ended"))


def overdue_at(draft: Draft, step: Step) -> datetime | None:
    """When the first that is awaited is late; None where each of them was told to be, and in a step that
    ended: that time closed it at this very moment does not make anybody late.
    """
    if step.state in FINAL_STEP:
        return None
    return min((each.due_at for each in open_of(step) if not each.is_overdue), default=None)


def note_overdue(draft: Draft, step: Step, due_at: datetime) -> None:
    """Notes that it is late. It can still be given; who asked may go on without it."""
    found = next(each for each in open_of(step) if not each.is_overdue and each.due_at == due_at)
    draft.put_procedure(step.code, replace(found, is_overdue=True), instead_of=found)
    _tell(draft, step, found, EventType.OPINION_OVERDUE, due_at=due_at.isoformat())


def find(case: Case, code: str, id: UUID) -> Opinion | None:
    """The opinion of that id in a step, if it is there."""
    step = case.steps.get(code)
    return next((each for each in opinions_of(step.procedures) if each.id == id), None) if step else None


def put_of(opinion: Opinion) -> dict[str, Any]:
    """What of the case was put to the department: `fields`, `materials`, and the `applicant` if at all."""
    put: dict[str, Any] = json.loads(opinion.put)
    return put


def documents_of(opinion: Opinion) -> list[str]:
    """The documents among it, while they may be fetched: not once the opinion is withdrawn, or the step
    ended without it.
    """
    if opinion.state not in ("asked", "given"):
        return []
    return [each["document"] for each in put_of(opinion)["materials"] if "document" in each]


def _ask(draft: Draft, step: Step, command: AskOpinion) -> None:
    moves.check_step(
        draft, step, "ask_opinion", "opinions are asked by who has accepted the step and not decided it"
    )
    if command.department == step.department:
        raise moves.refused("the step is that department's own", draft, step)
    if any(each.department == command.department for each in open_of(step)):
        raise moves.refused("that department was asked before, and has not answered", draft, step)
    limit = Limit(command.days, "workdays") if command.days else draft.rules.opinion
    due_at = deadline(limit, Clock(draft.now.at), draft.rules.calendar, draft.case.utc_offset_minutes).due_at
    if due_at is None:
        raise AssertionError("a clock that never stood still has an end")
    number = len(opinions_of(step.procedures)) + 1
    found = Opinion(
        "opinion", draft.case.derived_id("opinion", step.code, number), command.department, command.names,
        command.question, _put(draft, step, command), command.by, draft.now.at, due_at,
    )  # fmt: skip
    draft.put_procedure(step.code, found)
    consultations.hand_out(draft, step, found)
    put = [*command.materials, *command.fields, *(["applicant"] if command.with_applicant else [])]
    _tell(
        draft, step, found, EventType.OPINION_ASKED,
        until=due_at.isoformat(), question=command.question, put=put,
    )  # fmt: skip


def _put(draft: Draft, step: Step, command: AskOpinion) -> str:
    """What is put to it, in the codes of the step's task, and no more than that tells. Raises:
    UnknownReference for what the step does not have, and for a material that is a generated form alone.
    """
    member, whose = draft.case.bundle.member(step.code), subjects.of(draft.case.bundle, step.code)
    form = told.fields(member, draft.content.form)
    fields = {subjects.plain(whose, name): said for name, said in form.items()}
    listed = {each["code"]: each for each in sheet.materials(draft, member, whose)}
    has = {code for code, each in listed.items() if each.keys() & CAN_BE_PUT}
    faults = [*_missing("materials", command.materials, has), *_missing("fields", command.fields, fields)]
    if faults:
        raise UnknownReference("the step has nothing of that name", faults=tuple(faults))
    put: dict[str, Any] = {
        "fields": {code: fields[code] for code in command.fields},
        "materials": [_as_put(listed[code]) for code in command.materials],
    }
    if command.with_applicant:
        put["applicant"] = told.applicant(draft.content.applicant, member)
    return canonical(put)


def _as_put(material: dict[str, Any]) -> dict[str, Any]:
    """A material without its generated form, which holds the applicant and every field of the item, named or
    not; and without the step that issued it: whoever is asked does not see which others there are.
    """
    put = {name: value for name, value in material.items() if name != "generated"}
    if issued := put.get("issued"):
        put["issued"] = {name: value for name, value in issued.items() if name != "step"}
    return put


CAN_BE_PUT = frozenset({"evidence", "document", "reference", "issued"})
"""Members of a material in a sheet, one of which it has when there is anything of it that can be put."""


def _missing(list_: str, wanted: Sequence[str], has: Any) -> list[Fault]:
    return [
        Fault(
            "unknown",
            "本环节没有此材料或字段；生成表单请改列所需字段",
            "Expected what the department of the step has; of a generated form, its fields",
            pointer=f"/{list_}/{at}",
        )
        for at, code in enumerate(wanted)
        if code not in has
    ]


def _awaited(draft: Draft, step: Step, id: UUID) -> Opinion:
    found = next((each for each in opinions_of(step.procedures) if each.id == id), None)
    if found is None:
        raise NotFound
    if found.state != "asked":
        raise moves.refused(f"the opinion is {found.state}", draft, step)
    return found


def _end(draft: Draft, step: Step, found: Opinion, now: Opinion, **said: Any) -> None:
    """Puts the opinion as it is `now` in the place of what was awaited, and tells what became of it."""
    draft.put_procedure(step.code, replace(now, ended_at=draft.now.at), instead_of=found)
    consultations.close(draft, now)
    _tell(draft, step, found, EventType(f"opinion.{now.state}"), **said)


def _tell(draft: Draft, step: Step, found: Opinion, event: EventType, **said: Any) -> None:
    draft.tell(event, step.code, opinion_id=str(found.id), department=found.department, **said)
