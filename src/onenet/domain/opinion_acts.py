"""What is done about an opinion: it is asked, withdrawn or given. Commands, each a move of `domain.moves`."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from onenet.domain.bundle import Names
from onenet.domain.outcome import OpinionAnswer


@dataclass(frozen=True, slots=True)
class AskOpinion:
    """The department of a step asks another one, of these `names`, its opinion, and puts to it what it needs.

    `materials`, `fields`: codes of the step's own. `with_applicant`: who applies is put to it as well.
    `days`: working days to answer in; None: as many as the place gives.
    """

    step: str
    department: str
    names: Names
    question: str
    by: str
    materials: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    with_applicant: bool = False
    days: int | None = None


@dataclass(frozen=True, slots=True)
class WithdrawOpinion:
    """Who asked does not want it any more."""

    step: str
    opinion: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class GiveOpinion:
    """The department that was asked gives its opinion."""

    step: str
    opinion: UUID
    answer: OpinionAnswer
    words: str | None
    by: str


OpinionAct = AskOpinion | WithdrawOpinion | GiveOpinion
