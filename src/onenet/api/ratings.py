"""Ratings: the applicant rates a stage, the office handles bad ones, everybody may see the figures.

A department does not learn which case a rating without a name is of: neither by a member, nor by its moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import cursors, progress
from onenet.api import rating_examples as examples
from onenet.api.answers import SHARED, answer, as_json, page, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId, CaseNumber
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.idempotency import once, once_of
from onenet.api.operations import Answers, Operations, caller
from onenet.api.parts import parts
from onenet.api.rating_shapes import (
    RATING_ID,
    Classify,
    FigureQuery,
    NewRating,
    RatingAct,
    RatingFiguresShape,
    RatingList,
    RatingQuery,
    RatingShape,
    RatingWords,
    Repair,
)
from onenet.api.shapes import Page, given, moment
from onenet.domain import ratings as rules
from onenet.domain.case import Case
from onenet.domain.commands import GiveRating, HandleRating
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal, Role
from onenet.domain.rating_figures import Line
from onenet.domain.ratings import Act, Rating, ratings_of
from onenet.domain.visibility import View
from onenet.errors import BadCursor
from onenet.services import cases, ratings
from onenet.services.cases import Replying
from onenet.services.change import Once, Result
from onenet.services.ratings import Found
from onenet.store import ratings as store
from onenet.store.idempotency import StoredAnswer
from onenet.store.ratings import Place, Wanted

operations = Operations("ratings")

KEY = ("Idempotency-Key",)

ListQuery = Annotated[RatingQuery, Query()]
Figures = Annotated[FigureQuery, Query()]
RatingKey = Annotated[str, Path(pattern=RATING_ID, json_schema_extra={"format": "uuid"})]
NewBody = Annotated[Body[NewRating], Depends(JsonBody(NewRating, examples.NEW_RATING))]
ActBody = Annotated[Body[RatingAct], Depends(JsonBody(RatingAct, examples.RATING_ACT))]

_GIVEN: Answers = {201: answers_with("The rating", RatingShape, examples.OWN_RATING)}


# ---- giving


@operations("POST", "/v1/cases/{case_id}/ratings", permission="ratings:write", answers=_GIVEN, takes=KEY)
async def rate_case(request: Request, case_id: CaseId, body: NewBody) -> Response:
    """Rates a stage of a case: acceptance once a department accepted it, closing once it is closed.

    Each stage is rated once. A level of 4 or 5 must be handled: whoever gave it under its name is contacted.
    """
    who, (case, _) = caller(request), await load(request, case_id)
    actor = who.name_for(Owner(case.client, case.subject))
    return await _give(request, case, body.value, actor, once(request, who, body.raw))


@operations(
    "POST",
    "/v1/progress/{number}/ratings",
    permission="secret",
    quota="lookup",
    answers=_GIVEN,
    takes=(progress.HEADER, *KEY),
)
async def rate_by_number(request: Request, number: CaseNumber, body: NewBody) -> Response:
    """Rates a stage, by whoever has the case's number and secret."""
    known = parts(request)
    case = await cases.track(known.database, known.catalogue, number, progress.secret_of(request))
    scope = f"progress:{case.id}"
    return await _give(request, case, body.value, scope, once_of(request, scope)(body.raw))


async def _give(request: Request, case: Case, said: NewRating, actor: str, once: Once) -> Response:
    known = parts(request)
    command = GiveRating(
        said.stage, said.level, said.channel, said.named, said.step, tuple(said.tags), said.text
    )

    def render(after: Case, decision: object) -> StoredAnswer:
        found = next(r for r in ratings_of(after.content.procedures) if r.stage is said.stage)
        members = _own_view(after, found, known.gate.clock.now())
        return StoredAnswer(201, as_json(members), {"Location": f"/v1/cases/{case.id}/ratings"})

    return _answer(await ratings.give(known.gate, case.id, command, Replying(actor, once, render)))


@operations(
    "GET",
    "/v1/cases/{case_id}/ratings",
    permission="cases:read",
    answers={200: answers_with("The ratings", RatingList, examples.CASE_RATINGS)},
)
async def list_case_ratings(request: Request, case_id: CaseId) -> Response:
    """Lists the ratings of a case; a department sees those that it answers for and that were named."""
    case, sight = await load(request, case_id)
    now = parts(request).gate.clock.now()
    found = [each for each in ratings_of(case.content.procedures) if _may_see(each, sight.view)]
    items = [_own_view(case, each, now, has_words=sight.view.has_words) for each in found]
    return answer(request, {"items": items})


def _may_see(rating: Rating, view: View) -> bool:
    return view.department is None or (rating.is_named and rating.department == view.department)


@operations(
    "GET",
    "/v1/rating-words",
    permission="public",
    answers={200: answers_with("Levels and aspects", RatingWords, examples.WORDS)},
)
async def get_rating_words(request: Request) -> Response:
    """Shows the levels and the aspects, whose words are fixed nationally."""
    return answer(request, examples.WORDS, cache=SHARED)


# ---- handling


@operations(
    "GET",
    "/v1/ratings",
    permission="ratings:read",
    answers={200: answers_with("A page of ratings, newest first", Page[RatingShape], examples.RATING_PAGE)},
)
async def list_ratings(request: Request, query: ListQuery) -> Response:
    """Lists ratings: those that a department answers for, or all of a jurisdiction."""
    who, known = caller(request), parts(request)
    filters = {"list": "ratings", "of": who.id, "state": query.state, "overdue": query.overdue}
    now = known.gate.clock.now()
    reach = await ratings.reach_of(known.catalogue, who, now)
    wanted = Wanted(query.state, now if query.overdue else None)
    found, after = await ratings.page(
        known.database, reach, wanted, _place(query.cursor, filters), query.size
    )
    cursor = cursors.write([after.rated_on, str(after.id)], filters) if after else None
    return answer(request, page(request, [_row_view(row, now) for row in found], cursor))


@operations(
    "GET",
    "/v1/ratings/{rating}",
    permission="ratings:read",
    answers={200: answers_with("The rating", RatingShape, examples.RATING)},
)
async def get_rating(request: Request, rating: RatingKey) -> Response:
    """Shows a rating with what was said; the look is on record first."""
    who, known = caller(request), parts(request)
    found = await _find(request, rating)
    members = _office_view(found, who, known.gate.clock.now())
    fields = tuple(f"applicant.{name}" for name in members.get("rater", ()))
    look = ratings.look(found, who, known.machine_clock.now(), fields)
    await known.reading.accesses.write([look])
    return answer(request, members)


@operations(
    "POST",
    "/v1/ratings/{rating}/actions",
    permission="ratings:handle",
    answers={200: answers_with("The rating as it now is", RatingShape, examples.CLASSIFIED)},
    takes=KEY,
)
async def act_on_rating(request: Request, rating: RatingKey, body: ActBody) -> Response:
    """Does the next thing about a bad rating; the reason goes on record. `possible` says which there are."""
    who, known = caller(request), parts(request)
    found, said = await _find(request, rating), body.value.root
    command = HandleRating(
        found.row["id"],
        Act(said.act),
        said.reason,
        verdict=said.verdict if isinstance(said, Classify) else None,
        due_on=said.due_on if isinstance(said, Repair) else None,
        is_supervisor=who.role is Role.SUPERVISOR,
    )

    def render(after: Case, decision: object) -> StoredAnswer:
        changed = ratings.rating_in(after, found.row["id"])
        row = store.row(after, changed) if changed else found.row
        members = _office_view(Found(row, after, changed), who, known.gate.clock.now())
        return StoredAnswer(200, as_json(members), {})

    actor = who.name_for(Owner(found.case.client, found.case.subject))
    replying = Replying(actor, once(request, who, body.raw), render)
    return _answer(await ratings.handle(known.gate, found.case.id, command, replying))


async def _find(request: Request, rating: str) -> Found:
    known = parts(request)
    reach = await ratings.reach_of(known.catalogue, caller(request), known.gate.clock.now())
    return await ratings.find(known.database, known.catalogue, reach, UUID(rating))


# ---- figures


@operations(
    "GET",
    "/v1/rating-figures",
    permission="public",
    answers={200: answers_with("The figures", RatingFiguresShape, examples.FIGURES)},
    problems=(404,),
)
async def get_rating_figures(request: Request, query: Figures) -> Response:
    """Shows how many ratings there were in a month, up to yesterday, and how many of them satisfied.

    Ratings that were removed on appeal are not counted; lines of fewer than five ratings are not told.
    """
    known = parts(request)
    now = known.gate.clock.now()
    found = await known.rating_figures.of(query.by, query.month, query.jurisdiction, now)
    members = {
        "month": query.month,
        "by": query.by,
        "jurisdiction": query.jurisdiction,
        "total": _line(found.total) if found.total else None,
        "items": [_line(line) for line in found.lines],
        "withheld": found.withheld,
    }
    return answer(request, given(members), cache="public, max-age=60")


def _line(line: Line) -> dict[str, Any]:
    return {**line._asdict(), "share": round(line.satisfied / line.ratings, 3)}


# ---- views


def _row_view(row: store.Row, now: datetime) -> dict[str, Any]:
    """What everybody is told who sees the rating at all."""
    due_at: datetime | None = row["due_at"]
    plain = ("stage", "level", "state", "department", "jurisdiction", "bundle", "item", "rated_on")
    return given(
        {
            "id": str(row["id"]),
            **{name: row[name] for name in plain},
            "named": bool(row["is_named"]),
            "due_at": moment(due_at) if due_at else None,
            "is_overdue": due_at is not None and due_at <= now,
            "links": {"self": f"/v1/ratings/{row['id']}"},
        }
    )


def _said(rating: Rating) -> dict[str, Any]:
    return {
        "tags": list(rating.tags),
        "tags_version": rating.tags_version,
        "text": rating.text,
        "channel": rating.channel,
        "verdict": rating.verdict,
    }


def _own_view(case: Case, rating: Rating, now: datetime, *, has_words: bool = True) -> dict[str, Any]:
    """A rating for who looks at its case."""
    members = _row_view(store.row(case, rating), now) | (_said(rating) if has_words else {})
    return given({name: value for name, value in members.items() if name != "links"})


def _office_view(found: Found, who: Principal, now: datetime) -> dict[str, Any]:
    """A rating alone, for the office."""
    row, case, rating = found.row, found.case, found.rating
    members = _row_view(row, now)
    is_of_department = who.role in (Role.OFFICER, Role.DEPARTMENT)
    if row["is_named"] or not is_of_department:
        members |= {"case": str(case.id), "number": case.number}
    if rating is None:
        return members
    if who.role is not Role.AUDITOR:
        members |= _said(rating)
    if "ratings:handle" in who.permissions:
        acts = rules.possible(rating, is_supervisor=who.role is Role.SUPERVISOR)
        members["possible"] = [act.value for act in acts]
    if rating.is_named and is_of_department:
        rater = asdict(case.content.applicant)
        members["rater"] = given({name: rater[name] for name in ("name", "phone")})
    return given(members)


def _place(cursor: str | None, filters: Mapping[str, Any]) -> Place | None:
    place = cursors.read(cursor, filters, parts=2)
    if place is None:
        return None
    try:
        return Place(place[0], UUID(place[1]))
    except ValueError:
        raise BadCursor from None


def _answer(result: Result) -> Response:
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return stored(result.answer, replayed=result.replayed)
