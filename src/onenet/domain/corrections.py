"""Corrections 补正: what an applicant must repair is asked once and in full, handed in at once or bit by bit.

Source: LIC art. 32(1)(4), the one-time notice; domain.md sections 1 and 18.1. Who asks a second time for what
could have been said the first time is heard all the same, since a department's system cannot be made to stop;
it is on record, for supervision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from onenet.domain import flow, lapses, moves, tolerance
from onenet.domain.case import Reply, Step, Waiting
from onenet.domain.commands import HandInSupplement
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import SupplementNeeded, SupplementRequest
from onenet.domain.procedures import Correction, Phase
from onenet.domain.states import StepState
from onenet.errors import NotFound

AND = "；"
"""Between the reasons of one thing."""


def ask(draft: Draft, step: Step, outcome: SupplementNeeded) -> None:
    """Asks the applicant. What a second request could have said with the first one is told with it."""
    requests = _each_thing_once(outcome.requests)
    is_accepted = step.state is StepState.ACCEPTED
    phase: Phase = "after_acceptance" if is_accepted else "before_acceptance"
    asked = tuple(request.thing for request in requests)
    late = _not_said_at_once(step, phase, asked)
    due_on = outcome.due_on or lapses.last_day(draft, draft.now.at).due_on
    correction = Correction("correction", phase, asked, draft.now.at, late, outcome.due_on is None)
    told: dict[str, Any] = {
        "requests": [as_told(request) for request in requests],
        "due_on": due_on.isoformat() if due_on else None,
        "opinion": outcome.opinion,
        "phase": phase,
        "correction": number(step) + 1,
        **({"not_said_at_once": list(late)} if late else {}),
    }
    codes = tuple(request.code for request in requests)
    until = flow.end_of_day(due_on, draft.case.utc_offset_minutes) if due_on else None
    draft.move_step(
        step.code, StepState.SUPPLEMENT_NEEDED, EventType.STEP_SUPPLEMENT_NEEDED, told,
        waiting=Waiting("applicant", "supplement", codes, until),
        resume=StepState.ACCEPTED if is_accepted else StepState.DISPATCHED,
        requests=requests, opinion=outcome.opinion, procedures=(*step.procedures, correction),
    )  # fmt: skip


def _each_thing_once(requests: Iterable[SupplementRequest]) -> tuple[SupplementRequest, ...]:
    """A thing that is asked for twice is handed in once, for all the reasons that were given."""
    of_thing: dict[str, list[SupplementRequest]] = defaultdict(list)
    for request in requests:
        of_thing[request.thing].append(request)
    return tuple(
        replace(same[0], reason=AND.join(dict.fromkeys(each.reason for each in same)))
        for same in of_thing.values()
    )


def number(step: Step) -> int:
    """How many corrections were asked for so far."""
    return sum(isinstance(each, Correction) for each in step.procedures)


def as_told(request: SupplementRequest) -> dict[str, Any]:
    """What is asked for, as it is told; what was not said is left out."""
    return {name: value for name, value in asdict(request).items() if value is not None}


def _not_said_at_once(step: Step, phase: Phase, asked: tuple[str, ...]) -> tuple[str, ...]:
    """What lay there when others things were asked for in this phase, and was not asked for."""
    before = [each for each in step.procedures if isinstance(each, Correction) and each.phase == phase]
    known = {thing for each in before for thing in each.asked}
    return tuple(thing for thing in asked if thing not in known) if before else ()


def hand_in(draft: Draft, command: HandInSupplement) -> Reply:
    """Takes what the applicant hands in. While something is missing the step waits for the rest; then it goes
    back to where it was, with a new task. Raises: NotFound, MoveRefused.
    """
    step = draft.steps.get(command.step)
    if step is None:
        raise NotFound
    materials = tolerance.take(draft, step.code, command.materials)
    if len(materials) < len(command.materials) and not materials and not command.form:
        return "applied"
    if step.state is not StepState.SUPPLEMENT_NEEDED or step.resume is None:
        raise moves.refused("this step does not wait for a supplement", draft, step)
    asked = {request.thing for request in step.requests}
    given = {f"material:{material.code}" for material in materials}
    given |= {f"field:{code}" for code in command.form}
    if not given:
        raise moves.refused(f"still missing: {_codes(asked)}", draft, step)
    if surplus := given - asked:
        raise moves.refused(f"not asked for: {_codes(surplus)}", draft, step)
    flow.take_supplement(draft, materials, command.form)
    codes = sorted(thing.partition(":")[2] for thing in given)
    if given != asked:
        _wait_for_the_rest(draft, step, given, codes)
        return "applied"
    step = draft.move_step(
        step.code, step.resume, EventType.STEP_SUPPLEMENTED, {"codes": codes},
        waiting=flow.with_department(step.department),
    )  # fmt: skip
    flow.hand_out(draft, step.code)
    return "applied"


def _codes(things: set[str]) -> str:
    return ", ".join(sorted(thing.partition(":")[2] for thing in things))


def _wait_for_the_rest(draft: Draft, step: Step, given: set[str], codes: list[str]) -> None:
    rest = tuple(request for request in step.requests if request.thing not in given)
    left = tuple(request.code for request in rest)
    waiting = step.waiting and step.waiting._replace(refs=left)
    draft.steps[step.code] = step._replace(requests=rest, waiting=waiting)
    draft.add(EventType.STEP_SUPPLEMENT_SAVED, step.code, state=step.state, codes=codes, left=list(left))
