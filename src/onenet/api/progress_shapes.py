"""How a case stands, on the wire, for whoever has its number and secret."""

from __future__ import annotations

from onenet.api.case_shapes import BundleMark, CaseStateWord, StepStateWord, SubjectShape
from onenet.api.rating_shapes import StageWord
from onenet.api.shapes import Answer, Moment, Named, Names


class ProgressStep(Answer):
    """A step, as far as whoever holds the number and the secret may know."""

    code: str
    names: Names
    department: Named
    subject: SubjectShape | None = None
    verifies: bool | None = None
    state: StepStateWord
    since: Moment


class ProgressShape(Answer):
    """How a case stands, without anything personal. `ratable`: the stages that can be rated now."""

    number: str
    state: CaseStateWord
    bundle: BundleMark
    created_at: Moment
    updated_at: Moment
    steps: list[ProgressStep]
    ratable: list[StageWord]
