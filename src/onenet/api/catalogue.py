"""The catalogue: what can be applied for, and guidance from answers to items, materials and form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import catalogue_examples as examples
from onenet.api import catalogue_views as views
from onenet.api import cursors
from onenet.api.answers import SHARED, answer, page
from onenet.api.bodies import Body, JsonBody
from onenet.api.catalogue_shapes import (
    BundleListQuery,
    BundleShape,
    BundleSummary,
    CalendarShape,
    DepartmentShape,
    GuidanceAnswer,
    GuidanceRequest,
    ItemShape,
    JurisdictionShape,
)
from onenet.api.consents import offer_view
from onenet.api.contract import answers_with
from onenet.api.operations import Operations, on_behalf
from onenet.api.parts import parts
from onenet.api.shapes import CODE_PATTERN, Ordinal, Page, PageQuery, Year
from onenet.domain.bundle import Bundle, Department, Jurisdiction
from onenet.errors import NotFound
from onenet.services import offers
from onenet.services.delegations import owner_of
from onenet.services.guidance import Guidance, guide

operations = Operations("catalogue")

BundleCode = Annotated[str, Path(pattern=CODE_PATTERN)]
BundleVersion = Annotated[Ordinal, Path()]
JurisdictionCode = Annotated[str, Path(pattern=CODE_PATTERN)]
CalendarYear = Annotated[Year, Path()]
Bundles = Annotated[BundleListQuery, Query()]
Anything = Annotated[PageQuery, Query()]
Answers = Annotated[Body[GuidanceRequest], Depends(JsonBody(GuidanceRequest, examples.GUIDANCE_ANSWERS))]

Coded = TypeVar("Coded", Bundle, Department, Jurisdiction)


@operations(
    "GET",
    "/v1/bundles",
    permission="catalogue:read",
    answers={200: answers_with("A page of bundles, by code", Page[BundleSummary], examples.BUNDLE_PAGE)},
)
async def list_bundles(request: Request, query: Bundles) -> Response:
    """Lists the latest version of each bundle."""
    found = await parts(request).catalogue.bundles(query.q, query.audience, query.jurisdiction)
    filters = {"q": query.q, "audience": query.audience, "jurisdiction": query.jurisdiction}
    return _page(request, found, query, {"list": "bundles", **filters}, views.bundle_summary)


@operations(
    "GET",
    "/v1/bundles/{code}",
    permission="catalogue:read",
    answers={200: answers_with("The latest version", BundleShape, examples.BUNDLE)},
)
async def get_bundle(request: Request, code: BundleCode) -> Response:
    """Shows the latest version of a bundle."""
    return answer(request, views.bundle_view(await parts(request).catalogue.latest(code)), cache=SHARED)


@operations(
    "GET",
    "/v1/bundles/{code}/versions/{version}",
    permission="catalogue:read",
    answers={200: answers_with("The version", BundleShape, examples.BUNDLE)},
)
async def get_bundle_version(request: Request, code: BundleCode, version: BundleVersion) -> Response:
    """Shows one published version of a bundle, which never changes."""
    return answer(
        request, views.bundle_view(await parts(request).catalogue.bundle(code, version)), cache=SHARED
    )


@operations(
    "POST",
    "/v1/bundles/{code}/guidance",
    permission="catalogue:read",
    answers={200: answers_with("Where the answers lead", GuidanceAnswer, examples.GUIDANCE)},
    problems=(409,),
)
async def guide_through_bundle(request: Request, code: BundleCode, body: Answers) -> Response:
    """Guides from the answers so far to the next question, the items, the materials, the form, days and fees.

    Nothing is stored. Ask again with one answer more until `is_settled`. Then it tells what the caller handed
    in before, and may use again.
    """
    said = body.value
    found = await guide(parts(request).catalogue, code, said.version, said.answers, said.subjects or 1)
    return answer(request, views.guidance_view(found) | await _reusable(request, found))


async def _reusable(request: Request, found: Guidance) -> dict[str, Any]:
    """What somebody has of the materials that are asked for, once it is settled which these are."""
    who, known = on_behalf(request), parts(request)
    if not found.plan.is_settled or who.subject is None or "consents:read" not in who.permissions:
        return {}
    asked = {material.code for material in found.plan.materials}
    had = await offers.of(known.vault, known.catalogue, found.bundle, owner_of(who))
    return {"reusable": [offer_view(each) for each in had if each.material in asked]}


@operations(
    "GET",
    "/v1/items/{code}",
    permission="catalogue:read",
    answers={200: answers_with("The item", ItemShape, examples.ITEM)},
)
async def get_item(request: Request, code: BundleCode) -> Response:
    """Shows one departmental service, as the latest bundles that hold it publish it."""
    found = views.item_view(code, await parts(request).catalogue.bundles())
    if found is None:
        raise NotFound
    return answer(request, found, cache=SHARED)


@operations(
    "GET",
    "/v1/departments",
    permission="catalogue:read",
    answers={200: answers_with("Departments, by code", Page[DepartmentShape], examples.DEPARTMENTS)},
)
async def list_departments(request: Request, query: Anything) -> Response:
    """Lists the departments."""
    found = await parts(request).catalogue.departments()
    return _page(request, found, query, {"list": "departments"}, views.department)


@operations(
    "GET",
    "/v1/jurisdictions",
    permission="catalogue:read",
    answers={200: answers_with("Jurisdictions, by code", Page[JurisdictionShape], examples.JURISDICTIONS)},
)
async def list_jurisdictions(request: Request, query: Anything) -> Response:
    """Lists the jurisdictions, a tree by `parent`."""
    found = await parts(request).catalogue.jurisdictions()
    return _page(request, found, query, {"list": "jurisdictions"}, views.jurisdiction)


@operations(
    "GET",
    "/v1/calendar/{jurisdiction}/{year}",
    permission="catalogue:read",
    answers={200: answers_with("The year", CalendarShape, examples.CALENDAR)},
)
async def get_calendar(request: Request, jurisdiction: JurisdictionCode, year: CalendarYear) -> Response:
    """Shows the working days of a year in a jurisdiction: all but weekends, holidays off, make-up days on.

    While a year is provisional its make-up days are not published yet, and may change what is counted.
    """
    calendar = await parts(request).catalogue.calendar(jurisdiction)
    return answer(request, views.calendar(jurisdiction, calendar, year), cache=SHARED)


def _page(
    request: Request,
    found: Sequence[Coded],
    query: PageQuery,
    filters: Mapping[str, Any],
    view: Callable[[Coded], dict[str, Any]],
) -> Response:
    """A page of what is in memory whole, by code."""
    place = cursors.read(query.cursor, filters, parts=1)
    left = [each for each in found if place is None or each.code > place[0]]
    shown = left[: query.size]
    cursor = cursors.write([shown[-1].code], filters) if len(left) > len(shown) else None
    return answer(request, page(request, [view(each) for each in shown], cursor), cache=SHARED)
