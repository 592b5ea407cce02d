"""Grant: what begins for a step once it is decided in the applicant's favour, whoever recorded that."""

from __future__ import annotations

from onenet.domain import commitment, delivery, results, tolerance
from onenet.domain.draft import Draft
from onenet.domain.events import EventType


def follow(draft: Draft) -> None:
    """Begins it for each step that this command completed."""
    for event in tuple(draft.events):
        if event.type is EventType.STEP_COMPLETED and event.step is not None:
            if not event.data.get("deficiency_open"):
                tolerance.excuse(draft, event.step)
            results.issue(draft, event.step)
            delivery.begin(draft, event.step)
            commitment.await_check(draft, event.step)
