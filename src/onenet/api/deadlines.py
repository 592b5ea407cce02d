"""The deadlines of a step and of a case, explained day by day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, examples
from onenet.api.answers import answer
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.api.shapes import Answer, Limit, Moment, Names, extensible, given, moment
from onenet.domain.calendar import local_day
from onenet.domain.case import Case
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import CountedDay, Deadline
from onenet.domain.limits import Deadlines
from onenet.domain.procedures import Extension
from onenet.domain.visibility import View
from onenet.errors import NotFound
from onenet.services import deadlines

operations = Operations("cases")

REASONS = ["weekend", "holiday", "special_procedure", "supplement", "restart"]


class PauseShape(Answer):
    """While the clock stood still; without `until` it does now."""

    since: datetime
    until: datetime | None = None
    reason: Annotated[str, Field(json_schema_extra=extensible(["special_procedure", "supplement"]))]


class ClockShape(Answer):
    """When the clock began to run, began anew with a supplement, stood still, and ended with step or case."""

    started_at: datetime
    restarted_at: datetime | None = None
    ended_at: datetime | None = None
    pauses: list[PauseShape]


class DayShape(Answer):
    """A day on the way: the how-manieth of the limit it is, or why it is not counted.

    `make_up`: a Saturday or Sunday on which offices work. `names`: of the holiday. `added`: by the extension.
    """

    on: date
    number: int | None = None
    reason: Annotated[str | None, Field(json_schema_extra=extensible(REASONS))] = None
    make_up: bool | None = None
    added: bool | None = None
    names: Names | None = None


class ExtensionShape(Answer):
    """What came on top of the limit, in its unit, and who approved it, why and when."""

    days: int
    approved_by: str
    reason: str
    at: Moment


class DeadlineShape(Answer):
    """Until when a limit runs; without `due_at` the clock stands still, and nobody knows.

    `due_at` is the end of the day `due_on`, local time, or when the office closes then. `days_left`: how many
    of its days come after today. `is_provisional`: a year on the way has no published make-up days yet, so it
    may still move. Of a limit in office hours no day has a number.
    """

    limit: Limit
    extension: ExtensionShape | None = None
    due_at: datetime | None = None
    due_on: date | None = None
    days_left: int | None = None
    is_overdue: bool
    is_provisional: bool
    days: list[DayShape]


class CaseDeadlinesShape(Answer):
    """Promised and statutory deadline of the whole side by side, beside those of its steps.

    Its clock begins with the first of theirs. It stands still while one of them does and none runs, and while
    nobody but the applicant can act.
    `calendars`: of each year on the way, the earliest first; while nothing is counted, of the year in which
    the clock began, or of this one.
    """

    clock: ClockShape | None = None
    promised: DeadlineShape | None = None
    statutory: DeadlineShape | None = None
    calendars: list[str]


class StepDeadlinesShape(CaseDeadlinesShape):
    """Promised and statutory deadline side by side. A limit's clock begins when the department accepts."""

    step: str


@operations(
    "GET",
    "/v1/cases/{case_id}/steps/{step}/deadline",
    permission="cases:read",
    answers={200: answers_with("The deadlines", StepDeadlinesShape, examples.DEADLINE)},
)
async def explain_deadline(request: Request, case_id: CaseId, step: StepCode) -> Response:
    """Explains until when a step has to be decided: each day on the way, counted or not, and why.

    It is worked out anew each time, by the calendar as it is published now.
    """
    case, sight = await load(request, case_id)
    if step not in {shown["code"] for shown in case_views.step_views(case, sight.view)}:
        raise NotFound
    found = await deadlines.of_step(parts(request).catalogue, case, step)
    return answer(request, {"step": step, **_explained(request, case, found, sight.view)})


@operations(
    "GET",
    "/v1/cases/{case_id}/deadline",
    permission="cases:read",
    answers={200: answers_with("The deadlines", CaseDeadlinesShape, examples.CASE_DEADLINE)},
)
async def explain_case_deadline(request: Request, case_id: CaseId) -> Response:
    """Explains until when the whole case has to be decided, as for a step."""
    case, sight = await load(request, case_id)
    found = await deadlines.of_case(parts(request).catalogue, case)
    return answer(request, _explained(request, case, found, sight.view))


def _explained(request: Request, case: Case, found: Deadlines, view: View) -> dict[str, Any]:
    now = parts(request).gate.clock.now()
    until = (found.clock and found.clock.ended_at) or now
    promised, statutory = (
        each and _deadline(each, case, until, view) for each in (found.promised, found.statutory)
    )
    return given(
        {
            "clock": found.clock and _clock(found.clock),
            "promised": promised,
            "statutory": statutory,
            "calendars": [f"/v1/calendar/{case.jurisdiction}/{year}" for year in _years(case, found, now)],
        }
    )


def _years(case: Case, found: Deadlines, now: datetime) -> list[int]:
    """The years whose days tell what was counted and what was not."""
    counted = [each.days for each in (found.promised, found.statutory) if each]
    begun_at = found.clock.started_at if found.clock else now
    years = {each.day.on.year for days in counted for each in days}
    return sorted(years or {local_day(begun_at, case.utc_offset_minutes).year})


def _clock(clock: Clock) -> dict[str, Any]:
    return given(
        {
            "started_at": moment(clock.started_at),
            "restarted_at": moment(clock.restarted_at) if clock.restarted_at else None,
            "ended_at": moment(clock.ended_at) if clock.ended_at else None,
            "pauses": [
                given(
                    {
                        "since": moment(each.since),
                        "until": moment(each.until) if each.until else None,
                        "reason": each.reason,
                    }
                )
                for each in clock.pauses
            ],
        }
    )


def _deadline(found: Deadline, case: Case, until: datetime, view: View) -> dict[str, Any]:
    """`until`: the moment its clock ended, or now."""
    said = found.extension if view.has_words else None
    return given(
        {
            "limit": case_views.limit_view(found.limit),
            "extension": said and _extension(said),
            "due_at": moment(found.due_at) if found.due_at else None,
            "due_on": found.due_on.isoformat() if found.due_on else None,
            "days_left": found.left(local_day(until, case.utc_offset_minutes)),
            "is_overdue": found.due_at is not None and until >= found.due_at,
            "is_provisional": found.is_provisional,
            "days": [_day(each, found.limit.number) for each in found.days],
        }
    )


def _extension(said: Extension) -> dict[str, Any]:
    return {
        "days": said.days, "approved_by": said.approved_by, "reason": said.reason, "at": moment(said.at)
    }  # fmt: skip


def _day(each: CountedDay, limit: int) -> dict[str, Any]:
    day = each.day
    return given(
        {
            "on": day.on.isoformat(),
            "number": each.number,
            "reason": each.reason,
            "make_up": True if day.why == "make_up" else None,
            "added": True if each.number is not None and each.number > limit else None,
            "names": dict(day.names) if day.names and each.reason == "holiday" else None,
        }
    )
