"""The page on which a stage of a case is rated, by whoever has its number and secret.

A page of its own: the case's page loads itself anew, and would take away what somebody is writing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.console.counting import counted
from onenet.console.forms import check_origin, read_form, see
from onenet.console.pages import language_of, language_query, page
from onenet.console.trouble import trouble
from onenet.console.views import ProgressPages
from onenet.domain.case import Case
from onenet.domain.commands import GiveRating
from onenet.domain.rating_handling import ratable
from onenet.domain.ratings import LEVELS, Channel, Stage, tags_for
from onenet.errors import AlreadyRated, NotFound, OnenetError, StageNotReached
from onenet.quotas import Quotas
from onenet.services import ratings
from onenet.services.advance import Gate
from onenet.services.cases import Replying

ACTOR = "applicant:progress"
LONGEST_TEXT = 2_000
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class RatingPages:
    """The page, over the pages of cases, which know whose browser it is."""

    def __init__(self, progress: ProgressPages, gate: Gate, quotas: Quotas, public_url: str):
        """`public_url`: where browsers reach the service."""
        self._progress = progress
        self._gate = gate
        self._quotas = quotas
        self._public_url = public_url

    def routes(self) -> list[Route]:
        """To be added to the application."""
        path = "/track/{number}/ratings/{stage}"
        return [
            Route(path, counted(self.ask, self._quotas, "lookup"), methods=["GET"]),
            Route(path, counted(self.rate, self._quotas, "lookup"), methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Asks for the rating."""
        try:
            case, stage = await self._case(request), _stage(request)
        except OnenetError as error:
            return trouble(request, error)
        if stage not in ratable(case):
            return trouble(request, StageNotReached(), "rate_not_now")
        return _asking(request, case, stage)

    async def rate(self, request: Request) -> Response:
        """Takes it, and leads back to the case. Sent twice it is taken once."""
        try:
            check_origin(request, self._public_url)
            case, stage = await self._case(request), _stage(request)
            said = await read_form(request)
            if said.get("level", "") not in map(str, LEVELS):
                return _asking(request, case, stage, said, problem="rate_missing")
            await ratings.give(self._gate, case.id, _command(request, stage, said), Replying(ACTOR))
        except AlreadyRated:
            pass  # by the same form, sent twice
        except StageNotReached as error:
            return trouble(request, error, "rate_not_now")
        except OnenetError as error:
            return trouble(request, error)
        return see(f"/track/{request.path_params['number']}{language_query(request)}")

    async def _case(self, request: Request) -> Case:
        case = await self._progress.case_of(request)
        if case is None:
            raise NotFound
        return case


def _stage(request: Request) -> Stage:
    try:
        return Stage(request.path_params["stage"])
    except ValueError:
        raise NotFound from None


def _command(request: Request, stage: Stage, said: Mapping[str, str]) -> GiveRating:
    channel = _channel(request)
    text = _UNSEEN.sub("", said.get("text", "")).strip()[:LONGEST_TEXT]
    return GiveRating(
        stage,
        int(said["level"]),
        channel,
        is_named="named" in said,
        tags=tuple(tag for tag in tags_for(channel) if f"tag:{tag}" in said),
        text=text or None,
    )


def _channel(request: Request) -> Channel:
    return Channel.MOBILE if request.headers.get("sec-ch-ua-mobile") == "?1" else Channel.PC


def _asking(
    request: Request,
    case: Case,
    stage: Stage,
    said: Mapping[str, str] | None = None,
    problem: str | None = None,
) -> Response:
    language = language_of(request)
    return page(
        "rating.html",
        request,
        status=400 if problem else 200,
        number=case.number,
        name=case.bundle.names[language],
        stage=stage.value,
        levels=[(level, names[language]) for level, names in LEVELS.items()],
        tags=[(code, names[language]) for code, names in tags_for(_channel(request)).items()],
        said=said,
        problem=problem,
    )
