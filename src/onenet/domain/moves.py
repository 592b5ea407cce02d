"""Moves: what somebody may do to a case or a step, in which of its states, and who. One table.

Whatever is not in it is refused, and changes nothing: a person is told how things are and what can be done
instead, an answer of a department is on record as well. docs/frontend.md shows the same table. Time, the
engine and its workers have no moves here: they prove by a lease or a moment that they may. An officer's
extension hangs on a limit that runs, not on a state; a department lengthens one once it has accepted.

Nobody decides while a hearing can be asked for or is to be held: the right is told before the decision, by
LIC art. 47 to applicant and interested parties alike. A grant waits as well: the right is told where great
interests of others are touched, and a grant within the five days would cut them off. An applicant who wants
it sooner waives. A hearing that was asked for is over with its minutes alone, taken on a day that was told
(art. 48). Nor is the applicant asked for anything meanwhile: whoever does not hand it in would be out of the
case before the hearing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from onenet.domain.case import Step
from onenet.domain.draft import Draft
from onenet.domain.outcome import WORDS, Outcome, WhichLimit
from onenet.domain.procedures import (
    HearingState,
    ResultDelivery,
    extension_of,
    hearing_of,
    opinions_of,
    reapplied_by,
    suspension_of,
)
from onenet.domain.promises import Commitment, Tolerance
from onenet.domain.states import FAILED, FINAL_CASE, FINAL_STEP, CaseState, StepState
from onenet.errors import HearingAhead, MoveRefused

Who = Literal["applicant", "department", "officer", "asked_department", "supervisor", "administrator"]
"""applicant: also who acts for one. department: its system, or a clerk at its desk. officer: a person of the
department, supervisor: of the jurisdiction. asked_department: one whose opinion
is asked. administrator: of this onenet.
"""

_S = StepState
_DEPARTMENT: tuple[Who, ...] = ("department",)
_DECIDERS: tuple[Who, ...] = ("officer", "supervisor")
_ASKERS: tuple[Who, ...] = ("department", "officer")
_WITH_IT = frozenset({_S.READY, _S.DISPATCHED, _S.HELD})
"""It has the task, or soon will. Who answers a step that is queued or held got the task after all."""
_BEGUN = frozenset(StepState) - FINAL_STEP - {_S.WAITING}
"""A hearing goes its way beside the state, once the step was with its department and until it is closed."""

HEARING_FIRST = (
    "a hearing can still be asked for or is to be held: until then nothing is decided, asked for or resumed"
)


def is_hearing_ahead(step: Step) -> bool:
    """Whether a hearing of it can be asked for, or is to be held."""
    return _hearing(step) in ("told", "asked", "set")


def is_stopped_for_hearing(step: Step) -> bool:
    """Whether it is suspended for a hearing that is to be held, and for no other special procedure."""
    found = suspension_of(step.procedures) if step.state is _S.SUSPENDED else None
    return found is not None and found.procedure == "hearing" and _hearing(step) in ("asked", "set")


@dataclass(frozen=True, slots=True)
class Move:
    """In which states, and by whom. `at_desk`: only where the task lies at a department's desk. `of_results`:
    only where a result of the step is so. `hearing`: only while its hearing is so; None: there was none.
    `once`: only where no other case applies for the step yet. `limited`: only while a limit of it runs.
    `unless`: not while that holds of its hearing.
    """

    states: frozenset[StepState]
    by: tuple[Who, ...]
    at_desk: bool = False
    of_results: frozenset[str] = frozenset()
    hearing: frozenset[HearingState | None] = frozenset()
    once: bool = False
    limited: bool = False
    unless: Callable[[Step], bool] | None = None

    def holds(self, step: Step) -> bool:
        """Whether it can be made now."""
        return (
            step.state in self.states
            and (step.desk_at is not None or not self.at_desk)
            and (not self.of_results or any(each.state in self.of_results for each in step.results))
            and (not self.hearing or _hearing(step) in self.hearing)
            and (not self.once or reapplied_by(step.procedures) is None)
            and (not self.limited or bool(step.timing.promised_due_at or step.timing.statutory_due_at))
            and not self.is_before_hearing(step)
        )

    def is_before_hearing(self, step: Step) -> bool:
        """Whether its hearing comes first."""
        return self.unless is not None and self.unless(step)


def _department(*states: StepState, unless: Callable[[Step], bool] | None = None) -> Move:
    return Move(frozenset(states), _DEPARTMENT, unless=unless)


_AT_DESK = Move(
    frozenset({_S.DISPATCHED, _S.ACCEPTED, _S.SUPPLEMENT_NEEDED, _S.SUSPENDED, _S.HELD}), _DEPARTMENT, True
)
_TO_BE_HELD: frozenset[HearingState | None] = frozenset({"asked", "set"})
_SET: frozenset[HearingState | None] = frozenset({"set"})
_GRANTED = frozenset({_S.COMPLETED})
_DECISION = Move(frozenset({_S.HELD}), _DECIDERS, unless=is_hearing_ahead)

OF_STEP: Mapping[str, Move] = {
    "accepted": _department(*_WITH_IT, _S.SUPPLEMENT_NEEDED),
    "completed": _department(*_WITH_IT, _S.ACCEPTED, unless=is_hearing_ahead),
    "supplement_needed": _department(*_WITH_IT, _S.ACCEPTED, unless=is_hearing_ahead),
    "suspended": _department(_S.ACCEPTED),
    "resumed": _department(_S.SUSPENDED, unless=is_stopped_for_hearing),
    "rejected": _department(*_WITH_IT, _S.ACCEPTED, _S.SUPPLEMENT_NEEDED, unless=is_hearing_ahead),
    "recalled": Move(_GRANTED, _DEPARTMENT, of_results=frozenset({"issued"})),
    "revoked": Move(_GRANTED, _DEPARTMENT, of_results=frozenset({"issued", "recalled"})),
    "extended": Move(frozenset({_S.ACCEPTED}), _DEPARTMENT, limited=True),
    "hearing_told": Move(frozenset({_S.ACCEPTED}), _DEPARTMENT, hearing=frozenset({None})),
    "hearing_set": Move(_BEGUN, _DEPARTMENT, hearing=_TO_BE_HELD),
    "hearing_held": Move(_BEGUN, _DEPARTMENT, hearing=_SET),
    "claim": _AT_DESK,
    "hand_over": _AT_DESK,
    "put_back": _AT_DESK,
    "hand_in": Move(frozenset({_S.SUPPLEMENT_NEEDED}), ("applicant",)),
    "reapply": Move(FAILED, ("applicant",), once=True),
    "tell_hearing": Move(frozenset({_S.ACCEPTED}), _DECIDERS, hearing=frozenset({None})),
    "ask_hearing": Move(_BEGUN, ("applicant",), hearing=frozenset({"told"})),
    "waive_hearing": Move(_BEGUN, ("applicant",), hearing=frozenset({"told"})),
    "set_hearing": Move(_BEGUN, _DECIDERS, hearing=_TO_BE_HELD),
    "record_hearing": Move(_BEGUN, _DECIDERS, hearing=_SET),
    "ask_opinion": Move(frozenset({_S.ACCEPTED, _S.SUSPENDED}), _ASKERS),
    "hold": Move(frozenset({_S.DISPATCHED, _S.ACCEPTED}), _DECIDERS),
    "release": Move(frozenset({_S.HELD}), _DECIDERS),
    "complete": _DECISION,
    "reject": _DECISION,
    "skip": _DECISION,
    "cancel": _DECISION,
    "urge": Move(frozenset(StepState) - FINAL_STEP, ("supervisor",)),
    "send_again": Move(frozenset({_S.DISPATCHED, _S.ACCEPTED, _S.HELD}), ("administrator",)),
}
"""What can be done to a step: the words of departments, what clerks do at a desk, and what persons do."""


def _is_awaited(step: Step) -> bool:
    """Whether something that was promised is still to follow."""
    is_over = step.state in FINAL_STEP and step.state is not StepState.COMPLETED
    lines = (each for each in step.procedures if isinstance(each, Tolerance))
    return not is_over and any(line.outcome is None for line in lines)


def _is_asked(step: Step) -> bool:
    """Whether an opinion is awaited, in time or late."""
    return any(each.state == "asked" for each in opinions_of(step.procedures))


def is_to_be_delivered(step: Step) -> bool:
    """Whether results of it are still to be handed over: none that were taken back."""
    awaited = (each.delivered_at is None for each in step.procedures if isinstance(each, ResultDelivery))
    return any(awaited) and any(each.state == "issued" for each in step.results)


def _commitment(*states: str) -> Callable[[Step], bool]:
    return lambda step: any(isinstance(each, Commitment) and each.state in states for each in step.procedures)


class ProcedureMove(NamedTuple):
    """While what goes on in the step beside its state, and by whom."""

    holds: Callable[[Step], bool]
    by: tuple[Who, ...]


OF_PROCEDURES: Mapping[str, ProcedureMove] = {
    "make_good": ProcedureMove(_is_awaited, ("applicant",)),
    "defer": ProcedureMove(_is_awaited, _DECIDERS),
    "take_commitment_back": ProcedureMove(
        lambda step: step.state not in FINAL_STEP and _commitment("signed")(step), ("applicant",)
    ),
    "give_opinion": ProcedureMove(_is_asked, ("asked_department",)),
    "withdraw_opinion": ProcedureMove(_is_asked, _ASKERS),
    "deliver": ProcedureMove(is_to_be_delivered, ("department", "officer")),
    "check": ProcedureMove(_commitment("to_check", "broken"), _DECIDERS),
}
"""What can be done about a promise or an opinion, whatever state the step is in."""


class CaseMove(NamedTuple):
    """In which states of the case, and by whom."""

    states: frozenset[CaseState]
    by: tuple[Who, ...]


OF_CASE: Mapping[str, CaseMove] = {
    "withdraw": CaseMove(frozenset(CaseState) - FINAL_CASE, ("applicant",)),
    "erase": CaseMove(FINAL_CASE, ("administrator",)),
}
"""What can be done to the case as a whole."""

_WORD: Mapping[type[Outcome], str] = {outcome: word for word, outcome in WORDS.items()}


def _hearing(step: Step) -> HearingState | None:
    found = hearing_of(step.procedures)
    return found.state if found else None


def is_answerable(step: Step, outcome: type[Outcome]) -> bool:
    """Whether a department can say that of the step now."""
    return OF_STEP[_WORD[outcome]].holds(step)


def is_before_hearing(step: Step, outcome: type[Outcome]) -> bool:
    """Whether a department cannot say that of the step for its hearing, which comes first."""
    return outcome in _WORD and OF_STEP[_WORD[outcome]].is_before_hearing(step)


def _has_its_time(action: str, step: Step, here: datetime) -> bool:
    """Whether what the state of the step allows can be done at this time, whatever is said with it."""
    match action:
        case "extended":
            ends: Mapping[WhichLimit, datetime | None] = {
                "promised": step.timing.promised_due_at,
                "statutory": step.timing.statutory_due_at,
            }
            return any(at and here < at and not extension_of(step.procedures, of) for of, at in ends.items())
        case "hearing_held" | "record_hearing":
            found = hearing_of(step.procedures)
            return found is None or found.on is None or found.on <= here.date()
        case _:
            return True


def allowed(state: CaseState, step: Step | None, here: datetime | None = None) -> list[dict[str, Any]]:
    """What can be done, and by whom: to the step, if one is meant, and to its case.

    `here`: the time that it is there; without it what depends on one is listed as well. What was refused for
    what was said with it is listed: it can be done with something else.
    """
    found: list[tuple[str, tuple[Who, ...]]] = []
    if step is not None:
        can = [action for action, move in OF_STEP.items() if move.holds(step)]
        if here is not None:
            can = [action for action in can if _has_its_time(action, step, here)]
        found += [(action, OF_STEP[action].by) for action in can]
        found += [(action, move.by) for action, move in OF_PROCEDURES.items() if move.holds(step)]
    found += [(action, move.by) for action, move in OF_CASE.items() if state in move.states]
    return [{"action": action, "by": list(by)} for action, by in found]


def present(state: CaseState, step: Step | None) -> dict[str, Any]:
    """How the case is, and the step that is meant."""
    told = {"case": state.value}
    if step is None:
        return told
    ahead = {"hearing": _hearing(step)} if is_hearing_ahead(step) else {}
    return told | {"step": step.code, "state": step.state.value} | ahead


def refused(
    detail: str,
    draft: Draft,
    step: Step | None = None,
    named: type[MoveRefused] = MoveRefused,
    **further: Any,
) -> MoveRefused:
    """The error for what cannot be done now. `further`: more of how things are."""
    return named(detail, present(draft.state, step) | further, allowed(draft.state, step, draft.here))


def check_step(draft: Draft, step: Step, action: str, detail: str) -> None:
    """Passes when that can be done to the step now. Raises: MoveRefused, HearingAhead."""
    if OF_STEP[action].is_before_hearing(step):
        raise refused(HEARING_FIRST, draft, step, HearingAhead)
    if not OF_STEP[action].holds(step):
        raise refused(detail, draft, step)


def check_case(draft: Draft, action: str, detail: str) -> None:
    """Passes when that can be done to the case now. Raises: MoveRefused."""
    if draft.state not in OF_CASE[action].states:
        raise refused(detail, draft)
