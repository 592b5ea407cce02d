"""Proceedings: what a department does in a step before it decides: it lengthens a limit, it leads a hearing.

An officer does the same over the API. Here a department's system or a clerk says it in an answer, held to the
same rules (`extensions`, `hearings`). What a system says again as it is already changes nothing.
"""

from __future__ import annotations

from onenet.domain import extensions, hearings, moves
from onenet.domain.case import Reply, Step
from onenet.domain.commands import Extend, Hear
from onenet.domain.draft import Draft
from onenet.domain.outcome import Extended, Proceeding, RecordHearing, SetHearing, TellHearingRight
from onenet.domain.procedures import extension_of, hearing_of


def take_from_system(draft: Draft, step: Step, said: Proceeding) -> Reply:
    """Does what a department's system said, if it is not so already. Raises: as `take`."""
    return "unchanged" if is_so(step, said) else take(draft, step, said)


def take(draft: Draft, step: Step, said: Proceeding) -> Reply:
    """Does what the department said. Raises: Conflict by its name, and then nothing is changed."""
    match said:
        case Extended(limit, days, approved_by, reason):
            moves.check_step(draft, step, "extended", "no limit of the step runs, or it is not accepted")
            return extensions.extend(draft, Extend(step.code, limit, days, approved_by, reason))
        case TellHearingRight() | SetHearing() | RecordHearing():
            return hearings.hear(draft, Hear(step.code, said))


def is_so(step: Step, said: Proceeding) -> bool:
    """Whether the step is so already: who is asked where a task stands says it with every answer."""
    found = hearing_of(step.procedures)
    match said:
        case Extended(limit):
            given = extension_of(step.procedures, limit)
            return given is not None and said == Extended(limit, given.days, given.approved_by, given.reason)
        case TellHearingRight(reason):
            return found is not None and found.reason == reason
        case SetHearing(on, place):
            return found is not None and (found.on, found.place) == (on, place)
        case RecordHearing(minutes):
            return found is not None and found.minutes == minutes
