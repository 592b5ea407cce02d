"""What was granted in one case and goes along with another one, which applies again for what was refused.

It is taken back in the case that issued it. Whoever goes on with it in the other case hears of it there: the
copy says that it does not stand, and what comes after it is held. Source: LIC articles 8 and 69.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from onenet.domain.case import Decision
from onenet.domain.events import EventType
from onenet.domain.outcome import TakenBack
from onenet.domain.procedures import reapplied_by

_TAKEN_BACK: Mapping[EventType, Literal["recalled", "revoked"]] = {
    EventType.RESULT_RECALLED: "recalled",
    EventType.RESULT_REVOKED: "revoked",
}


@dataclass(frozen=True, slots=True)
class TakeBackCarried:
    """Results of that step, which an earlier case issued, were taken back there."""

    step: str
    what: TakenBack


def reached(decision: Decision) -> Iterator[tuple[UUID, TakeBackCarried]]:
    """What the cases that apply again after this one have to hear of a decision about it."""
    for event in decision.events:
        state = _TAKEN_BACK.get(event.type)
        if state is None or event.step is None:
            continue
        told = TakeBackCarried(event.step, TakenBack(state, event.data["reason"], tuple(event.data["codes"])))
        again = (reapplied_by(step.procedures) for step in decision.case.steps.values())
        yield from ((id, told) for id in dict.fromkeys(again) if id is not None)
