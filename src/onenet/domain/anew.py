"""Anew: a department gets what has come for a step that it has already, as a further submission."""

from __future__ import annotations

from onenet.domain import flow
from onenet.domain.draft import Draft
from onenet.domain.states import StepState

_HAS_TASK = frozenset({StepState.READY, StepState.DISPATCHED, StepState.ACCEPTED, StepState.SUSPENDED})


def hand_out(draft: Draft, code: str) -> None:
    """Lets a department have what has come since it got its task. A step that waits goes out with it anyway,
    one that is held when it is let go on, one that waits for a supplement together with that.
    """
    step = draft.steps[code]
    if step.state in _HAS_TASK:
        flow.say_reached(draft, code)
        flow.hand_out(draft, code)
    elif step.state is StepState.HELD:
        flow.retire_task(draft, code)
