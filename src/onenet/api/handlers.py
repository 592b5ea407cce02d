"""From an error that was raised to the answer that reports it; and OPTIONS, which no route states."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from onenet import occasion, security_log
from onenet.api import faults, negotiation, problems
from onenet.api.charging import charge_address
from onenet.api.operations import operation_of
from onenet.api.parts import parts
from onenet.errors import (
    DocumentRefused,
    InvalidInput,
    MethodNotAllowed,
    MisconfiguredError,
    NotFound,
    OnenetError,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
)

RETRY_MISCONFIGURED_S = 60

log = structlog.get_logger(__name__)

EVENTS = {
    401: "authentication_failed",
    403: "authorisation_denied",
    413: "oversized",
    429: "rate_limited",
}
"""Problems that are security events as well, by status."""


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem."""
    app.add_exception_handler(OnenetError, on_error)
    app.add_exception_handler(RequestValidationError, on_refused_parameters)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_error)


async def on_error(request: Request, error: Exception) -> Response:
    """The problem for one of our own errors; any other one is `internal`, and says nothing of itself."""
    if isinstance(error, MisconfiguredError):
        # What is to be changed is the operator's to know; nothing is lost, so that whoever asked asks again.
        log.error("request.failed", request_id=request.state.mark.request_id, error=str(error))
        error = Unavailable(retry_after_s=RETRY_MISCONFIGURED_S)
    known = _counted(request, error) if isinstance(error, OnenetError) else OnenetError()
    if (kind := _event_of(request, known)) is not None and not _is_told(known):
        security_log.report(kind, ",".join(known.policies) or _reason(known))
    return request.app.state.error_page(request, known) or problems.response(
        known,
        public_url=parts(request).public_url,
        language=negotiation.language(request.headers.get("accept-language")),
        mark=request.state.mark,
    )


def _event_of(request: Request, error: OnenetError) -> str | None:
    """What to tell of it. What is not there and what is another's are the same here as for whoever asked."""
    stated = operation_of(request.scope.get("route"))
    if isinstance(error, NotFound) and stated is not None and stated.needs_key:
        return None if stated.permission == "catalogue:read" else "asked_in_vain"
    return "document_refused" if isinstance(error, DocumentRefused) else EVENTS.get(error.status)


def _reason(error: OnenetError) -> str:
    """The code of the error, or of what was wrong with a file."""
    return error.faults[0].code if isinstance(error, DocumentRefused) else error.code


def _counted(request: Request, error: OnenetError) -> OnenetError:
    """The error, or QuotaExceeded when its address was wrong too often; who is right still comes in."""
    if not isinstance(error, Unauthenticated | NotFound):
        return error
    stated = operation_of(request.scope.get("route"))
    if isinstance(error, NotFound) and (stated is None or stated.permission != "secret"):
        return error
    try:
        charge_address(request, "failures")
    except QuotaExceeded as exceeded:
        return exceeded
    return error


def _is_told(error: OnenetError) -> bool:
    """Whether a service has told of it already, and knew more: why a token or a signature was refused."""
    here = occasion.present()
    return error.status == 401 and here is not None and here.told != ""


async def on_refused_parameters(request: Request, error: Exception) -> Response:
    """The problem for a path, a query or headers that FastAPI refuses."""
    entries = error.errors() if isinstance(error, RequestValidationError) else ()
    return await on_error(request, faults.of_request(entries))


async def on_http_error(request: Request, error: Exception) -> Response:
    """The problem for what the router refuses: unknown paths and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status != 405:
        return await on_error(request, NotFound() if status == 404 else InvalidInput())
    allowed = ", ".join(methods_of(request.app.routes, request.scope["path"]))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed})
    answer = await on_error(request, MethodNotAllowed())
    answer.headers["Allow"] = allowed
    return answer


def methods_of(routes: Sequence[BaseRoute], path: str) -> list[str]:
    """Every method that is served at this path."""
    found = {"OPTIONS"}
    for route in routes:
        if isinstance(route, Route) and route.methods and route.path_regex.match(path):
            found |= route.methods
    return sorted(found | {"HEAD"} if "GET" in found else found)
