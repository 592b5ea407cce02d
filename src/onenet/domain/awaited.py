"""What is still to happen to a step because of what was promised, also after it was decided, and by when.

A commitment is looked at after the grant, and a broken one repaired (ANY art. 27, 28); a material that was
tolerated follows (ANY art. 24). A department must not lose sight of either once the step is completed.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

from onenet.domain import commitment, tolerance
from onenet.domain.case import Step
from onenet.domain.states import FAILED

What = Literal["check", "repair", "material"]
"""An officer looks whether a commitment is kept; the applicant repairs it; a material follows."""

_OF_COMMITMENTS: dict[str, What] = {"to_check": "check", "broken": "repair"}


class Awaited(NamedTuple):
    """One thing, and the last day for it. `material`: which one follows."""

    due_on: date
    what: What
    material: str | None = None


def of(step: Step) -> list[Awaited]:
    """All of it, the earliest first."""
    if not step.procedures or step.state in FAILED:
        return []
    signed = commitment.of(step)
    found = [Awaited(each.due_on, "material", each.material) for each in tolerance.outstanding(step)]
    if signed is not None and signed.awaited_on is not None:
        found.append(Awaited(signed.awaited_on, _OF_COMMITMENTS[signed.state]))
    return sorted(found)


def first_on(step: Step) -> date | None:
    """The first of these days."""
    return next((each.due_on for each in of(step)), None)
