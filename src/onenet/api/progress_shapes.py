"""How a case stands, on the wire, for whoever has its number and secret."""

from __future__ import annotations

from onenet.api.case_shapes import BundleMark, CaseStateWord, StepStateWord, SubjectShape
from onenet.api.rating_shapes import StageWord
from onenet.api.shapes import Answer, Moment, Named, Names
from onenet.api.ticket_shapes import CallBackShape, StateWord


class ProgressStep(Answer):
    """A step, as far as whoever holds the number and the secret may know."""

    code: str
    names: Names
    department: Named
    subject: SubjectShape | None = None
    verifies: bool | None = None
    state: StepStateWord
    since: Moment


class ProgressRound(Answer):
    """A round of a hotline ticket. `answer`: what the unit said, once the hotline has closed it."""

    round: int
    state: StateWord
    lead: Named | None = None
    answer: str | None = None
    call_back: CallBackShape | None = None


class ProgressTicket(Answer):
    """How a hotline ticket stands. `due_at`: until when the lead unit is to answer, while that time runs."""

    state: StateWord
    due_at: Moment | None = None
    rounds: list[ProgressRound]


class ProgressShape(Answer):
    """How a case stands, without anything that its applicant said. `ratable`: the stages that can be rated
    now. `ticket`: in place of steps, where it is a hotline ticket.
    """

    number: str
    state: CaseStateWord
    bundle: BundleMark
    created_at: Moment
    updated_at: Moment
    steps: list[ProgressStep]
    ratable: list[StageWord]
    ticket: ProgressTicket | None = None
