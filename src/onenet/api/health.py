"""Whether the process runs, and whether it can serve."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples
from onenet.api.answers import answer
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.api.shapes import Answer

operations = Operations("health")


class Health(Answer):
    """All is well; otherwise the answer is a problem."""

    status: str


@operations(
    "GET",
    "/health/live",
    permission="public",
    quota="health",
    answers={200: answers_with("The process runs", Health, examples.HEALTH)},
)
async def get_liveness(request: Request) -> Response:
    """Says that the process runs."""
    return answer(request, {"status": "ok"})


@operations(
    "GET",
    "/health/ready",
    permission="public",
    quota="health",
    answers={200: answers_with("The database answers", Health, examples.HEALTH)},
)
async def get_readiness(request: Request) -> Response:
    """Says whether the database answers, and so whether requests should be sent here."""
    await parts(request).database.ping()
    return answer(request, {"status": "ok"})
